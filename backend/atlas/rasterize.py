"""Which texels a triangle covers, for many triangles at once, and which of them is nearest.

A texel belongs to a triangle if its centre does. Edges are half-open and always computed from the
same end, so triangles that share an edge share no texel and leave none out.
"""

from __future__ import annotations

import numpy as np

from ..shapes import Float, Int


def rasterise(
    corners: Float[np.ndarray, "triangles 3 2"], size: int
) -> tuple[Int[np.ndarray, " texels"], Int[np.ndarray, " texels"], Int[np.ndarray, " texels"]]:
    """Triangle, row and column of every covered texel; ``corners`` in texels, x right, y down."""
    low, high = corners[..., 1].min(axis=1), corners[..., 1].max(axis=1)
    first_row = np.ceil(low - 0.5).astype(np.int64).clip(0, size)
    rows = np.maximum(np.ceil(high - 0.5).astype(np.int64).clip(0, size) - first_row, 0)
    triangle, offset = ranges(rows)
    row = first_row[triangle] + offset
    y = row + 0.5
    left = np.full(len(row), np.inf)
    right = np.full(len(row), -np.inf)
    for k in range(3):
        a, b = corners[:, k], corners[:, (k + 1) % 3]
        swap = (a[:, 1] > b[:, 1]) | ((a[:, 1] == b[:, 1]) & (a[:, 0] > b[:, 0]))
        upper = np.where(swap[:, None], b, a)
        lower = np.where(swap[:, None], a, b)
        rise = lower[:, 1] - upper[:, 1]
        slope = (lower[:, 0] - upper[:, 0]) / np.where(rise > 0, rise, 1.0)
        ux, uy, ly = upper[triangle, 0], upper[triangle, 1], lower[triangle, 1]
        crossed = (uy <= y) & (y < ly)
        x = ux + (y - uy) * slope[triangle]
        np.minimum(left, x, out=left, where=crossed)
        np.maximum(right, x, out=right, where=crossed)
    spans = right > left
    triangle, row, left, right = triangle[spans], row[spans], left[spans], right[spans]
    first = np.ceil(left - 0.5).astype(np.int64).clip(0, size)
    columns = np.maximum(np.ceil(right - 0.5).astype(np.int64).clip(0, size) - first, 0)
    span, offset = ranges(columns)
    return triangle[span], row[span], first[span] + offset


def nearest(
    corners: Float[np.ndarray, "triangles 3 2"],
    closeness: Float[np.ndarray, "triangles 3"],
    size: int,
) -> tuple[Int[np.ndarray, " texels"], Float[np.ndarray, " texels"]]:
    """A z-buffer: the triangle of largest closeness at every texel, row by row, or -1, and that
    closeness, which is affine within a triangle; 0 where there is none."""
    triangle, row, column = rasterise(corners, size)
    base, slopes = affine(corners, closeness[..., None])
    offset = np.stack([column + 0.5, row + 0.5], axis=1) - corners[triangle, 0]
    at = base[triangle, 0] + (offset * slopes[triangle, :, 0]).sum(1)
    found = np.full(size * size, -1, dtype=np.int64)
    value = np.zeros(size * size)
    # Of several values for one place, assignment keeps the last: the largest.
    order = np.argsort(at, kind="stable")
    texel = (row * size + column)[order]
    found[texel] = triangle[order]
    value[texel] = at[order]
    return found, value


def affine(
    corners: Float[np.ndarray, "triangles 3 2"], values: Float[np.ndarray, "triangles 3 n"]
) -> tuple[Float[np.ndarray, "triangles n"], Float[np.ndarray, "triangles 2 n"]]:
    """Value at the first corner and slopes in x and y, so that ``v0 + (p - c0) @ slopes``."""
    edge_a, edge_b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = edge_a[:, 0] * edge_b[:, 1] - edge_a[:, 1] * edge_b[:, 0]
    area = np.where(np.abs(area) < 1e-12, 1e-12, area)[:, None]
    value_a, value_b = values[:, 1] - values[:, 0], values[:, 2] - values[:, 0]
    in_x = (value_a * edge_b[:, 1:] - value_b * edge_a[:, 1:]) / area
    in_y = (value_b * edge_a[:, :1] - value_a * edge_b[:, :1]) / area
    return values[:, 0], np.stack([in_x, in_y], axis=1)


def ranges(
    counts: Int[np.ndarray, " n"],
) -> tuple[Int[np.ndarray, " total"], Int[np.ndarray, " total"]]:
    """Owners and offsets of runs: counts [2, 0, 3] give [0, 0, 2, 2, 2] and [0, 1, 0, 1, 2]."""
    owner = np.repeat(np.arange(len(counts)), counts)
    begin = np.cumsum(counts) - counts
    return owner, np.arange(len(owner)) - begin[owner]
