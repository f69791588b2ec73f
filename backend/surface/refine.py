"""Finer grids of samples, read only where a coarser one says that the surface passes."""

from __future__ import annotations

import numpy as np

from ..field_reader import Reader
from ..shapes import Bool, Float, Int, Shaped


def near_surface(
    reader: Reader, resolution: int, coarse: int, margin: float
) -> Float[np.ndarray, "resolution resolution resolution"]:
    """``reader.dense(resolution)`` where the surface can be; elsewhere a stand-in on its side.

    Cells of a coarse grid whose corners all lie more than ``margin`` (in pre-density before the
    field's ``density_scale``) on one side of the level, as do those of their neighbours, are filled
    by interpolation of the coarse values; only the others are read. Equal to the dense grid as a
    surface as long as the pre-density changes by less than ``margin`` within a coarse cell.

    Raises:
        Cancelled: asked to stop.
    """
    if coarse >= resolution:
        return reader.dense(resolution)
    low = reader.dense(coarse)
    level, margin = reader.field.level, margin * reader.field.density_scale
    lowest, highest = _range_of_cells(low)
    active = _grown((highest > level - margin) & (lowest < level + margin))
    place = np.arange(resolution) * ((coarse - 1) / (resolution - 1))
    cell = np.minimum(place.astype(np.int64), coarse - 2)
    values = low
    for axis in range(3):
        shape = [1, 1, 1]
        shape[axis] = resolution
        share = (place - cell).astype(np.float32).reshape(shape)
        start = values.take(cell, axis)
        values = start + share * (values.take(cell + 1, axis) - start)
    _read(reader, values, _spread(active, cell))
    return values


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
    place = np.arange(resolution) * ((size - 1) / (resolution - 1))
    cell = np.minimum(place.astype(np.int64), size - 2)
    nearest = np.rint(place).astype(np.int64)
    values = _spread(coarse, nearest)
    _read(reader, values, _spread(_may_hold_surface(coarse, reader.field.level), cell))
    return values


def cells_above(
    values: Float[np.ndarray, "n n n"], level: float
) -> Bool[np.ndarray, "n-1 n-1 n-1"]:
    """Cells with a corner above the level, and their neighbours."""
    return _grown(_range_of_cells(values)[1] > level)


def _spread(values: Shaped[np.ndarray, "n n n"], index: Int[np.ndarray, " m"]) -> np.ndarray:
    """``values[np.ix_(index, index, index)]``, axis by axis: many times as fast."""
    return values.take(index, 2).take(index, 1).take(index, 0)


def _read(
    reader: Reader, values: Float[np.ndarray, "n n n"], chosen: Bool[np.ndarray, "n n n"]
) -> None:
    """Read some samples of a grid anew."""
    resolution, bound = len(values), reader.field.bound
    line = np.linspace(-bound, bound, resolution, dtype=np.float32)
    place = np.flatnonzero(chosen)
    row, z = np.divmod(place, resolution)
    x, y = np.divmod(row, resolution)
    points = np.stack([line[x], line[y], line[z]], axis=1)
    values.reshape(-1)[place] = reader.pre_density(points)


def _may_hold_surface(
    values: Float[np.ndarray, "n n n"], level: float
) -> Bool[np.ndarray, "n-1 n-1 n-1"]:
    """Cells with corners on both sides of the level, and cells that would have them if the values
    went on as they change from corner to corner: those beside the surface, and thin parts."""
    lowest, highest = _range_of_cells(values)
    change = highest - lowest
    return (highest + change > level) & (lowest - change < level)


def _range_of_cells(
    values: Float[np.ndarray, "n n n"],
) -> tuple[Float[np.ndarray, "n-1 n-1 n-1"], Float[np.ndarray, "n-1 n-1 n-1"]]:
    """The lowest and the highest corner of every cell."""
    lowest = highest = values
    for axis in range(3):
        before = [slice(None)] * 3
        after = [slice(None)] * 3
        before[axis], after[axis] = slice(None, -1), slice(1, None)
        lowest = np.minimum(lowest[tuple(before)], lowest[tuple(after)])
        highest = np.maximum(highest[tuple(before)], highest[tuple(after)])
    return lowest, highest


def _grown(cells: Bool[np.ndarray, "a b c"]) -> Bool[np.ndarray, "a b c"]:
    """Cells and their 26 neighbours."""
    for axis in range(3):
        along = np.moveaxis(cells, axis, 0)
        grown = along.copy()
        grown[1:] |= along[:-1]
        grown[:-1] |= along[1:]
        cells = np.moveaxis(grown, 0, axis)
    return cells
