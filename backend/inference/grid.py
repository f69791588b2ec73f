"""The feature grid of one object as a table, read at points and on regular grids (A1, A2).

``backend.model.grid`` says how a grid's numbers are laid out and what a read means. Here every
level's vertices are rows of one table, and trilinear reads are products of a sparse matrix with it:
eight weights a level and point. scipy's product is compiled, leaves Python's lock alone, and is as
fast as torch's own kernel.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

from ..model.config import GridConfig
from ..shapes import Bool, Float, Int

Table = Float[np.ndarray, "rows features"]
Points = Float[np.ndarray, "points 3"]

_PRIMES = np.array([1, 2654435761, 805459861], dtype=np.uint32)
_CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=np.int32)
"""Steps from the lowest corner of a cell to all eight, z fastest."""


class GridTable:
    """The geometry of a grid: which row of the table each vertex is, and how points read it.

    Positions are in [-1, 1]^3, as everywhere in the grid. Levels with all their vertices come
    first, x slowest and z fastest; hash tables follow. Vertices that are not stored have rows, too,
    which are zero.
    """

    def __init__(self, config: GridConfig) -> None:
        self.config = config
        sizes = [resolution**3 for resolution in config.resolutions]
        sizes += [2**config.table] * len(config.hashed)
        self._starts = np.concatenate([[0], np.cumsum(sizes)])
        self.rows = int(self._starts[-1])
        kept = [
            start + np.flatnonzero(touching_ball(resolution))
            if config.support == "ball"
            else np.arange(start, start + resolution**3)
            for start, resolution in zip(self._starts, config.resolutions, strict=False)
        ]
        kept.append(np.arange(self._starts[len(config.resolutions)], self.rows))
        self.stored: Int[np.ndarray, " vertices"] = np.concatenate(kept)
        """Rows of the vertices that a checkpoint has numbers of, in their order."""

    @property
    def channels(self) -> int:
        """Numbers a point reads."""
        return len(self.config.levels) * self.config.features

    def read(self, table: Table, points: Points) -> Float[np.ndarray, "points channels"]:
        """Trilinear features at points, level by level."""
        count, features = len(points), self.config.features
        result = np.empty((count, self.channels), dtype=np.float32)
        place = np.ascontiguousarray(points.T) * np.float32(0.5) + np.float32(0.5)
        np.clip(place, 0.0, 1.0, out=place)
        corners = np.empty((count, 8), dtype=np.int32)
        weights = np.empty((count, 8), dtype=np.float32)
        ends = np.arange(0, corners.size + 1, 8, dtype=np.int32)
        for level, resolution in enumerate(self.config.levels):
            high = place * np.float32(resolution - 1)
            cell = np.minimum(high.astype(np.int32), resolution - 2)
            high -= cell
            self._corner_rows(level, cell, corners)
            _trilinear_weights(high, weights)
            parts = (weights.reshape(-1), corners.reshape(-1), ends)
            matrix = csr_array(parts, shape=(count, len(table)))
            result[:, level * features : (level + 1) * features] = matrix @ table
        return result

    def corners_of(
        self, level: int, points: Points
    ) -> tuple[Int[np.ndarray, "points 8"], Float[np.ndarray, "points 8"]]:
        """Rows of the table that each point reads on a level, and their trilinear weights."""
        resolution = self.config.levels[level]
        place = np.clip(points.T * np.float32(0.5) + np.float32(0.5), 0.0, 1.0)
        high = place.astype(np.float32) * np.float32(resolution - 1)
        cell = np.minimum(high.astype(np.int32), resolution - 2)
        high -= cell
        rows = np.empty((len(points), 8), dtype=np.int32)
        weights = np.empty((len(points), 8), dtype=np.float32)
        self._corner_rows(level, cell, rows)
        _trilinear_weights(high, weights)
        return rows, weights

    def read_lines(
        self, table: Table, x: np.ndarray, y: np.ndarray, z: np.ndarray
    ) -> Float[np.ndarray, "channels nx ny nz"]:
        """Features at every point of the axis-aligned grid ``x * y * z``, channels first.

        On such a grid trilinear interpolation is three products with small matrices, one an axis.
        """
        levels = []
        for level, resolution in enumerate(self.config.levels):
            along = [_Line(line, resolution) for line in (x, y, z)]
            volume = self._block(table, level, [line.vertices for line in along])
            volume = np.tensordot(volume, along[2].matrix, (2, 1))  # x y f z
            volume = np.tensordot(along[0].matrix, volume, (1, 0))  # x y f z
            levels.append(np.einsum("by,xyfz->fxbz", along[1].matrix, volume, optimize=True))
        return np.concatenate(levels)

    def _block(
        self, table: Table, level: int, vertices: Sequence[np.ndarray]
    ) -> Float[np.ndarray, "nx ny nz features"]:
        """A level's features at some vertices of each axis."""
        x, y, z = np.ix_(*vertices)
        if level >= len(self.config.resolutions):
            rows = self._hashed_rows(x, y, z)
        else:
            rows = (x * self.config.levels[level] + y) * self.config.levels[level] + z
        return table[self._starts[level] + rows]

    def _corner_rows(
        self, level: int, cell: Int[np.ndarray, "3 points"], rows: Int[np.ndarray, "points 8"]
    ) -> None:
        """Fill in the rows of the corners of each cell of a level."""
        start = np.int32(self._starts[level])
        if level >= len(self.config.resolutions):
            x, y, z = cell[:, :, None] + _CORNERS.T[:, None]
            np.add(self._hashed_rows(x, y, z), start, out=rows)
            return
        vertices = np.int32(self.config.levels[level])
        x, y, z = cell
        first = (x * vertices + y) * vertices + z + start
        steps = _CORNERS @ np.array([vertices**2, vertices, 1], dtype=np.int32)
        np.add(first[:, None], steps, out=rows)

    def _hashed_rows(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        mixed = x.astype(np.uint32) * _PRIMES[0]
        mixed = mixed ^ (y.astype(np.uint32) * _PRIMES[1]) ^ (z.astype(np.uint32) * _PRIMES[2])
        return (mixed & np.uint32(2**self.config.table - 1)).astype(np.int32)


class _Line:
    """Where the points of one axis lie between a level's vertices."""

    def __init__(self, line: Float[np.ndarray, " n"], resolution: int) -> None:
        place = np.clip(line.astype(np.float32) * 0.5 + 0.5, 0.0, 1.0) * (resolution - 1)
        low = np.minimum(place.astype(np.int64), resolution - 2)
        needed, index = np.unique(np.concatenate([low, low + 1]), return_inverse=True)
        self.vertices: Int[np.ndarray, " vertices"] = needed
        """Vertices of the grid that the points need."""
        self.matrix = np.zeros((len(line), len(needed)), dtype=np.float32)
        """Weights of ``vertices`` at each point of the line."""
        point, high = np.arange(len(line)), (place - low).astype(np.float32)
        self.matrix[point, index[: len(line)]] = 1.0 - high
        self.matrix[point, index[len(line) :]] = high


def _trilinear_weights(
    high: Float[np.ndarray, "3 points"], weights: Float[np.ndarray, "points 8"]
) -> None:
    """Fill in the weights of a cell's corners, given how far into the cell a point is."""
    x, y, z = high
    both = x * y
    for pair, part in enumerate((1.0 - x - y + both, y - both, x - both, both)):
        upper = part * z
        weights[:, 2 * pair + 1] = upper
        np.subtract(part, upper, out=weights[:, 2 * pair])


def touching_ball(resolution: int) -> Bool[np.ndarray, " vertices"]:
    """Which vertices of a level belong to a cell that touches the unit ball, flat, x slowest."""
    line = np.linspace(-1.0, 1.0, resolution)
    low, high = line[:-1], line[1:]
    nearest = np.square(np.where(low > 0, low, np.where(high < 0, -high, 0.0)))
    cells = nearest[:, None, None] + nearest[None, :, None] + nearest <= 1.0 + 1e-9
    kept = np.zeros((resolution,) * 3, dtype=bool)
    for x, y, z in _CORNERS:
        end = resolution - 1
        kept[x : x + end, y : y + end, z : z + end] |= cells
    return kept.reshape(-1)
