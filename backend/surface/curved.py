"""More faces where a contour's faces are too long for how the surface bends there.

Cubes of one size cut a finger as coarsely as a belly: in its most curved tenth a contour of 128
samples misses the surface by three times its mean. A decimator that keeps to the contour keeps
that, however many faces it leaves there. So before it, the edges that the surface bends away from
most are split, and what they join is put onto the surface.
"""

from __future__ import annotations

import numpy as np

from ..field_reader import Reader
from ..shapes import Float, Int
from .face_fit import PROBE
from .geometry import face_crosses, normalise
from .topology import Faces, NewFaces, NewVertices, Vertices, half_edges

LEAST_WIDTH = 2.5
"""Width of a face across an edge that is split, in heights by which its middle rises."""
LEAST_FALL = 1.0
"""Pre-density a metre: where it falls less outwards, the direction is not the surface's."""


def split_curved(
    reader: Reader, vertices: Vertices, faces: Faces, share: float, reach: float
) -> tuple[NewVertices, NewFaces]:
    """Split the edges that miss the surface most; closed and manifold as before.

    Args:
        reader: of the field whose contour the mesh is.
        vertices: metres.
        faces: of a closed mesh.
        share: of all edges, which are split.
        reach: how far a vertex may move onto the surface, metres.

    Raises:
        Cancelled: asked to stop.
    """
    start, end = half_edges(faces)
    low, high = np.minimum(start, end), np.maximum(start, end)
    vertices = vertices.astype(np.float32)
    crosses = face_crosses(vertices, faces)
    normals = _normals(crosses, faces, len(vertices))
    # What an arc rises above its chord, if its ends are square to their normals; outwards.
    rise = ((vertices[high] - vertices[low]) * (normals[high] - normals[low])).sum(1) / 8.0
    limit = np.quantile(np.abs(rise), 1.0 - share)
    chosen = np.flatnonzero(np.abs(rise) > limit)
    # A face that is hardly wider than the rise would turn over.
    length = _length(vertices, low[chosen], high[chosen])
    width = np.linalg.norm(crosses[chosen // 3], axis=1) / length
    narrow = width < LEAST_WIDTH * np.abs(rise[chosen])
    key = low[chosen].astype(np.int64) * len(vertices) + high[chosen]
    _, first, index = np.unique(key, return_index=True, return_inverse=True)
    index = index.reshape(-1)
    sound = np.bincount(index, narrow, len(first)) == 0
    if not sound.any():
        return vertices, faces
    middle = np.full(len(start), -1)
    middle[chosen] = np.where(sound, len(vertices) + np.cumsum(sound) - 1, -1)[index]
    first = chosen[first[sound]]
    a, b = low[first], high[first]
    outwards = normalise(normals[a] + normals[b])
    middles = 0.5 * (vertices[a] + vertices[b]) + rise[first, None] * outwards
    ends = np.unique(np.concatenate([a, b]))
    directions = np.concatenate([outwards, normals[ends]])
    moved = _onto_surface(reader, np.concatenate([middles, vertices[ends]]), directions, reach)
    vertices[ends] = moved[len(middles) :]
    vertices = np.concatenate([vertices, moved[: len(middles)]])
    return vertices, _split(vertices, faces, middle.reshape(-1, 3))


def _normals(
    crosses: Float[np.ndarray, "faces 3"], faces: Faces, count: int
) -> Float[np.ndarray, "vertices 3"]:
    """Unit normals of vertices, faces weighted by area."""
    index = faces.reshape(-1)
    sums = [np.bincount(index, np.repeat(crosses[:, k], 3), count) for k in range(3)]
    return normalise(np.stack(sums, axis=1)).astype(np.float32)


def _onto_surface(
    reader: Reader,
    points: Float[np.ndarray, "points 3"],
    directions: Float[np.ndarray, "points 3"],
    reach: float,
) -> Float[np.ndarray, "points 3"]:
    """One secant step along unit vectors; two reads a point."""
    points = points.astype(np.float32)
    ahead = points + np.float32(PROBE) * directions
    value, further = reader.pre_density(np.concatenate([points, ahead])).reshape(2, -1)
    fall = (value - further) / PROBE
    step = ((value - reader.field.level) / np.maximum(fall, LEAST_FALL)).clip(-reach, reach)
    return (points + np.where(fall > LEAST_FALL, step, 0.0)[:, None] * directions).astype(
        np.float32
    )


def _split(vertices: Vertices, faces: Faces, middle: Int[np.ndarray, "faces 3"]) -> NewFaces:
    """Faces with the vertex ``middle`` put into edge k of each, -1 where that stays whole."""
    halved = middle >= 0
    count = halved.sum(axis=1)
    # Turned so that the edges to split are the first ones.
    turn = np.where(count == 1, halved.argmax(axis=1), 0)
    turn = np.where(count == 2, ((~halved).argmax(axis=1) + 1) % 3, turn)
    order = (turn[:, None] + np.arange(3)) % 3
    corners = np.take_along_axis(faces, order, 1)
    middles = np.take_along_axis(middle, order, 1)
    whole = [faces[count == 0]]

    a, b, c, x, y, _ = _columns(corners, middles, count == 1)
    one = [(a, x, c), (x, b, c)]

    a, b, c, x, y, _ = _columns(corners, middles, count == 2)
    shorter = _length(vertices, a, y) <= _length(vertices, x, c)
    two = [
        (x, b, y),
        (a, x, np.where(shorter, y, c)),
        (np.where(shorter, a, x), y, c),
    ]

    a, b, c, x, y, z = _columns(corners, middles, count == 3)
    three = [(a, x, z), (x, b, y), (z, y, c), (x, y, z)]
    parts = [np.stack(part, axis=1) for part in (*one, *two, *three)]
    return np.concatenate([*whole, *parts]).astype(faces.dtype)


def _columns(
    corners: Int[np.ndarray, "faces 3"],
    middles: Int[np.ndarray, "faces 3"],
    chosen: np.ndarray,
) -> tuple[Int[np.ndarray, " chosen"], ...]:
    return (*corners[chosen].T, *middles[chosen].T)


def _length(
    vertices: Vertices, a: Int[np.ndarray, " edges"], b: Int[np.ndarray, " edges"]
) -> Float[np.ndarray, " edges"]:
    return np.linalg.norm(vertices[a] - vertices[b], axis=1)
