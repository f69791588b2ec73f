"""Charts that lie over themselves once they are flat, and the faces to take away.

All faces of a chart are projected the right way round, so a chart overlaps itself only where its
border crosses itself or where its faces turn more than once around a vertex. Both are cheap to
test exactly; only charts whose border crosses itself are looked at texel by texel.
"""

from __future__ import annotations

import numpy as np

from ..shapes import Bool, Float, Int
from ..surface.topology import Faces
from .rasterize import rasterise

FINE_TEXELS = 512
"""Texels across a chart that is examined."""


def overlapping_faces(
    flat: Float[np.ndarray, "faces 3 2"],
    depth: Float[np.ndarray, " faces"],
    faces: Faces,
    labels: Int[np.ndarray, " faces"],
    neighbours: Int[np.ndarray, "faces 3"],
) -> Bool[np.ndarray, " faces"]:
    """The upper ones of the faces that cover each other in their chart.

    Args:
        flat: Projected corners, metres.
        depth: Height of each face above its chart's plane, metres.
        faces: Vertices of the corners.
        labels: Chart of each face.
        neighbours: Face across each edge, or -1.
    """
    result = _turned_too_far(flat, depth, faces, labels)
    other = labels[np.maximum(neighbours, 0)]
    face, corner = np.nonzero((neighbours < 0) | (other != labels[:, None]))
    order = np.argsort(labels[face], kind="stable")
    face, corner = face[order], corner[order]
    following = (corner + 1) % 3
    start, end = flat[face, corner], flat[face, following]
    first, last = faces[face, corner], faces[face, following]
    a, b = crossings(start, end, first, last, labels[face])
    upper = np.where(depth[face[a]] >= depth[face[b]], face[a], face[b])
    result[upper] = True
    for chart in np.unique(labels[upper]):
        members = np.flatnonzero(labels == chart)
        result[members[_covered_twice(flat[members], depth[members])]] = True
        if result[members].all():
            result[members[depth[members].argmin()]] = False
    return result


def _turned_too_far(
    flat: Float[np.ndarray, "faces 3 2"],
    depth: Float[np.ndarray, " faces"],
    faces: Faces,
    labels: Int[np.ndarray, " faces"],
) -> Bool[np.ndarray, " faces"]:
    """The upper one of any two faces whose corners overlap at a vertex that they share."""
    forward = np.roll(flat, -1, axis=1) - flat
    backward = np.roll(flat, 1, axis=1) - flat
    begin = np.arctan2(forward[..., 1], forward[..., 0]).reshape(-1)
    end = np.arctan2(backward[..., 1], backward[..., 0]).reshape(-1)
    end = np.where(end < begin, end + 2 * np.pi, end)
    vertex, chart = faces.reshape(-1), np.repeat(labels, 3)
    order = np.lexsort((begin, vertex, chart))
    same = (vertex[order][1:] == vertex[order][:-1]) & (chart[order][1:] == chart[order][:-1])
    first = np.flatnonzero(np.r_[True, ~same])
    last = np.r_[first[1:] - 1, len(order) - 1]
    following = np.r_[order[1:], order[:1]]
    following[last] = order[first]
    limit = begin[following]
    limit[last] += 2 * np.pi
    beyond = end[order] > limit + 1e-7
    pair = np.stack([order[beyond] // 3, following[beyond] // 3], axis=1)
    result = np.zeros(len(faces), dtype=bool)
    result[pair[np.arange(len(pair)), depth[pair].argmax(axis=1)]] = True
    return result


def crossings(
    start: Float[np.ndarray, "edges 2"],
    end: Float[np.ndarray, "edges 2"],
    first: Int[np.ndarray, " edges"],
    last: Int[np.ndarray, " edges"],
    chart: Int[np.ndarray, " edges"],
) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]:
    """Pairs of border edges of one chart without a common vertex that cross; ``chart`` ascends."""

    def side(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> np.ndarray:
        return (q[..., 0] - p[..., 0]) * (r[..., 1] - p[..., 1]) - (q[..., 1] - p[..., 1]) * (
            r[..., 0] - p[..., 0]
        )

    a, b = _meeting_boxes(np.minimum(start, end), np.maximum(start, end), chart)
    apart = (
        (first[a] != first[b])
        & (first[a] != last[b])
        & (last[a] != first[b])
        & (last[a] != last[b])
    )
    a, b = a[apart], b[apart]
    across = side(start[a], end[a], start[b]) * side(start[a], end[a], end[b]) < 0
    back = side(start[b], end[b], start[a]) * side(start[b], end[b], end[a]) < 0
    return a[across & back], b[across & back]


def _meeting_boxes(
    low: Float[np.ndarray, "boxes 2"],
    high: Float[np.ndarray, "boxes 2"],
    chart: Int[np.ndarray, " boxes"],
) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]:
    """Pairs of boxes of one chart that meet; ``chart`` ascends.

    With the boxes of a chart in the order of their left sides, a box can only meet those after it
    that begin before it ends.
    """
    order = np.lexsort((low[:, 0], chart))
    low, high, chart = low[order], high[order], chart[order]
    # One line of numbers that holds every chart's stretch of x behind the one before it.
    base = low[:, 0].min(initial=0.0)
    stride = float(high[:, 0].max(initial=0.0) - base) + 1.0
    begin, end = (side[:, 0] - base + stride * chart for side in (low, high))
    count = np.searchsorted(begin, end, side="right") - np.arange(len(order)) - 1
    a = np.repeat(np.arange(len(order)), count)
    b = a + 1 + np.arange(len(a)) - np.repeat(count.cumsum() - count, count)
    meet = (low[a, 1] <= high[b, 1]) & (low[b, 1] <= high[a, 1])
    return order[a[meet]], order[b[meet]]


def _covered_twice(
    flat: Float[np.ndarray, "faces 3 2"], depth: Float[np.ndarray, " faces"]
) -> Int[np.ndarray, " covered"]:
    """Faces that share a texel with a lower face."""
    low = flat.reshape(-1, 2).min(axis=0)
    span = float((flat.reshape(-1, 2).max(axis=0) - low).max())
    face, row, column = rasterise((flat - low) * (FINE_TEXELS / max(span, 1e-9)), FINE_TEXELS)
    texel = row * FINE_TEXELS + column
    order = np.lexsort((depth[face], texel))
    face, texel = face[order], texel[order]
    return np.unique(face[1:][texel[1:] == texel[:-1]])
