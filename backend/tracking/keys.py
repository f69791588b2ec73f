"""Which alphas of a tracked chain become keys."""

from __future__ import annotations

import itertools

import numpy as np
from scipy.spatial import KDTree

from ..surface.geometry import face_areas
from ..surface.topology import Vertices
from .quality import sample_surface
from .vertex_tracker import STEPS, Tracker

ENOUGH = 0.04
"""Mean distance that blending two keys adds to the tracked mesh's, % of the diagonal, at every
alpha between them, below which no further key is put there."""
COMPARED = 12_000
"""Samples of a mesh that is compared with the object."""


def choose_keys(tracker: Tracker, most: int) -> list[float]:
    """Every prompt, and between neighbours as few of the tracked alphas as will do.

    Args:
        tracker: Has tracked every multiple of 1 / :data:`STEPS`.
        most: Keys between two neighbouring prompts, both included.

    Raises:
        Cancelled: asked to stop.
    """
    chosen = [0.0]
    for pair in range(len(tracker.source.chain.prompts) - 1):
        steps = [pair + step / STEPS for step in range(STEPS + 1)]
        chosen += _best_keys(tracker, steps, min(most, STEPS + 1))[1:]
    return chosen


def _best_keys(tracker: Tracker, alphas: list[float], most: int) -> list[float]:
    """Dynamic programming over the key before the last: least sum of squared distances from
    the object, at the keys, between them, and where the topology changes."""
    count = len(alphas)
    tracked = [_distance(tracker, tracker.positions[alpha], alpha) for alpha in alphas]
    middles = [m for m in tracker.source.middles if alphas[0] < m < alphas[-1]]
    worst = np.zeros((count, count))
    square = np.zeros((count, count))
    for i, j in itertools.combinations(range(count), 2):
        for alpha in (*alphas[i + 1 : j], *(m for m in middles if alphas[i] < m < alphas[j])):
            error = _distance(tracker, _blend(tracker, alphas[i], alphas[j], alpha), alpha)
            square[i, j] += error**2
            if alpha in alphas:
                worst[i, j] = max(worst[i, j], error - tracked[alphas.index(alpha)])
    # By the number of keys and the last one: sum of squares, worst error, keys.
    best: dict[tuple[int, int], tuple[float, float, tuple[int, ...]]] = {
        (1, 0): (tracked[0] ** 2, 0.0, (0,))
    }
    last = count - 1
    chosen = (0, last)
    for size in range(2, most + 1):
        for j in range(size - 1, count):
            best[size, j] = min(
                (
                    best[size - 1, i][0] + square[i, j] + tracked[j] ** 2,
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


def _blend(tracker: Tracker, before: float, after: float, alpha: float) -> Vertices:
    """What two keys show at an alpha between them."""
    share = (alpha - before) / (after - before)
    return (1.0 - share) * tracker.positions[before] + share * tracker.positions[after]


def _distance(tracker: Tracker, positions: Vertices, alpha: float) -> float:
    """Mean distance, both ways, between the mesh and the object's surface; % of the diagonal.

    Along the surface only what is farther than samples are apart counts.
    """
    tracker.source.cancel.check()
    truth = tracker.surface(alpha)
    own = sample_surface(positions, tracker.faces, COMPARED, np.random.default_rng(0))
    area = float(face_areas(positions, tracker.faces).sum())
    means = []
    for points, tree, normals in (
        (own.points[::2], truth.tree, truth.normals),
        (truth.points[::4], KDTree(own.points), own.normals),
    ):
        distance, nearest = tree.query(points)
        along = ((points - tree.data[nearest]) * normals[nearest]).sum(1)
        across = np.sqrt(np.maximum(distance**2 - along**2, 0.0))
        beyond = np.maximum(across - np.sqrt(area / tree.n), 0.0)
        means.append(np.hypot(along, beyond).mean())
    return 100.0 * float(np.mean(means)) / tracker.size
