"""Which alphas of a tracked chain become keys."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from scipy.spatial import KDTree

from ..shapes import Float
from ..surface.geometry import face_areas
from ..surface.topology import Vertices
from .samples import sample_surface
from .sudden import Moment, at
from .vertex_tracker import Tracker

ENOUGH = 0.04
"""Mean distance that blending two keys adds to the tracked mesh's, % of the diagonal, at every
alpha between them, below which no further key is put there."""
COMPARED = 6_000
"""Samples of a mesh that is compared with the object."""

FAR = 1.5
"""How much, % of the diagonal, some place of a blend may be farther from the object than the
tracked mesh is without a further key there."""


def choose_keys(tracker: Tracker, most: int) -> list[float]:
    """Every prompt, and between neighbours as few alphas as will do: first the best multiples of
    1 / :data:`STEPS`, then those of the others that the survey read at which a blend is worst.

    Args:
        tracker: Has tracked every multiple of 1 / :data:`STEPS`.
        most: Keys between two neighbouring prompts, both included.

    Raises:
        Cancelled: asked to stop.
    """
    chosen = [tracker.source.first]
    for steps in tracker.source.spans:
        count = keys_in(steps, most)
        regular = _best_keys(tracker, steps, min(count, len(steps)))
        chosen += _refined(tracker, regular, count)[1:]
    return chosen


def shows(tracker: Tracker, blend: Vertices, alpha: float, ends: tuple[float, float]) -> bool:
    """Whether a blend of two keys is hardly farther from the object than these are.

    Raises:
        Cancelled: asked to stop.
    """
    return excess(tracker, blend, alpha, ends) <= 1.0


def excess(tracker: Tracker, blend: Vertices, alpha: float, ends: tuple[float, float]) -> float:
    """How much farther from the object a blend of two keys is than these are, in what is allowed.

    Raises:
        Cancelled: asked to stop.
    """
    usual = np.maximum(*(_errors(tracker, tracker.positions[end], end) for end in ends))
    return float(np.max((_errors(tracker, blend, alpha) - usual) / (ENOUGH, FAR)))


def keys_in(span: Sequence[float], most: int) -> int:
    """Most keys in a part of the way from one prompt to the next, of ``most`` on all of it; its two
    ends are keys in any case."""
    return 2 + math.floor((most - 2) * (span[-1] - span[0]))


def sudden_changes(
    tracker: Tracker, places: Sequence[float], positions: Mapping[float, Vertices], most: int
) -> dict[tuple[float, float], list[Moment]]:
    """The moments between neighbouring keys at which something comes or goes at once. Each takes
    two further keys, just before it and just after it.

    Args:
        places: The keys that :func:`choose_keys` chose.
        positions: Of these.
        most: Keys between two neighbouring prompts, both included; what moves most gets its keys
            first.
    """
    found: dict[tuple[float, float], list[Moment]] = {}
    for span in tracker.source.spans:
        own = [alpha for alpha in places if span[0] <= alpha <= span[-1]]
        spans = [
            (ends, moment) for ends in itertools.pairwise(own) for moment in tracker.moments(*ends)
        ]
        spans.sort(key=lambda s: -_travel(positions[s[0][0]], positions[s[0][1]], s[1]))
        for ends, moment in spans[: max(0, (keys_in(span, most) - len(own)) // 2)]:
            found.setdefault(ends, []).append(moment)
    return found


def room(
    span: Sequence[float],
    places: Sequence[float],
    moments: Mapping[tuple[float, float], Sequence[Moment]],
    most: int,
) -> int:
    """How many further keys there may be in a part of the way from one prompt to the next."""
    taken = sum(span[0] <= alpha <= span[-1] for alpha in places)
    taken += 2 * sum(len(of) for ends, of in moments.items() if span[0] <= ends[0] < span[-1])
    return max(0, keys_in(span, most) - taken)


def keys_at_moments(
    tracker: Tracker,
    places: Sequence[float],
    moments: Mapping[tuple[float, float], Sequence[Moment]],
    most: int,
) -> list[float]:
    """Further keys, where the survey looked, next to moments at which a blend is far from the
    object: more than what comes or goes changes then, and would wait for it, too.

    Args:
        places: The keys that there are.
        moments: Between these.
        most: Keys between two neighbouring prompts, both included.

    Raises:
        Cancelled: asked to stop.
    """
    found: list[float] = []
    for span in tracker.source.spans:
        own = {ends: of for ends, of in moments.items() if span[0] <= ends[0] < span[-1]}
        left = room(span, places, moments, most)
        for ends, of in own.items():
            alphas = [alpha for alpha in tracker.source.alphas if ends[0] <= alpha <= ends[1]]
            if len(alphas) == 2:
                continue
            both = tracker.positions[ends[0]], tracker.positions[ends[1]]
            wrong = {
                after
                for moment in of
                for after in [bisect.bisect(alphas, moment.alpha)]
                for alpha in moment.around(ends)
                if not shows(tracker, at(alpha, ends, both, of), alpha, ends)
            }
            further = {alphas[place] for after in wrong for place in (after - 1, after)} - {*ends}
            if len(further) <= left:
                left -= len(further)
                found += further
    return sorted(found)


def _travel(first: Vertices, second: Vertices, moment: Moment) -> float:
    """How far all that comes or goes at a moment moves together."""
    return float(np.linalg.norm((second - first)[moment.own], axis=1).sum())


def _refined(tracker: Tracker, keys: list[float], most: int) -> list[float]:
    """``keys`` and further alphas that the survey read, the one at which the blend is worst first.
    These are tracked."""
    keys = list(keys)
    own = {key: _errors(tracker, shape, key) for key, shape in tracker.positions.items()}
    excess: dict[tuple[float, float], dict[float, float]] = {}
    while len(keys) < most:
        spans = list(itertools.pairwise(keys))
        for ends in spans:
            if ends not in excess:
                usual = np.maximum(own[ends[0]], own[ends[1]])
                excess[ends] = {
                    alpha: float(np.max(errors - own.get(alpha, usual) - (ENOUGH, FAR)))
                    for alpha, errors in _errors_between(tracker, *ends)
                }
        now = {alpha: error for ends in spans for alpha, error in excess[ends].items()}
        worst = max(now, key=lambda alpha: now[alpha], default=None)
        if worst is None or now[worst] <= 0.0:
            break
        tracker.add(worst)
        own[worst] = _errors(tracker, tracker.positions[worst], worst)
        bisect.insort(keys, worst)
    return keys


def _errors_between(
    tracker: Tracker, before: float, after: float
) -> Iterator[tuple[float, Float[np.ndarray, "2"]]]:
    """Errors of the blend of two keys, at the alphas between them that the survey read."""
    for alpha in tracker.source.alphas:
        if before < alpha < after:
            yield alpha, _errors(tracker, tracker.blend(before, after, alpha), alpha)


def _errors(tracker: Tracker, positions: Vertices, alpha: float) -> Float[np.ndarray, "2"]:
    """Mean and largest distance from the object, % of the diagonal."""
    farthest = 100.0 * tracker.farthest(alpha, positions, centres=False) / tracker.size
    return np.array([_distance(tracker, positions, alpha), farthest])


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
            error = _distance(tracker, tracker.blend(alphas[i], alphas[j], alpha), alpha)
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


def _distance(tracker: Tracker, positions: Vertices, alpha: float) -> float:
    """Mean distance, both ways, between the mesh and the object's surface; % of the diagonal.

    Along the surface only what is farther than samples are apart counts.
    """
    tracker.source.cancel.check()
    truth = tracker.source.surface(alpha)
    own = sample_surface(positions, tracker.faces, COMPARED, np.random.default_rng(0))
    area = float(face_areas(positions, tracker.faces).sum())
    means = []
    for points, tree, normals in (
        (own.points[::2], truth.tree, truth.normals),
        (truth.points[:: 2 * len(truth.points) // COMPARED], KDTree(own.points), own.normals),
    ):
        distance, nearest = tree.query(points)
        along = ((points - tree.data[nearest]) * normals[nearest]).sum(1)
        across = np.sqrt(np.maximum(distance**2 - along**2, 0.0))
        beyond = np.maximum(across - np.sqrt(area / tree.n), 0.0)
        means.append(np.hypot(along, beyond).mean())
    return 100.0 * float(np.mean(means)) / tracker.size
