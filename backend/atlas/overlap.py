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
    border = (neighbours < 0) | (labels[np.maximum(neighbours, 0)] != labels[:, None])
    result = _turned_too_far(flat, depth, faces, labels, border)
    face, corner = np.nonzero(border)
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
    border: Bool[np.ndarray, "faces 3"],
) -> Bool[np.ndarray, " faces"]:
    """The upper one of any two faces whose corners overlap at a vertex that they share.

    Corners can overlap only where they add up to more than a whole turn, or where a chart comes to
    the vertex several times: with several fans of faces, each with a border of its own. The other
    vertices, nearly all, need no look at their corners' directions.

    Args:
        border: Edges of the faces, from each corner on, that are their chart's border.
    """
    forward = (np.roll(flat, -1, axis=1) - flat).reshape(-1, 2)
    backward = (np.roll(flat, 1, axis=1) - flat).reshape(-1, 2)
    angle = np.arctan2(
        forward[:, 0] * backward[:, 1] - forward[:, 1] * backward[:, 0],
        (forward * backward).sum(1),
    )
    angle = np.where(angle < 0.0, angle + 2 * np.pi, angle)
    place = np.repeat(labels, 3) * (int(faces.max(initial=0)) + 1) + faces.reshape(-1)
    order = np.argsort(place, kind="stable")
    first = _first_of_equal(place[order])
    turn = np.add.reduceat(angle[order], first)
    fans = np.add.reduceat(border.reshape(-1)[order].astype(np.int64), first)
    unsure = (turn > 2 * np.pi + 1e-7) | (fans > 1)
    corner = order[np.repeat(unsure, np.diff(np.r_[first, len(order)]))]
    result = np.zeros(len(faces), dtype=bool)
    if not len(corner):
        return result
    begin = np.arctan2(forward[corner, 1], forward[corner, 0])
    order = np.lexsort((begin, place[corner]))
    corner, begin = corner[order], begin[order]
    first = _first_of_equal(place[corner])
    last = np.r_[first[1:] - 1, len(corner) - 1]
    following = np.r_[1 : len(corner), 0]
    following[last] = first
    limit = begin[following]
    limit[last] += 2 * np.pi
    beyond = np.flatnonzero(begin + angle[corner] > limit + 1e-7)
    pair = np.stack([corner[beyond] // 3, corner[following[beyond]] // 3], axis=1)
    result[pair[np.arange(len(pair)), depth[pair].argmax(axis=1)]] = True
    return result


def _first_of_equal(values: Int[np.ndarray, " n"]) -> Int[np.ndarray, " runs"]:
    """Where runs of equal values begin."""
    return np.flatnonzero(np.r_[True, values[1:] != values[:-1]][: len(values)])


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
    several = np.flatnonzero(np.bincount(texel)[texel] > 1)
    face, texel = face[several], texel[several]
    order = np.lexsort((depth[face], texel))
    face, texel = face[order], texel[order]
    return np.unique(face[1:][texel[1:] == texel[:-1]])
