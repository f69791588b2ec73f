"""What breaks off gets a surface of its own.

The template joins whatever any alpha joins. Where the object comes apart on the way (the rim of a
brim outlives the brim), one surface could follow only with a sheet across the gap. So everything
that is ever an island, a part that is joined to a larger one in the template, is a second template:
at an alpha where it is an island it shows it; where it is joined to the rest it lies hidden just
inside; and where it is gone it is shrunk to nothing. The first template shows the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.ndimage import binary_dilation

from ..field_reader import Points
from ..shapes import Bool
from .solids import (
    Solid,
    border_voxels,
    intersection,
    islands_of,
    label_voxels,
    only,
    parts_holding,
    union,
)

LEAST = 0.008
"""Share of the object's border from which on an island is worth a surface."""


class Islands:
    """All islands of a chain.

    Args:
        everything: The union of the whole chain.
        alphas: Where to look.
        solid_at: The object at an alpha. Not all of them are kept in memory.
    """

    def __init__(
        self, everything: Solid, alphas: Sequence[float], solid_at: Callable[[float], Solid]
    ) -> None:
        self.everything = everything
        self.all: Solid | None = None
        """Their union; None if there are none."""
        self.alphas: list[float] = []
        """Where there are some."""
        some = []
        for alpha in alphas:
            solid = solid_at(alpha)
            islands = islands_of(solid, everything)
            if islands.any():
                some.append(alpha)
                self._add(solid, _large(solid, islands))
        if self.all is None:
            return
        for alpha in some:
            # What is left of one elsewhere is one, however small.
            solid = solid_at(alpha)
            own = self._own(islands_of(solid, everything))
            self._add(solid, own)
            if own.any():
                self.alphas.append(alpha)

    def split(self, solid: Solid) -> tuple[Solid, Solid, Bool[np.ndarray, "n n n"]]:
        """The rest, what the second template is to show, and which voxels of that are islands.

        In a part of the second template without an island that is the largest piece that the
        object fills: it lies inside the rest.
        """
        assert self.all is not None
        islands = self._own(islands_of(solid, self.everything))
        common = intersection(self.all, solid)
        pieces, count = label_voxels(common.inside)
        parts, _ = label_voxels(self.all.inside)
        size = np.bincount(pieces.reshape(-1), minlength=count + 1)
        size[np.unique(pieces[islands])] += solid.values.size  # before all others
        size[0] = 0
        part_of = np.zeros(count + 1, dtype=np.int64)
        part_of[pieces.reshape(-1)] = parts.reshape(-1)
        largest = {int(part_of[piece]): piece for piece in np.argsort(size, kind="stable")}
        kept = islands | np.isin(pieces, list(largest.values())) & common.inside
        return only(solid, ~islands), only(common, kept), islands

    def _own(self, islands: Bool[np.ndarray, "n n n"]) -> Bool[np.ndarray, "n n n"]:
        """The islands that touch one of :attr:`all`."""
        assert self.all is not None
        return parts_holding(islands, self.all.inside)

    def _add(self, solid: Solid, islands: Bool[np.ndarray, "n n n"]) -> None:
        if islands.any():
            more = only(solid, islands)
            self.all = more if self.all is None else union(self.all, more)


def near(
    solid: Solid, voxels: Bool[np.ndarray, "n n n"], points: Points
) -> Bool[np.ndarray, " points"]:
    """Which points lie within about a voxel of ``voxels`` of the solid's grid."""
    index = np.rint((points + solid.bound) / solid.voxel).astype(np.int64)
    x, y, z = index.clip(0, len(voxels) - 1).T
    return binary_dilation(voxels, np.ones((3, 3, 3), dtype=bool))[x, y, z]


def _large(solid: Solid, islands: Bool[np.ndarray, "n n n"]) -> Bool[np.ndarray, "n n n"]:
    pieces, count = label_voxels(islands)
    border = border_voxels(solid.inside)
    share = np.bincount(pieces[border], minlength=count + 1) / max(int(border.sum()), 1)
    worth = share >= LEAST
    worth[0] = False
    return worth[pieces]
