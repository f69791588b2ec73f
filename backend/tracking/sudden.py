"""What comes or goes at once between two keys.

A field that is blended does not move its parts: a stick fades, and at one alpha it is gone from end
to end. Vertices that are blended from where it was to where nothing of it is left would draw it
slowly into its root, which the object does not do. So between two keys each such part waits where
it is, and goes from one to the other within :data:`INSTANT` around its moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from ..shapes import Bool, Int
from ..surface.topology import Faces, Vertices
from .chain_reader import ChainReader
from .solids import Solid

FAR = 0.015
"""Distance from the object, as a share of the diagonal, from which on a vertex shows something that
the object does not have."""
STILL = 0.001
"""A vertex that moves less, as a share of the diagonal, stays."""
INSTANT = 1.0 / 2048.0
"""How long, in alpha, a part takes to come or go: with 48 frames from prompt to prompt, one moment
in 40 falls on a frame, which then shows the part half drawn in. Blender takes two keyframes of a
driver within 1e-4 for one."""
ASIDE = 1.0 / 256.0
"""How long, in alpha, what takes longer takes at most."""
TOGETHER = 1.0 / 96.0
"""Parts whose moments are nearer than this come and go at one."""


@dataclass(frozen=True)
class Moment:
    """What comes or goes at once."""

    alpha: float
    own: Bool[np.ndarray, " vertices"]

    @property
    def sides(self) -> tuple[float, float]:
        """Alphas just before it and just after it."""
        return self.alpha - 0.5 * INSTANT, self.alpha + 0.5 * INSTANT

    def around(self, keys: tuple[float, float]) -> tuple[float, float]:
        """Alphas between two keys, :data:`ASIDE` before it and after it."""
        return max(self.alpha - ASIDE, keys[0]), min(self.alpha + ASIDE, keys[1])


def moments(
    keys: tuple[float, float],
    positions: tuple[Vertices, Vertices],
    faces: Faces,
    source: ChainReader,
    size: float,
    precise: bool,
) -> list[Moment]:
    """The moments between two keys, rising.

    Args:
        source: Of which all alphas from one key to the other are looked at that the survey read.
        size: Diagonal, metres.
        precise: Or else each is in the middle between two of these alphas: at all of them the same
            is shown.
    """
    if keys[1] - keys[0] < 4.0 * INSTANT:
        return []
    alphas = [alpha for alpha in source.alphas if keys[0] <= alpha <= keys[1]]
    first, second = positions
    moving = np.linalg.norm(second - first, axis=1) > STILL * size
    going, coming = (
        _far(points, moving, source, key, size)
        for points, key in ((first, keys[1]), (second, keys[0]))
    )
    sudden = going | coming
    if len(alphas) > 2:
        # What moves steadily is near the object all the way.
        strays = np.zeros_like(sudden)
        for alpha in alphas[1:-1]:
            share = (alpha - keys[0]) / (keys[1] - keys[0])
            strays |= _far((1.0 - share) * first + share * second, sudden, source, alpha, size)
        sudden &= strays
    if not sudden.any():
        return []
    # With a ring around it, as far as that moves too.
    own = np.zeros_like(moving)
    own[faces[sudden[faces].any(axis=1)]] = True
    own &= moving
    # What is one vertex at a key, of a strand without area, waits together: or it opens.
    places = [np.unique(points, axis=0, return_inverse=True)[1].reshape(-1) for points in positions]
    for place in places:
        own = np.isin(place, place[own])
    going &= sudden
    coming &= sudden & ~going
    first_solid, last = source.solid(alphas[0]), source.solid(alphas[-1])
    votes = np.concatenate(
        [
            _deepest(first[going], first_solid, last, np.flatnonzero(going), leaves=True),
            _deepest(second[coming], last, first_solid, np.flatnonzero(coming), leaves=False),
        ]
    )
    part = _parts(faces, own, places)
    found = []
    for number in np.unique(part[own]):
        mask = part == number
        alpha = _moment(votes[mask[votes["vertex"]]], source, alphas, precise)
        # A key at which another mesh gives way to this one stands an instant later.
        alpha = float(np.clip(alpha, keys[0] + 2.0 * INSTANT, keys[1] - INSTANT))
        found.append(Moment(alpha, mask))
    return _together(sorted(found, key=lambda moment: moment.alpha))


def _far(
    points: Vertices,
    asked: Bool[np.ndarray, " vertices"],
    source: ChainReader,
    alpha: float,
    size: float,
) -> Bool[np.ndarray, " vertices"]:
    """Which of the ``asked`` points are far from the object at ``alpha``."""
    result = asked.copy()
    result[asked] = source.surface(alpha).tree.query(points[asked])[0] > FAR * size
    return result


def _together(found: list[Moment]) -> list[Moment]:
    """Those whose moments are near each other become one."""
    merged: list[Moment] = []
    for moment in found:
        if merged and moment.alpha - merged[-1].alpha < TOGETHER:
            merged[-1] = Moment(merged[-1].alpha, merged[-1].own | moment.own)
        else:
            merged.append(moment)
    return merged


def at(
    alpha: float,
    keys: tuple[float, float],
    positions: tuple[Vertices, Vertices],
    found: Sequence[Moment],
) -> Vertices:
    """Positions between the two keys: blended, but for what waits for its moment."""
    share = (alpha - keys[0]) / (keys[1] - keys[0])
    shares = np.full((len(positions[0]), 1), share, dtype=np.float32)
    for moment in found:
        shares[moment.own] = np.clip((alpha - moment.alpha) / INSTANT + 0.5, 0.0, 1.0)
    return ((1.0 - shares) * positions[0] + shares * positions[1]).astype(np.float32)


def _parts(
    faces: Faces,
    own: Bool[np.ndarray, " vertices"],
    places: Sequence[Int[np.ndarray, " vertices"]],
) -> np.ndarray:
    """A number for each vertex of ``own``, the same for those that edges join or that have one
    number in some of ``places``; -1 elsewhere."""
    pairs = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    for place in places:
        first = np.unique(place, return_index=True)[1]
        pairs = np.concatenate([pairs, np.stack([np.arange(len(own)), first[place]], axis=1)])
    pairs = pairs[own[pairs].all(axis=1)]
    graph = csr_matrix((np.ones(len(pairs)), pairs.T), shape=(len(own), len(own)))
    _, number = connected_components(graph, directed=False)
    return np.where(own, number, -1)


AROUND = np.stack(np.meshgrid(*[np.arange(-1, 2)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
"""Samples of the grid that are looked at around a point."""
_VOTE = np.dtype([("vertex", np.int64), ("place", np.int64, 3), ("leaves", bool)])
"""A sample of the grid that tells whether what a vertex shows is there; ``leaves`` if it is there
before the moment, not after it."""


def _deepest(
    points: Vertices,
    there: Solid,
    elsewhere: Solid,
    vertices: Int[np.ndarray, " points"],
    leaves: bool,
) -> np.ndarray:
    """A vote for each point around which one solid has something that the other has not: the sample
    that lies deepest in it."""
    last = len(there.values) - 1
    index = np.rint((points + there.bound) / there.voxel).astype(np.int64)
    around = (index[:, None, :] + AROUND).clip(0, last)
    x, y, z = around.transpose(2, 0, 1)
    values = np.where(elsewhere.values[x, y, z] > 0, -np.inf, there.values[x, y, z])
    best = values.argmax(axis=1)
    rows = np.arange(len(points))
    some = values[rows, best] > 0
    votes = np.empty(int(some.sum()), _VOTE)
    votes["vertex"], votes["leaves"] = vertices[some], leaves
    votes["place"] = around[rows, best][some]
    return votes


def _moment(
    votes: np.ndarray, source: ChainReader, alphas: Sequence[float], precise: bool
) -> float:
    """When most of the votes change sides: the middle of the step, between two alphas that the
    survey read, in which they do, or bisection of it."""
    if not len(votes):
        return 0.5 * (alphas[0] + alphas[-1])

    def is_over(alpha: float) -> bool:
        return bool((source.holds(alpha, votes["place"]) == votes["leaves"]).mean() < 0.5)

    step = next(
        index for index, alpha in enumerate(alphas) if alpha == alphas[-1] or is_over(alpha)
    )
    before, after = alphas[max(step - 1, 0)], alphas[max(step, 1)]
    while precise and after - before > INSTANT:
        middle = 0.5 * (before + after)
        before, after = (before, middle) if is_over(middle) else (middle, after)
    return 0.5 * (before + after)
