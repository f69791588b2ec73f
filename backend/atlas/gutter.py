"""What a texture shows between the charts: filters reach a little beyond a chart's border."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.ndimage import distance_transform_cdt

from ..shapes import Bool, Int, UInt8

GOES_ON = 2
"""Texels, counted along rows and columns, by which a chart's picture goes on beyond its border."""


class Gutter(NamedTuple):
    """The texels that no chart covers, and those of charts that say what they show."""

    empty: Int[np.ndarray, " empty"]
    """Texels are numbered row by row."""
    nearest: Int[np.ndarray, " empty"]
    """The covered texel nearest each, counted in steps along rows and columns."""
    beside: Int[np.ndarray, " beside"]
    """Which of ``empty`` lie beside a chart ..."""
    mirrored: Int[np.ndarray, " beside"]
    """... and the covered texel as far within as they are without."""

    def fill(self, picture: UInt8[np.ndarray, "size size 3"]) -> None:
        """Let the charts of a picture go on beyond their borders.

        Beside a chart the picture goes on as it changes within it: a texel differs from the border
        as its mirror image in the chart does, the other way. Further off it shows what is nearest.
        """
        flat = picture.reshape(-1, 3)
        values = flat[self.nearest]
        border = values[self.beside].astype(np.int16)
        values[self.beside] = np.clip(2 * border - flat[self.mirrored], 0, 255).astype(np.uint8)
        flat[self.empty] = values


def gutter_of(covered: Bool[np.ndarray, "size size"]) -> Gutter:
    """The gutter of the charts that cover these texels."""
    size = len(covered)
    rows, columns = np.asarray(
        distance_transform_cdt(~covered, "taxicab", return_distances=False, return_indices=True)
    )
    row, column = np.nonzero(~covered)
    near_row, near_column = rows[row, column], columns[row, column]
    away = np.abs(near_row - row) + np.abs(near_column - column)
    beside = np.flatnonzero(away <= GOES_ON)
    within = np.stack([2 * near_row - row, 2 * near_column - column])[:, beside]
    there = ((within >= 0) & (within < size)).all(axis=0)
    there[there] = covered[tuple(within[:, there])]
    return Gutter(
        row * size + column,
        near_row * size + near_column,
        beside[there],
        within[0, there] * size + within[1, there],
    )
