"""Faces across a gap that the object does not have: drawn together until they have no area.

The template joins whatever any alpha joins, and its topology never changes. Where the object is
apart (a shovel's handle joins hand and head, and the next prompt holds nothing), the template's
surface still runs from one side to the other as a thin tube. Its rims are small, so vertices side
by side on it can become one: then each of its faces has two corners in one place, and shows from no
side. A sheet, whose rim is wide, cannot: it would take what is around it along.
"""

from __future__ import annotations

import numpy as np

from ..shapes import Bool, Float, Int
from ..surface.topology import Faces, Vertices, label_parts


def fold_strands(
    positions: Vertices,
    faces: Faces,
    spanning: Bool[np.ndarray, " faces"],
    widest: float,
) -> Vertices:
    """Positions at which the strands among the faces ``spanning`` a gap have no area.

    Args:
        widest: The size, metres, up to which vertices side by side become one. Connected spanning
            faces of which some are wider stay as they are.
    """
    across = faces[spanning]
    if not len(across):
        return positions
    group = _side_by_side(positions, across, widest)
    _, strand = label_parts(across, len(positions))
    a, b, c = group[across].T
    wide = _sizes(positions, group)[group[across]].max(axis=1) > widest
    wide |= (a != b) & (b != c) & (c != a)
    folded = across[~np.isin(strand, strand[wide])]
    own = np.zeros(len(positions), dtype=bool)
    own[folded] = True
    group = np.where(own, group, np.arange(len(positions)))
    number = np.bincount(group, minlength=len(positions)).clip(1)
    middle = np.stack(
        [np.bincount(group, axis, len(positions)) / number for axis in positions.T], axis=1
    )
    return np.where(own[:, None], middle[group], positions).astype(positions.dtype)


def _side_by_side(positions: Vertices, faces: Faces, widest: float) -> Int[np.ndarray, " vertices"]:
    """A number for each vertex, the same for those that become one: of each face the two nearest
    corners, and so on until no face has three numbers, or those that have are wider than
    ``widest``."""
    group = np.arange(len(positions))
    length = np.linalg.norm(
        positions[faces].astype(np.float64) - positions[np.roll(faces, -1, axis=1)], axis=2
    )
    while True:
        corner = group[faces]
        three = (corner != np.roll(corner, -1, axis=1)).all(axis=1)
        shortest = length.argmin(axis=1)
        rows = np.flatnonzero(three & (length.min(axis=1) <= widest))
        if not len(rows):
            return group
        one = corner[rows, shortest[rows]]
        other = corner[rows, (shortest[rows] + 1) % 3]
        joined = np.arange(len(positions))
        np.minimum.at(joined, np.maximum(one, other), np.minimum(one, other))
        while (joined[joined] != joined).any():
            joined = joined[joined]
        group = joined[group]


def _sizes(
    positions: Vertices, group: Int[np.ndarray, " vertices"]
) -> Float[np.ndarray, " vertices"]:
    """The diagonal of each group's bounding box, by the group's number."""
    low = np.full(positions.shape, np.inf)
    high = np.full(positions.shape, -np.inf)
    np.minimum.at(low, group, positions)
    np.maximum.at(high, group, positions)
    size = np.linalg.norm(high - low, axis=1)
    return np.where(np.isfinite(size), size, 0.0)
