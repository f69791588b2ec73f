"""Positions of one mesh's vertices at any alpha of a chain, and which alphas become keys."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float

from ..mesh.contour import contour
from ..mesh.fit import fit_faces
from ..mesh.simplify import decimate
from ..mesh.topology import Faces, Vertices
from ..progress import CancelToken
from .quality import SAMPLES, diagonal, distances, sample_surface
from .samples import ChainReader
from .settle import Surface, Topology, bring_lost, settle
from .shell import flow, solve
from .solids import Solid

EXTRA_MEAN, EXTRA_P95 = 0.03, 0.25
"""By how much, in % of the diagonal, a blend of two keys may be farther from the true object than
two samplings of the true object are from each other, before a key is put between them."""


def make_template(everything: Solid, budget: int, cancel: CancelToken) -> tuple[Vertices, Faces]:
    """The surface of the union of the whole chain, within the face budget.

    Raises:
        BadRequest: the budget is too small.
        Cancelled: asked to stop.
    """
    vertices, faces = contour(everything.values.copy(), 0.0, everything.bound, cancel)
    return decimate(vertices, faces, budget, cancel)


class Tracker:
    """Fits the template to the object at any alpha.

    Args:
        source: The chain.
        everything: The union of the whole chain.
        vertices, faces: The template: its surface.
    """

    def __init__(
        self, source: ChainReader, everything: Solid, vertices: Vertices, faces: Faces
    ) -> None:
        self.source = source
        self.everything = everything
        self.topology = Topology(vertices, faces)
        self.faces = faces
        self.positions: dict[float, Float[np.ndarray, "vertices 3"]] = {}
        self.absent: dict[float, Bool[np.ndarray, " vertices"]] = {}
        """Vertices of whole parts that the object does not have at a key."""

    def track(self, alpha: float) -> None:
        """Find the positions at ``alpha`` and keep them.

        Raises:
            BadRequest: there is nothing at ``alpha``.
            Cancelled: asked to stop.
        """
        cancel = self.source.cancel
        solid = self.source.solid(alpha)
        reader = self.source.reader(alpha)
        shell = solve(self.everything, solid, cancel)
        start, arrived = flow(shell, self.topology.vertices, cancel)
        start, absent = bring_lost(self.topology, start, arrived)
        surface = Surface(*self.surface(alpha))
        found = settle(reader, self.topology, surface, start, absent)
        fitted = fit_faces(reader, found, self.faces, solid.voxel)
        self.positions[alpha] = np.where(absent[:, None], found, fitted).astype(np.float32)
        self.absent[alpha] = absent

    def surface(self, alpha: float) -> tuple[Vertices, Faces]:
        """A fresh extraction of the cleaned object."""
        solid = self.source.solid(alpha)
        return contour(solid.values.copy(), 0.0, solid.bound, self.source.cancel)

    def choose(self, most: int, progress: Callable[[float], None] = lambda _: None) -> None:
        """Track every prompt, and between neighbours where blending is wrong, worst first.

        Args:
            most: Keys between two neighbouring prompts, both included.

        Raises:
            BadRequest: somewhere there is nothing.
            Cancelled: asked to stop.
        """
        pairs = len(self.source.chain.prompts) - 1
        total = (most - 1) * pairs + 1
        for prompt in range(pairs + 1):
            self.track(float(prompt))
            progress(len(self.positions) / total)
        for pair in range(pairs):
            keys = [float(pair), float(pair + 1)]
            excess = {keys[0]: self._excess(*keys)}
            while len(keys) < most and max(excess.values()) > 1.0:
                before = max(excess, key=lambda alpha: excess[alpha])
                after = keys[keys.index(before) + 1]
                middle = 0.5 * (before + after)
                self.track(middle)
                keys.insert(keys.index(after), middle)
                progress((pairs + 1 + pair * (most - 2) + len(keys) - 2) / total)
                if len(keys) < most:
                    excess[before] = self._excess(before, middle)
                    excess[middle] = self._excess(middle, after)

    def _excess(self, before: float, after: float) -> float:
        """How wrong the blend is half-way; above 1 is too wrong."""
        self.source.cancel.check()
        vertices, faces = self.surface(0.5 * (before + after))
        blend = 0.5 * (self.positions[before] + self.positions[after])
        generator = np.random.default_rng(0)
        count = SAMPLES // 2
        truth, again = (sample_surface(vertices, faces, count, generator) for _ in range(2))
        own = sample_surface(blend, self.faces, count, generator)
        size = diagonal(vertices)
        noise, found = distances(again, truth, size), distances(own, truth, size)
        return max((found.mean - noise.mean) / EXTRA_MEAN, (found.p95 - noise.p95) / EXTRA_P95)

    def place_absent(self) -> None:
        """Shrink a part that is absent at a key to a point where it is at the nearest key."""
        alphas = sorted(self.positions)
        for part in range(self.topology.parts):
            own = self.topology.part_of_vertex == part
            there = [alpha for alpha in alphas if not self.absent[alpha][own].any()]
            for alpha in alphas:
                if there and self.absent[alpha][own].any():
                    nearest = min(there, key=lambda other: abs(other - alpha))
                    self.positions[alpha][own] = self.positions[nearest][own].mean(axis=0)
