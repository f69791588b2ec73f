"""The chain read at many alphas: solids, their union, and what changes between them."""

from __future__ import annotations

import copy
import itertools
import math
from collections import OrderedDict
from collections.abc import Callable

import numpy as np

from ..field_reader import Field, Reader
from ..progress import CancelToken
from ..protocol.chain_quality import TopologyChange
from ..protocol.errors import BadRequest
from ..shapes import Bool, Int, UInt8
from ..surface.clean import CleanConfig
from .chain import END, FieldChain, key_name
from .quality import diagonal
from .relaxation import Surface
from .solids import Solid, clean, extract, largest_border, read_solid, union, without_specks
from .topology_changes import changes_between

INTERVALS = 8
"""The chain is read at multiples of 1 / INTERVALS between two prompts ..."""
FINEST = 32
"""... and, where two neighbours differ, at their middle, down to 1 / FINEST."""
FAR = 0.015
"""Neighbours differ where the surface of one is farther than this from the other's, as a share of
the diagonal."""
KEPT_BYTES = 384 * 2**20
"""Solids kept in memory: 96 of them at the default resolution, more than prompts that are unlike
need. (With a third of them, each was read nearly three times.)"""
LARGEST_VALUE = 6e4
"""Values are kept in half precision, which near zero is precise to a two-thousandth of a voxel."""
KEPT_FIELDS = 16
"""Fields kept in memory, each a few megabytes."""
MARGIN = 6
"""Samples around those that are asked for, in which specks are told from parts."""


class ChainReader:
    """Fields and solids by alpha; the solids used last are kept.

    Args:
        resolution: Samples along each axis.
        cancel: Checked while reading.
    """

    def __init__(self, chain: FieldChain, resolution: int, cancel: CancelToken) -> None:
        self.chain = chain
        self.resolution = resolution
        self.cancel = cancel
        self.first, self.last = 0.0, float(len(chain.prompts) - 1)
        """What is read of the chain: all of it, or a segment."""
        self._middles: list[float] = []
        """Alphas at which :meth:`survey` looked besides the multiples of 1 / INTERVALS."""
        self._surfaces: dict[float, Surface] = {}
        self._inside: dict[float, UInt8[np.ndarray, " bytes"]] = {}
        self._borders: dict[float, int] = {}
        self._solids: OrderedDict[float, Solid] = OrderedDict()
        self._fields: OrderedDict[float, Field] = OrderedDict()

    def segment(self, first: float, last: float) -> ChainReader:
        """The same between two alphas; what is kept in memory is shared."""
        part = copy.copy(self)
        part.first, part.last = first, last
        return part

    @property
    def regular(self) -> list[float]:
        """The two ends, and the multiples of 1 / INTERVALS between them, rising."""
        steps = range(math.ceil(INTERVALS * self.first), math.floor(INTERVALS * self.last) + 1)
        return sorted({self.first, *(step / INTERVALS for step in steps), self.last})

    @property
    def spans(self) -> list[list[float]]:
        """These from each prompt, or the first alpha, to the next, or the last."""
        whole = range(math.ceil(self.first + END), math.ceil(self.last - END))
        ends = [self.first, *(float(prompt) for prompt in whole), self.last]
        return [
            [alpha for alpha in self.regular if start <= alpha <= end]
            for start, end in itertools.pairwise(ends)
        ]

    @property
    def middles(self) -> list[float]:
        """Where :meth:`survey` looked besides :attr:`regular`."""
        return [
            alpha
            for alpha in self._middles
            if self.first < alpha < self.last and alpha not in self.regular
        ]

    @property
    def alphas(self) -> list[float]:
        """Where :meth:`survey` looked, rising."""
        return sorted({*self.regular, *self.middles})

    def reader(self, alpha: float) -> Reader:
        if alpha in self._fields:
            self._fields.move_to_end(alpha)
        else:
            while len(self._fields) >= KEPT_FIELDS:
                self._fields.popitem(last=False)
            self._fields[alpha] = self.chain.field(alpha)
        return Reader(self._fields[alpha], self.cancel)

    def solid(self, alpha: float) -> Solid:
        """The cleaned solid at ``alpha``.

        Raises:
            BadRequest: there is nothing.
            Cancelled: asked to stop.
        """
        if alpha in self._solids:
            self._solids.move_to_end(alpha)
        else:
            half = self._read(alpha)
            while self._solids and (len(self._solids) + 1) * half.values.nbytes > KEPT_BYTES:
                self._solids.popitem(last=False)
            self._solids[alpha] = half
        kept = self._solids[alpha]
        return Solid(kept.values.astype(np.float32), kept.bound)

    def inside(self, alpha: float) -> Bool[np.ndarray, "n n n"]:
        """The voxels of the solid at ``alpha``, which are kept of all that were read; raises as
        :meth:`solid` does."""
        if alpha not in self._inside:
            self.solid(alpha)
        count = self.resolution**3
        bits = np.unpackbits(self._inside[alpha], count=count)
        return bits.view(bool).reshape((self.resolution,) * 3)

    def holds(
        self, alpha: float, places: Int[np.ndarray, "places 3"]
    ) -> Bool[np.ndarray, " places"]:
        """Whether the solid at ``alpha`` is at these samples of the grid. Unless it has been read,
        only the box around the samples is.

        Raises:
            Cancelled: asked to stop.
        """
        if alpha in self._inside:
            index = np.ravel_multi_index(tuple(places.T), (self.resolution,) * 3)
            return (self._inside[alpha][index >> 3] >> (7 - (index & 7)) & 1).astype(bool)
        field = self.reader(alpha).field
        self.cancel.check()
        line = np.linspace(-field.bound, field.bound, self.resolution, dtype=np.float32)
        low = np.maximum(places.min(axis=0) - MARGIN, 0)
        high = np.minimum(places.max(axis=0) + MARGIN + 1, self.resolution)
        box = (line[first:last] for first, last in zip(low, high, strict=True))
        nearest = min(self._borders, key=lambda other: abs(other - alpha))
        least = CleanConfig().speck_share * self._borders[nearest]
        inside = without_specks(field.lattice(*box) > field.level, least)
        return inside[tuple((places - low).T)]

    def _read(self, alpha: float) -> Solid:
        """The solid, in half precision."""
        solid = read_solid(self.reader(alpha), self.resolution)
        values = solid.values.clip(-LARGEST_VALUE, LARGEST_VALUE).astype(np.float16)
        inside = values > 0
        if not inside.any():
            raise BadRequest(
                f"the model draws nothing at {key_name(self.chain.prompts, alpha)!r}: there "
                "is no surface anywhere",
                "use prompts that the model knows; `att3d generate` shows each by itself",
            )
        self._inside[alpha] = np.packbits(inside)
        self._borders[alpha] = largest_border(inside)
        return Solid(values, solid.bound)

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
            self._middles += alphas[1:-1]
            for before, now in itertools.pairwise(alphas):
                solid = self.solid(now)
                everything = union(everything, solid)
                changes += changes_between(self.solid(before), solid, (before, now))
            progress(step / steps)
        return clean(everything, CleanConfig()), changes

    def survey_closer(
        self, finest: int, progress: Callable[[float], None] = lambda _: None
    ) -> None:
        """Look between neighbours that differ, further than :meth:`survey` did.

        Raises:
            BadRequest: somewhere there is nothing.
            Cancelled: asked to stop.
        """
        pairs = list(itertools.pairwise(self.alphas))
        for done, (before, now) in enumerate(pairs):
            progress(done / len(pairs))
            self._middles += self._between(before, now, finest)[1:-1]

    def everything(self) -> Solid:
        """The union of what is read where :meth:`survey` looked, cleaned.

        Raises:
            Cancelled: asked to stop.
        """
        whole = self.solid(self.first)
        for alpha in self.alphas[1:]:
            self.cancel.check()
            whole = union(whole, self.solid(alpha))
        return clean(whole, CleanConfig())

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
