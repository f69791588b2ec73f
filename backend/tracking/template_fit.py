"""The template on the object at one alpha.

One flow from the template to the object does for most. Where the object is much less than the
template (the bare branches of a tree in leaf), the flow brings hardly any vertices into the deep
hollows, and faces span them: then the flow is interrupted at solids between the two, and on each
the mesh is spread anew. Where a crumb is left of something that was there (larger islands have a
template of their own), reaching it takes a sheet across the gap: then it is tried without. What is
nearest to the object is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.spatial import KDTree

from ..field_reader import Points, Reader
from ..progress import CancelToken
from ..shapes import Bool, Float
from ..surface.clean import CleanConfig
from ..surface.topology import Faces
from .harmonic_flow import Shell, between, flow, solve
from .relaxation import SettleConfig, Surface, Topology, bring_lost, settle
from .samples import sample_surface
from .solids import GridField, Solid, clean, extract, islands_of, only

LEVELS = (0.05, 0.2, 0.5, 0.8)
"""Potentials of the solids at which the flow is interrupted."""
SPREAD = SettleConfig(rounds=4)
"""How a mesh settles on solids that are spread out in alpha."""
TIGHT = SettleConfig(rounds=10, rim=100.0)
"""How a mesh settles on the object itself, drawing tight what spans gaps."""
GOOD = 0.02
"""Share of the two surfaces farther than :data:`FAR` from the other up to which nothing else is
tried ..."""
BAD = 0.1
"""... and up to which the flow is not interrupted, which takes longer."""
MUCH = 0.9
"""An interrupted flow leads elsewhere along the surface than the straight ones of the keys beside
it, so that the surface swims: it must be nearer by this factor."""
FAR = 1.5
"""Voxels."""
OUTLIERS = 0.2
"""Weight of the 95th percentile of the distances against their mean."""


class Fit(NamedTuple):
    """Where the template's vertices are on an object."""

    positions: Points
    absent: Bool[np.ndarray, " vertices"]
    """Vertices of whole parts that the object does not have: points."""


def distances(
    positions: Points, faces: Faces, surface: Surface, samples: int
) -> tuple[Float[np.ndarray, " samples"], Float[np.ndarray, " others"]]:
    """Distances from samples of a mesh to an object's surface, and from the surface's samples to
    the mesh, metres."""
    own = sample_surface(positions, faces, samples, np.random.default_rng(2)).points
    return surface.tree.query(own)[0], KDTree(own).query(surface.points)[0]


class Fitter:
    """Brings one template onto many objects.

    Args:
        topology: The template: the surface of ``everything``.
        everything: The union of the objects.
    """

    def __init__(self, topology: Topology, everything: Solid, cancel: CancelToken) -> None:
        self.topology = topology
        self.everything = everything
        self.cancel = cancel

    def fit(
        self, reader: Reader, solid: Solid, surface: Surface | None = None
    ) -> tuple[Fit, Surface]:
        """The template on ``solid``, which is the clean one of the reader's field, and its
        ``surface``, which is extracted unless given.

        Raises:
            Cancelled: asked to stop.
        """
        surface = surface or self.surface(solid)
        shell = solve(self.everything, solid, self.cancel)
        best = self._straight(reader, shell, surface)
        error, wrong = self._judge(best, surface, solid)
        if wrong <= GOOD:
            return best, surface
        for share, other in self._others(reader, shell, surface, wrong):
            error_of_other, _ = self._judge(other, surface, solid)
            if error_of_other < share * error:
                best, error = other, error_of_other
        return best, surface

    def surface(self, solid: Solid) -> Surface:
        return Surface(*extract(solid, self.cancel), self.topology.samples)

    def _others(
        self, reader: Reader, shell: Shell, surface: Surface, wrong: float
    ) -> Iterator[tuple[float, Fit]]:
        """Other attempts, each with the share of the error that it must get below."""
        islands = islands_of(shell.small, self.everything)
        if islands.any():
            mainland = only(shell.small, ~islands)
            there = solve(self.everything, mainland, self.cancel)
            yield 1.0, self._straight(reader, there, self.surface(mainland))
        if wrong > BAD:
            staged = self._staged(shell)
            for config in (None, TIGHT):
                yield MUCH, self._settled(reader, surface, staged, config)

    def _straight(self, reader: Reader, shell: Shell, surface: Surface) -> Fit:
        start = Fit(self.topology.vertices, np.zeros(self.topology.count, dtype=bool))
        return self._settled(reader, surface, self._follow(shell, start), None)

    def _staged(self, shell: Shell) -> Fit:
        """Bring the template onto the object, but do not settle it."""
        current = Fit(self.topology.vertices, np.zeros(self.topology.count, dtype=bool))
        for level in LEVELS:
            middle = clean(between(shell, level), CleanConfig())
            current = self._follow(replace(shell, small=middle), current)
            reader = Reader(GridField(middle), self.cancel)
            current = self._settled(reader, self.surface(middle), current, SPREAD)
        return self._follow(shell, current)

    def _follow(self, shell: Shell, start: Fit) -> Fit:
        end, arrived = flow(shell, start.positions, self.cancel)
        return Fit(*bring_lost(self.topology, end, arrived))

    def _settled(
        self, reader: Reader, surface: Surface, start: Fit, config: SettleConfig | None
    ) -> Fit:
        found = settle(reader, self.topology, surface, start.positions, start.absent, config)
        return Fit(found, start.absent)

    def _judge(self, fit: Fit, surface: Surface, solid: Solid) -> tuple[float, float]:
        """How far from the object, metres, and which share of the two surfaces is far."""
        both = np.concatenate(
            distances(fit.positions, self.topology.faces, surface, self.topology.samples)
        )
        error = float(both.mean()) + OUTLIERS * float(np.percentile(both, 95))
        return error, float((both > FAR * solid.voxel).mean())
