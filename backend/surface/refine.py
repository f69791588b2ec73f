"""A finer grid of samples, read only where a coarser one says that the surface passes."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import maximum_filter, minimum_filter

from ..field_reader import Reader
from ..shapes import Bool, Float


def finer_grid(
    reader: Reader, coarse: Float[np.ndarray, "n n n"], resolution: int
) -> Float[np.ndarray, "m m m"]:
    """Pre-density on ``linspace(-bound, bound, resolution)`` per axis, indexed [x, y, z].

    Cells of the coarse grid in which the surface passes or may pass are read anew. Everywhere else
    a sample is its nearest coarse one, which is on the same side.

    Raises:
        Cancelled: asked to stop.
    """
    size = len(coarse)
    bound = reader.field.bound
    place = np.arange(resolution) * ((size - 1) / (resolution - 1))
    cell = np.minimum(place.astype(np.int64), size - 2)
    nearest = np.rint(place).astype(np.int64)
    values = coarse[np.ix_(nearest, nearest, nearest)]
    chosen = _may_hold_surface(coarse, reader.field.level)[np.ix_(cell, cell, cell)]
    line = np.linspace(-bound, bound, resolution, dtype=np.float32)
    values[chosen] = reader.pre_density(line[np.argwhere(chosen)])
    return values


def _may_hold_surface(
    values: Float[np.ndarray, "n n n"], level: float
) -> Bool[np.ndarray, "n-1 n-1 n-1"]:
    """Cells with corners on both sides of the level, and cells that would have them if the values
    went on as they change from corner to corner: those beside the surface, and thin parts."""
    # A filter of size 2 looks back by one: entry (1, 1, 1) is of the first cell.
    highest = maximum_filter(values, 2)[1:, 1:, 1:]
    lowest = minimum_filter(values, 2)[1:, 1:, 1:]
    change = highest - lowest
    return (highest + change > level) & (lowest - change < level)
