"""One prompt's object in numpy: a field of pre-density and color, independent of text."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np

from ..model.config import ModelConfig
from ..shapes import Float
from .decoder import Decoder
from .grid import GridTable, Points, Table

CHUNK = 1 << 14
"""Points read at once: enough that calls cost little, few enough for a core's own cache."""
MOST_THREADS = 8


class NumpyField:
    """A :class:`~backend.field_reader.Field`. May be read from several threads."""

    def __init__(
        self,
        config: ModelConfig,
        grid: GridTable,
        table: Table,
        decoder: Decoder,
        proportions: Float[np.ndarray, "3"] | None = None,
    ) -> None:
        """The object is stretched by ``proportions`` about the point that it stands on."""
        self._config = config
        self._grid = grid
        self._table = table
        self._decoder = decoder
        self._proportions = proportions
        self._feet = np.array([0.0, 0.0, -config.ground], dtype=np.float32)

    @property
    def bound(self) -> float:
        return self._config.bound

    @property
    def level(self) -> float:
        return self._config.surface_level

    @property
    def density_scale(self) -> float:
        return self._config.density_scale

    def pre_density(self, points: Points) -> Float[np.ndarray, " points"]:
        result = np.empty(len(points), dtype=np.float32)

        def read(part: slice) -> None:
            chosen = self._unstretched(points[part])
            result[part] = self._decoder.density(self._features(chosen)) + self._bias(chosen)

        _in_threads(read, len(points))
        return result

    def sample(
        self, points: Points
    ) -> tuple[Float[np.ndarray, " points"], Float[np.ndarray, "points 3"]]:
        density = np.empty(len(points), dtype=np.float32)
        color = np.empty((len(points), 3), dtype=np.float32)

        def read(part: slice) -> None:
            chosen = self._unstretched(points[part])
            density[part], color[part] = self._decoder.density_and_color(self._features(chosen))
            density[part] += self._bias(chosen)

        _in_threads(read, len(points))
        return density, color

    def lattice(
        self, x: Float[np.ndarray, " nx"], y: Float[np.ndarray, " ny"], z: Float[np.ndarray, " nz"]
    ) -> Float[np.ndarray, "nx ny nz"]:
        if self._proportions is not None:
            x, y, z = (
                (line - feet) / factor + feet
                for line, feet, factor in zip((x, y, z), self._feet, self._proportions, strict=True)
            )
        lines = [line / np.float32(self.bound) for line in (x, y, z)]
        features = self._grid.read_lines(self._table, *lines)
        flat = features.reshape(len(features), -1)
        result = np.empty(flat.shape[1], dtype=np.float32)

        def read(part: slice) -> None:
            result[part] = self._decoder.density(flat[:, part].T)

        _in_threads(read, len(result))
        squares = np.square(x)[:, None, None] + np.square(y)[:, None] + np.square(z)
        return result.reshape(squares.shape) + self._bias_at(np.sqrt(squares))

    def _unstretched(self, points: Points) -> Points:
        """Where the grid has what is at ``points``."""
        if self._proportions is None:
            return points
        return (points - self._feet) / self._proportions + self._feet

    def _features(self, points: Points) -> Float[np.ndarray, "points channels"]:
        return self._grid.read(self._table, points * np.float32(1.0 / self.bound))

    def _bias(self, points: Points) -> Float[np.ndarray, " points"]:
        return self._bias_at(np.sqrt(np.einsum("pa,pa->p", points, points)))

    def _bias_at(self, distance: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """The density bias of A20 at a distance from the origin, metres."""
        height, radius = self._config.density_bias, self._config.density_bias_radius
        return np.float32(height) - distance * np.float32(height / radius)


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(os.cpu_count() or 1, MOST_THREADS), "field")


def _in_threads(read: Callable[[slice], None], count: int) -> None:
    """Call ``read`` for all of ``count`` points, chunk by chunk; numpy leaves Python's lock."""
    chunks = list(_chunks(count))
    if len(chunks) == 1:
        read(chunks[0])
    else:
        list(_threads().map(read, chunks))


def _chunks(count: int) -> Iterator[slice]:
    for first in range(0, count, CHUNK):
        yield slice(first, min(first + CHUNK, count))
