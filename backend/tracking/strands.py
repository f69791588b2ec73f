"""Faces across a gap that the object does not have: drawn together until they have no area.

The template joins whatever any alpha joins, and its topology never changes. Where the object is
apart (a shovel's handle joins hand and head, and the next prompt holds nothing), the template's
surface still runs from one side to the other as a thin tube. Its rims are small, so vertices side
by side on it can become one: then each of its faces has two corners in one place, and shows from no
side. A sheet, whose rim is wide, cannot: it would take what is around it along.
"""

from __future__ import annotations

import numpy as np

from ..shapes import Bool, Int
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
    wide = (a != b) & (b != c) & (c != a)
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
    """A number for each vertex, the same for those that become one: the ends of the shortest edge
    of a face whose corners all differ, and so on until there is none, or none that could be joined
    within ``widest``."""
    group = np.arange(len(positions))
    low, high = positions.astype(np.float64), positions.astype(np.float64)
    corner = faces.astype(np.int64)
    length = np.linalg.norm(low[faces] - low[np.roll(faces, -1, axis=1)], axis=2)
    while True:
        after = np.roll(corner, -1, axis=1)
        three = (corner != after).all(axis=1)
        size = np.linalg.norm(
            np.maximum(high[corner], high[after]) - np.minimum(low[corner], low[after]), axis=2
        )
        allowed = np.where(three[:, None] & (size <= widest), length, np.inf)
        face, side = np.unravel_index(int(allowed.argmin()), allowed.shape)
        if not np.isfinite(allowed[face, side]):
            return group
        one, other = corner[face, side], after[face, side]
        low[one] = np.minimum(low[one], low[other])
        high[one] = np.maximum(high[one], high[other])
        group[group == other] = one
        corner[corner == other] = one
