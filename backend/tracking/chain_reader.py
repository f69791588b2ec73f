"""The chain read at many alphas: solids, their union, and what changes between them."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable

import numpy as np

from ..field_reader import Reader
from ..progress import CancelToken
from ..protocol.errors import BadRequest
from ..protocol.messages import TopologyChange
from ..shapes import Bool, UInt8
from ..surface.clean import CleanConfig
from .chain import Chain, key_name
from .quality import diagonal
from .relaxation import Surface
from .solids import Solid, clean, extract, read_solid, union
from .topology_changes import changes_between

INTERVALS = 8
"""The chain is read at multiples of 1 / INTERVALS between two prompts ..."""
FINEST = 32
"""... and, where two neighbours differ, at their middle, down to 1 / FINEST."""
FAR = 0.015
"""Neighbours differ where the surface of one is farther than this from the other's, as a share of
the diagonal."""
KEPT_BYTES = 256 * 2**20
"""Solids kept in memory: 32 of them at the default resolution."""


class ChainReader:
    """Fields and solids by alpha; the solids used last are kept.

    Args:
        resolution: Samples along each axis.
        cancel: Checked while reading.
    """

    def __init__(self, chain: Chain, resolution: int, cancel: CancelToken) -> None:
        self.chain = chain
        self.resolution = resolution
        self.cancel = cancel
        self.middles: list[float] = []
        """Alphas at which :meth:`survey` looked besides the multiples of 1 / INTERVALS."""
        self._surfaces: dict[float, Surface] = {}
        self._inside: dict[float, UInt8[np.ndarray, " bytes"]] = {}
        self._solids: OrderedDict[float, Solid] = OrderedDict()

    @property
    def alphas(self) -> list[float]:
        """Where :meth:`survey` looked, rising."""
        steps = range(INTERVALS * (len(self.chain.prompts) - 1) + 1)
        return sorted({*(step / INTERVALS for step in steps), *self.middles})

    def reader(self, alpha: float) -> Reader:
        return Reader(self.chain.field(alpha), self.cancel)

    def solid(self, alpha: float) -> Solid:
        """The cleaned solid at ``alpha``.

        Raises:
            BadRequest: there is nothing.
            Cancelled: asked to stop.
        """
        if alpha in self._solids:
            self._solids.move_to_end(alpha)
            return self._solids[alpha]
        solid = self._read(alpha)
        while self._solids and (len(self._solids) + 1) * solid.values.nbytes > KEPT_BYTES:
            self._solids.popitem(last=False)
        self._solids[alpha] = solid
        return solid

    def inside(self, alpha: float) -> Bool[np.ndarray, "n n n"]:
        """The voxels of the solid at ``alpha``, of which more are kept; raises as :meth:`solid`."""
        if alpha not in self._inside:
            solid = self._solids.get(alpha) or self._read(alpha)
            self._inside[alpha] = np.packbits(solid.inside)
        shape = (self.resolution,) * 3
        bits = np.unpackbits(self._inside[alpha], count=self.resolution**3)
        return bits.reshape(shape).astype(bool)

    def _read(self, alpha: float) -> Solid:
        solid = read_solid(self.reader(alpha), self.resolution)
        if not solid.inside.any():
            raise BadRequest(
                f"the model draws nothing at {key_name(self.chain.prompts, alpha)!r}: there "
                "is no surface anywhere",
                "use prompts that the model knows; `att3d generate` shows each by itself",
            )
        return solid

    def surface(self, alpha: float) -> Surface:
        """The object's surface at ``alpha``; raises as :meth:`solid` does."""
        if alpha not in self._surfaces:
            self._surfaces[alpha] = Surface(*extract(self.solid(alpha), self.cancel))
        return self._surfaces[alpha]

    def survey(
        self, progress: Callable[[float], None] = lambda _: None, finest: int = FINEST
    ) -> tuple[Solid, list[TopologyChange]]:
        """The union of the whole chain, cleaned, and the topology changes along it.

        Args:
            finest: Neighbours that differ are not looked between if they are this part of the way
                from one prompt to the next.

        Raises:
            BadRequest: somewhere there is nothing.
            Cancelled: asked to stop.
        """
        steps = INTERVALS * (len(self.chain.prompts) - 1)
        everything = self.solid(0.0)
        changes: list[TopologyChange] = []
        for step in range(1, steps + 1):
            alphas = self._between((step - 1) / INTERVALS, step / INTERVALS, finest)
            self.middles += alphas[1:-1]
            for before, now in itertools.pairwise(alphas):
                solid = self.solid(now)
                everything = union(everything, solid)
                changes += changes_between(self.solid(before), solid, (before, now))
            progress(step / steps)
        return clean(everything, CleanConfig()), changes

    def _between(self, before: float, now: float, finest: int) -> list[float]:
        """Alphas from ``before`` to ``now`` of which neighbours hardly differ."""
        if now - before <= 1.0 / finest or not self._differ(before, now):
            return [before, now]
        middle = 0.5 * (before + now)
        first, second = (self._between(*ends, finest) for ends in ((before, middle), (middle, now)))
        return [*first, *second[1:]]

    def _differ(self, before: float, now: float) -> bool:
        """Whether either surface is somewhere far from the other, or the topology changes."""
        one, other = self.surface(before), self.surface(now)
        far = FAR * diagonal(one.points)
        return (
            float(other.tree.query(one.points)[0].max()) > far
            or float(one.tree.query(other.points)[0].max()) > far
            or bool(changes_between(self.solid(before), self.solid(now), (before, now)))
        )
