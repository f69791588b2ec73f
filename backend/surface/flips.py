"""Flip edges between two faces to the other diagonal where that follows the surface better.

Decimation looks back at the faces it started from, one collapse at a time; what diagonal is best
between the four vertices that remain, the field itself tells.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..field_reader import Reader
from ..shapes import Bool, Float, Int
from .face_fit import slopes
from .geometry import normalise
from .topology import Faces, Vertices, half_edges, twins

LEAST_QUALITY = 0.1
"""Least quality of a new face: 1 is equilateral, 0 a line."""
LEAST_FACING = 0.8
"""Cosine of the largest angle between a new face and the two old ones' mean normal."""


class Quads(NamedTuple):
    """Pairs of faces ``a b c`` and ``b a d`` at an edge ``a b``."""

    first: Int[np.ndarray, " edges"]
    second: Int[np.ndarray, " edges"]
    a: Int[np.ndarray, " edges"]
    b: Int[np.ndarray, " edges"]
    c: Int[np.ndarray, " edges"]
    d: Int[np.ndarray, " edges"]

    def take(self, chosen: np.ndarray) -> Quads:
        return Quads(*(column[chosen] for column in self))


def flip_edges(reader: Reader, vertices: Vertices, faces: Faces, rounds: int) -> Faces:
    """The faces with edges flipped; closed and manifold as before.

    Raises:
        Cancelled: asked to stop.
    """
    faces = faces.copy()
    level_at = reader.pre_density(vertices.astype(np.float32))
    for _ in range(rounds):
        quads = _quads(faces)
        quads = quads.take(_allowed(vertices, faces, quads))
        gain = _gain(reader, vertices, level_at, quads)
        order = np.argsort(-gain, kind="stable")
        order = order[: int((gain > 0.0).sum())]
        quads = quads.take(order)
        quads = quads.take(_independent(quads, len(faces)))
        if not len(quads.a):
            break
        faces[quads.first] = np.stack([quads.c, quads.a, quads.d], axis=1)
        faces[quads.second] = np.stack([quads.c, quads.d, quads.b], axis=1)
    return faces


def _quads(faces: Faces) -> Quads:
    twin = twins(faces)
    edge = np.flatnonzero(np.arange(len(twin)) < twin)
    first, k = np.divmod(edge, 3)
    second, m = np.divmod(twin[edge], 3)
    return Quads(
        first,
        second,
        faces[first, k],
        faces[first, (k + 1) % 3],
        faces[first, (k + 2) % 3],
        faces[second, (m + 2) % 3],
    )


def _allowed(vertices: Vertices, faces: Faces, quads: Quads) -> Bool[np.ndarray, " edges"]:
    """Where the new edge is not there already, and the new faces are sound."""
    a, b, c, d = (vertices[index] for index in quads[2:])
    old = normalise(np.cross(b - a, c - a)) + normalise(np.cross(a - b, d - b))
    start, end = half_edges(faces)
    present = np.unique(_key(start, end, len(vertices)))
    allowed = ~np.isin(_key(quads.c, quads.d, len(vertices)), present) & (quads.c != quads.d)
    for x, y, z in ((c, a, d), (c, d, b)):
        cross = np.cross(y - x, z - x)
        length = np.linalg.norm(cross, axis=1)
        edges = sum(((p - q) ** 2).sum(1) for p, q in ((x, y), (y, z), (z, x)))
        allowed &= (cross * normalise(old)).sum(1) > LEAST_FACING * length
        allowed &= 2.0 * np.sqrt(3.0) * length > LEAST_QUALITY * edges
    return allowed


def _gain(
    reader: Reader, vertices: Vertices, level_at: Float[np.ndarray, " vertices"], quads: Quads
) -> Float[np.ndarray, " edges"]:
    """Gain of each flip: metres by which the new diagonal bends less than the old edge."""
    a, b, c, d = (vertices[index] for index in quads[2:])
    _, slope, _ = slopes(reader, (0.25 * (a + b + c + d)).astype(np.float32))
    middles = reader.pre_density((0.5 * np.concatenate([a + b, c + d])).astype(np.float32))
    old, new = np.split(middles, 2)
    old = np.abs(old - 0.5 * (level_at[quads.a] + level_at[quads.b]))
    new = np.abs(new - 0.5 * (level_at[quads.c] + level_at[quads.d]))
    return (old - new) / slope


def _independent(quads: Quads, faces: int) -> Int[np.ndarray, " chosen"]:
    """Edges that are the best of both their faces, of those sorted by gain; each new edge once."""
    rank = np.arange(len(quads.a))
    best = np.full(faces, len(rank))
    np.minimum.at(best, quads.first, rank)
    np.minimum.at(best, quads.second, rank)
    chosen = np.flatnonzero((best[quads.first] == rank) & (best[quads.second] == rank))
    low, high = np.minimum(quads.c, quads.d)[chosen], np.maximum(quads.c, quads.d)[chosen]
    size = int(high.max()) + 1 if len(chosen) else 0
    _, first = np.unique(_key(low, high, size), return_index=True)
    return chosen[first]


def _key(
    one: Int[np.ndarray, " edges"], other: Int[np.ndarray, " edges"], vertices: int
) -> Int[np.ndarray, " edges"]:
    return one.astype(np.int64) * vertices + other
