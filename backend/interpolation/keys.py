"""Positions of one mesh's vertices at any alpha of a chain, and which alphas become keys."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float

from ..mesh.contour import contour
from ..mesh.fit import fit_faces
from ..mesh.geometry import face_areas, vertex_normals
from ..mesh.simplify import decimate
from ..mesh.topology import Faces, Vertices
from ..progress import CancelToken
from .fitting import Fitter
from .quality import diagonal
from .samples import ChainReader
from .settle import Topology
from .solids import Solid
from .tuck import tuck

STEPS = 8
"""Alphas at which the mesh is tracked between two prompts are multiples of 1 / STEPS; the keys are
chosen among them."""
ENOUGH = 0.04
"""Mean distance of a blend of two keys from the tracked surface, % of the diagonal, at every alpha
between them, below which no further key is put there."""
APART = 0.004
"""By how much the two sides of a sheet without thickness are kept apart, metres."""


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
        self.fitter = Fitter(self.topology, everything, source.cancel)
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
        solid = self.source.solid(alpha)
        reader = self.source.reader(alpha)
        fit, surface = self.fitter.fit(reader, solid)
        found, absent = fit.positions, fit.absent
        fitted = fit_faces(reader, found, self.faces, solid.voxel)
        off, _ = surface.tree.query(found[self.faces].mean(axis=1))
        spanning = np.zeros(len(found), dtype=bool)
        spanning[self.faces[off > 1.5 * solid.voxel]] = True
        spanning |= absent
        # A sheet that the object does not have lies on itself; its sides must not show through.
        aside = found + APART * self.topology.normals
        self.positions[alpha] = np.where(
            absent[:, None], found, np.where(spanning[:, None], aside, fitted)
        ).astype(np.float32)
        self.absent[alpha] = absent

    def surface(self, alpha: float) -> tuple[Vertices, Faces]:
        """A fresh extraction of the cleaned object."""
        solid = self.source.solid(alpha)
        return contour(solid.values.copy(), 0.0, solid.bound, self.source.cancel)

    def track_all(self, progress: Callable[[float], None] = lambda _: None) -> None:
        """Track at every multiple of 1 / :data:`STEPS`.

        Raises:
            BadRequest: somewhere there is nothing.
            Cancelled: asked to stop.
        """
        steps = STEPS * (len(self.source.chain.prompts) - 1)
        for step in range(steps + 1):
            self.track(step / STEPS)
            progress((step + 1) / (steps + 1))
        self._place_absent()

    def tuck(self, alphas: list[float]) -> None:
        """Hide what shows from behind at ``alphas``.

        Raises:
            Cancelled: asked to stop.
        """
        for alpha in alphas:
            self.positions[alpha] = tuck(self.positions[alpha], self.faces, self.source.cancel)

    def choose(self, most: int) -> list[float]:
        """The alphas that become keys: every prompt, and between neighbours as few as will do.

        Args:
            most: Keys between two neighbouring prompts, both included.
        """
        chosen = [0.0]
        for pair in range(len(self.source.chain.prompts) - 1):
            steps = [pair + step / STEPS for step in range(STEPS + 1)]
            chosen += self._best_keys(steps, min(most, STEPS + 1))[1:]
        return chosen

    def _best_keys(self, alphas: list[float], most: int) -> list[float]:
        """Dynamic programming over the key before the last: least sum of squared errors."""
        count = len(alphas)
        worst = np.zeros((count, count))
        square = np.zeros((count, count))
        for i, j in itertools.combinations(range(count), 2):
            self.source.cancel.check()
            errors = [self._error(alphas[i], alphas[j], alphas[m]) for m in range(i + 1, j)]
            worst[i, j] = max(errors, default=0.0)
            square[i, j] = sum(error**2 for error in errors)
        # By the number of keys and the last one: sum of squares, worst error, keys.
        best: dict[tuple[int, int], tuple[float, float, tuple[int, ...]]] = {
            (1, 0): (0.0, 0.0, (0,))
        }
        last = count - 1
        chosen = (0, last)
        for size in range(2, most + 1):
            for j in range(size - 1, count):
                best[size, j] = min(
                    (
                        best[size - 1, i][0] + square[i, j],
                        max(best[size - 1, i][1], worst[i, j]),
                        (*best[size - 1, i][2], j),
                    )
                    for i in range(size - 2, j)
                    if (size - 1, i) in best
                )
            _, error, chosen = best[size, last]
            if error < ENOUGH:
                break
        return [alphas[index] for index in chosen]

    def _error(self, before: float, after: float, alpha: float) -> float:
        """Mean distance between the blend of two keys and what was tracked, along the normals;
        % of the diagonal."""
        share = (alpha - before) / (after - before)
        blend = (1.0 - share) * self.positions[before] + share * self.positions[after]
        real = self.positions[alpha]
        offset = blend - real
        own, other = self._vertex_areas(real), self._vertex_areas(blend)
        along = np.abs((offset * vertex_normals(real, self.faces)).sum(1))
        # What is squeezed to nothing has no normal.
        distance = np.where(own > 0.3 * other, along, np.linalg.norm(offset, axis=1))
        weight = np.maximum(own, other)
        mean = float((distance * weight).sum() / max(float(weight.sum()), 1e-12))
        return 100.0 * mean / diagonal(real)

    def _vertex_areas(self, vertices: Vertices) -> Float[np.ndarray, " vertices"]:
        area = face_areas(vertices, self.faces)
        return np.bincount(self.faces.reshape(-1), np.repeat(area, 3), len(vertices))

    def _place_absent(self) -> None:
        """Shrink a part that is absent at a key to a point where it is at the nearest key."""
        alphas = sorted(self.positions)
        for part in range(self.topology.parts):
            own = self.topology.part_of_vertex == part
            there = [alpha for alpha in alphas if not self.absent[alpha][own].any()]
            for alpha in alphas:
                if there and self.absent[alpha][own].any():
                    nearest = min(there, key=lambda other: abs(other - alpha))
                    there_at = self.positions[nearest]
                    weight = self._vertex_areas(there_at)[own]
                    self.positions[alpha][own] = np.average(there_at[own], 0, weight + 1e-12)
