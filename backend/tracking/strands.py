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
    """Positions at which the strands among the faces ``spanning`` a gap have no area; see
    :func:`strand_groups`."""
    return together(positions, strand_groups(positions, faces, spanning, widest))


def strand_groups(
    positions: Vertices,
    faces: Faces,
    spanning: Bool[np.ndarray, " faces"],
    widest: float,
    before: Int[np.ndarray, " vertices"] | None = None,
) -> Int[np.ndarray, " vertices"]:
    """A number for each vertex; those that are to become one, side by side on a strand, have one
    number, and all others their own index.

    Args:
        widest: The size, metres, up to which vertices side by side become one. Connected spanning
            faces of which some are wider stay as they are.
        before: The groups at the key before. What was one there, and is on a strand here, is one
            here as well, so that a face of both keys' strands has no area between them either.
    """
    alone = np.arange(len(positions))
    across = faces[spanning]
    if not len(across):
        return alone
    group = _side_by_side(positions, across, widest, _again(positions, across, widest, before))
    _, strand = label_parts(across, len(positions))
    a, b, c = group[across].T
    wide = (a != b) & (b != c) & (c != a)
    folded = across[~np.isin(strand, strand[wide])]
    own = np.zeros(len(positions), dtype=bool)
    own[folded] = True
    return np.where(own, group, alone)


def together(positions: Vertices, group: Int[np.ndarray, " vertices"]) -> Vertices:
    """Positions at which every group is in its middle."""
    number = np.bincount(group, minlength=len(positions))
    moved = (number > 1)[group]
    if not moved.any():
        return positions
    number = number.clip(1)
    middle = np.stack(
        [np.bincount(group, axis, len(positions)) / number for axis in positions.T], axis=1
    )
    return np.where(moved[:, None], middle[group], positions).astype(positions.dtype)


def _again(
    positions: Vertices,
    across: Faces,
    widest: float,
    before: Int[np.ndarray, " vertices"] | None,
) -> Int[np.ndarray, " vertices"]:
    """The groups of the key before, of those of their vertices that are on strands here, numbered
    by one of these; what has become wider than ``widest`` is none."""
    group = np.arange(len(positions))
    if before is None:
        return group
    own = np.unique(across)
    _, first, number = np.unique(before[own], return_index=True, return_inverse=True)
    low = np.full((len(first), 3), np.inf)
    high = -low
    np.minimum.at(low, number, positions[own])
    np.maximum.at(high, number, positions[own])
    narrow = np.linalg.norm(high - low, axis=1) <= widest
    group[own] = np.where(narrow[number], own[first][number], own)
    return group


def _side_by_side(
    positions: Vertices, faces: Faces, widest: float, start: Int[np.ndarray, " vertices"]
) -> Int[np.ndarray, " vertices"]:
    """A number for each vertex, the same for those that become one: those of ``start``, then the
    ends of the shortest edge of a face whose corners all differ, and so on until there is none, or
    none that could be joined within ``widest``."""
    group = start.copy()
    low, high = positions.astype(np.float64), positions.astype(np.float64)
    np.minimum.at(low, group, positions)
    np.maximum.at(high, group, positions)
    corner = group[faces].astype(np.int64)
    edges = positions[faces] - positions[np.roll(faces, -1, axis=1)]
    length = np.linalg.norm(edges, axis=2)
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
