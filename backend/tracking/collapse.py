"""A part of the mesh without any area, in the middle of where it is.

Smoothing draws a tube to a line long before it draws the line together: so it tells which vertices
are side by side along the part. Each group of these goes to its middle, so that no face has three
different corners: such a face has no area, from any side, and a part that fades or grows does so
where it is. What smoothing draws to a point becomes one.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.sparse import diags
from scipy.sparse.linalg import splu
from scipy.spatial import KDTree

from ..shapes import Bool, Float, Int
from ..surface.geometry import face_areas
from ..surface.topology import Faces, label_parts, links

SMOOTHING = 30.0
"""Weight of the mean of a vertex's neighbours against its own place."""
MOST_ROUNDS = 20
THIN = 1e-3
"""Share of its area from which on a part is a line."""
POINT = 0.1
"""Share of its diameter up to which a line is a point."""
SPACING = 2.0
"""Distance of groups along the line, in its longest edges."""


def parts_of(
    faces: Faces, count: int
) -> Iterator[tuple[Bool[np.ndarray, " vertices"], Int[np.ndarray, "own 3"]]]:
    """Each connected part: which of the ``count`` vertices are its own, and its faces of these."""
    number, part_of_face = label_parts(faces, count)
    for part in range(number):
        corners = faces[part_of_face == part]
        own = np.zeros(count, dtype=bool)
        own[corners] = True
        yield own, (own.cumsum() - 1)[corners]


def shrink(
    positions: Float[np.ndarray, "vertices 3"], faces: Faces
) -> Float[np.ndarray, "vertices 3"]:
    """Positions of a closed part at which all its faces have no area."""
    area = float(face_areas(positions, faces).sum())
    joined = links(faces, len(positions))
    degree = np.asarray(joined.sum(axis=1)).reshape(-1)
    solver = splu((diags(degree * (1.0 + SMOOTHING)) - SMOOTHING * joined).tocsc())
    line = positions.astype(np.float64)
    for _ in range(MOST_ROUNDS):
        if float(face_areas(line, faces).sum()) <= THIN * area:
            break
        line = solver.solve(degree[:, None] * line)
    if np.ptp(line, axis=0).max() <= POINT * np.ptp(positions, axis=0).max():
        group = np.zeros(len(positions), dtype=np.int64)
    else:
        group = _groups(line, faces)
    size = np.maximum(np.bincount(group), 1)
    middles = np.stack([np.bincount(group, axis) / size for axis in positions.T], axis=1)
    return middles[group]


def _groups(line: Float[np.ndarray, "vertices 3"], faces: Faces) -> Int[np.ndarray, " vertices"]:
    """Vertices side by side have a number; no face has three of them."""
    edges = line[faces] - line[np.roll(faces, -1, axis=1)]
    points = _spread(line, SPACING * float(np.linalg.norm(edges, axis=-1).max()))
    _, nearest = KDTree(line[points]).query(line)
    group: Int[np.ndarray, " vertices"] = np.asarray(nearest)
    while True:
        a, b, c = group[faces].T
        three = (a != b) & (b != c) & (c != a)
        if not three.any():
            return group
        # Two of them become one: there are fewer from round to round.
        joined = np.arange(len(points))
        np.minimum.at(joined, np.maximum(a, b)[three], np.minimum(a, b)[three])
        group = joined[group]


def _spread(line: Float[np.ndarray, "vertices 3"], apart: float) -> list[int]:
    """Vertices at least so far apart that none is farther from all of them."""
    chosen = [0]
    distance = np.linalg.norm(line - line[0], axis=1)
    while distance.max() > apart:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(line - line[chosen[-1]], axis=1))
    return chosen
