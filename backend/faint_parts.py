"""Parts that are thinner than a grid's cells, drawn whole.

A model of many things blurs what its cells cannot hold: a twig becomes a ridge of the pre-density
that comes up to the surface's level only here and there, and the surface is a string of crumbs. So
the level follows what is densest near a place. Beside what reaches the surface's level by far, it
is that level, and the surface stays where it is. Elsewhere it lies :data:`DEPTH` below the densest
value near, as far down as the checkpoint's ``faint`` says; what is less dense is nothing, and nor
are crumbs that are faint all through.

It is the pre-density that is raised here instead, so that the level is one number for everything
that reads a field. Pre-densities are those before the field's ``density_scale``.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, cast

import numpy as np
from scipy.ndimage import find_objects, gaussian_filter, label, maximum_filter

from .field_reader import Field, Points, Reader
from .progress import CancelToken
from .shapes import Bool, Float
from .surface.refine import near_surface

DEPTH = 1.5
"""Pre-density between a ridge and the surface around it: about half a centimetre."""
NEAR = 3
"""Samples of the lattice, each way, among which the densest is looked for."""
SMOOTHED = 0.7
"""Standard deviation, samples, by which levels are blurred, so that surfaces have no steps."""
SAMPLES_A_CELL = 2
MARGIN = 8.0
"""Pre-density that may change within a cell; beyond it nothing faint is looked for."""
LONG = 0.2
"""Length, metres for a ball of one metre, from which on a piece that is faint all through, and
beside nothing that is not, is drawn; what is shorter is a crumb."""
REACH = 2
"""Samples around what is faint at which the level is still as low: its surface is between them."""


class FaintParts:
    """A :class:`~backend.field_reader.Field` whose faint parts are raised to the surface's level.

    Args:
        field: The field as it is.
        faint: How far below the surface's level a part may be.
        finest: Vertices an axis of the finest grid that the field is read from.
    """

    def __init__(self, field: Field, faint: float, finest: int) -> None:
        self._field = field
        self._faint = faint * field.density_scale
        self._count = SAMPLES_A_CELL * finest

    @property
    def bound(self) -> float:
        return self._field.bound

    @property
    def level(self) -> float:
        return self._field.level

    @property
    def density_scale(self) -> float:
        return self._field.density_scale

    def pre_density(self, points: Points) -> Float[np.ndarray, " points"]:
        return self._field.pre_density(points) + self._raised(points)

    def sample(
        self, points: Points
    ) -> tuple[Float[np.ndarray, " points"], Float[np.ndarray, "points 3"]]:
        density, color = self._field.sample(points)
        return density + self._raised(points), color

    def lattice(
        self, x: Float[np.ndarray, " nx"], y: Float[np.ndarray, " ny"], z: Float[np.ndarray, " nz"]
    ) -> Float[np.ndarray, "nx ny nz"]:
        raised = self._offsets
        for axis, line in enumerate((x, y, z)):
            first, share = self._cells(line)
            shape = [1, 1, 1]
            shape[axis] = len(line)
            start = raised.take(first, axis)
            raised = start + share.reshape(shape) * (raised.take(first + 1, axis) - start)
        return self._field.lattice(x, y, z) + raised

    @cached_property
    def _offsets(self) -> Float[np.ndarray, "n n n"]:
        """The pre-density that is added, on a lattice from -bound to bound."""
        reader = Reader(self._field, CancelToken())
        values = near_surface(reader, self._count, self._count // SAMPLES_A_CELL, MARGIN)
        level = maximum_filter(values, NEAR) - DEPTH * self.density_scale
        raised = gaussian_filter(np.clip(self.level - level, 0.0, self._faint), SMOOTHED)
        shown = values + raised > self.level
        faint = self._without_crumbs(shown, values > self.level) & (values <= self.level)
        near = np.asarray(maximum_filter(faint, 2 * REACH + 1), dtype=bool)
        # Beside a solid part the level is that part's; where a twig meets it, it is the twig's.
        joint = maximum_filter(np.where(faint, raised, 0.0), NEAR)
        return np.where(near, np.maximum(raised, joint), 0.0).astype(np.float32)

    def _without_crumbs(
        self, shown: Bool[np.ndarray, "n n n"], solid: Bool[np.ndarray, "n n n"]
    ) -> Bool[np.ndarray, "n n n"]:
        """The pieces that are long, or have something that is solid in them or beside them."""
        pieces = np.zeros(shown.shape, dtype=np.int32)
        count = int(cast(Any, label(shown, np.ones((3, 3, 3)), output=pieces)))
        kept = np.zeros(count + 1, dtype=bool)
        beside = np.asarray(maximum_filter(solid, 2 * REACH + 1), dtype=bool)
        kept[np.unique(pieces[beside])] = True
        least = LONG * 0.5 * (self._count - 1)
        for number, box in enumerate(find_objects(pieces), start=1):
            kept[number] |= max(side.stop - side.start for side in box) >= least
        kept[0] = False
        return kept[pieces]

    @cached_property
    def _active(self) -> Bool[np.ndarray, " samples"]:
        """Whether there is an offset in the cell that begins at a sample."""
        offset = self._offsets > 0.0
        return maximum_filter(offset, 2, origin=-1).reshape(-1)

    def _raised(self, points: Points) -> Float[np.ndarray, " points"]:
        """These offsets at points, linear between samples along each axis."""
        first, share = self._cells(points)
        size = self._count
        start = (first[:, 0] * size + first[:, 1]) * size + first[:, 2]
        some = np.flatnonzero(self._active[start])
        start, share = start[some], share[some]
        flat = self._offsets.reshape(-1)
        raised = np.zeros(len(some), dtype=np.float32)
        for x, y, z in np.ndindex(2, 2, 2):
            weight = np.abs(share - np.array([1 - x, 1 - y, 1 - z], np.float32)).prod(axis=1)
            raised += weight * flat[start + (x * size + y) * size + z]
        found = np.zeros(len(points), dtype=np.float32)
        found[some] = raised
        return found

    def _cells(
        self, places: Float[np.ndarray, "*places"]
    ) -> tuple[np.ndarray, Float[np.ndarray, "*places"]]:
        """The sample before each place, along each axis, and how far it is to the next."""
        at = (places + np.float32(self.bound)) * np.float32((self._count - 1) / (2 * self.bound))
        first = np.clip(at.astype(np.int64), 0, self._count - 2)
        return first, np.clip(at - first, 0.0, 1.0).astype(np.float32)
