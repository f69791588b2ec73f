"""The shape of one field in the colors of another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .field_reader import Field, Points
from .shapes import Float


@dataclass(frozen=True)
class Painted:
    """A :class:`~backend.field_reader.Field` of two."""

    shape: Field
    paint: Field

    @property
    def bound(self) -> float:
        return self.shape.bound

    @property
    def level(self) -> float:
        return self.shape.level

    @property
    def density_scale(self) -> float:
        return self.shape.density_scale

    def pre_density(self, points: Points) -> Float[np.ndarray, " points"]:
        return self.shape.pre_density(points)

    def sample(
        self, points: Points
    ) -> tuple[Float[np.ndarray, " points"], Float[np.ndarray, "points 3"]]:
        return self.shape.pre_density(points), self.paint.sample(points)[1]

    def lattice(
        self, x: Float[np.ndarray, " nx"], y: Float[np.ndarray, " ny"], z: Float[np.ndarray, " nz"]
    ) -> Float[np.ndarray, "nx ny nz"]:
        return self.shape.lattice(x, y, z)
