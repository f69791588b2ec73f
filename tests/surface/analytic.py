"""An analytic object with the interface of a field: the mesh tests' truth.

Balls joined by a smooth union. Its surface, normals and colors are known in closed form, so a test
compares a mesh with the truth and not with another discretisation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from backend.field_reader import Reader
from backend.progress import CancelToken

Ball = tuple[float, float, float, float]
"""Centre x, y, z and radius, metres."""

TOY: tuple[Ball, ...] = (
    (0.0, 0.0, -0.25, 0.48),
    (0.0, -0.25, 0.35, 0.34),
    (0.22, -0.2, 0.68, 0.13),
    (-0.22, -0.2, 0.68, 0.13),
    (0.3, -0.15, -0.72, 0.16),
    (-0.3, -0.15, -0.72, 0.16),
    (0.0, -0.6, 0.28, 0.1),
)
"""A bear of sorts: body, head, ears, feet, nose; one piece."""
BALLOON: Ball = (0.62, 0.1, 0.55, 0.14)
"""A separate part that must survive the clean-up."""
SPECK: Ball = (-0.7, 0.4, 0.4, 0.025)
"""Floating dirt that must not."""


@dataclass
class AnalyticField:
    """Smooth union of balls: ``pre_density = level - sharpness * signed distance``."""

    balls: Sequence[Ball] = TOY
    cavities: Sequence[Ball] = ()
    """Hollow places inside the object."""
    sharpness: float = 30.0
    blend: float = 0.04
    """Width of the smooth union, metres."""
    bound: float = 1.0
    level: float = 3.0
    density_scale: float = 1.0
    reads: int = 0
    """Points evaluated so far."""

    def distance(self, points: np.ndarray) -> np.ndarray:
        """Signed distance to the surface, metres, negative inside; ``[N, 3] -> [N]``."""
        shape = np.array(self.balls, dtype=points.dtype)
        to_ball = np.linalg.norm(points[:, None] - shape[:, :3], axis=2)
        result = -self.blend * logsumexp((shape[:, 3] - to_ball) / self.blend, axis=1)
        for x, y, z, radius in self.cavities:
            hole = radius - np.linalg.norm(points - np.array([x, y, z], points.dtype), axis=1)
            result = np.maximum(result, hole)
        return result

    def pre_density(self, points: np.ndarray) -> np.ndarray:
        self.reads += len(points)
        return self.level - self.sharpness * self.distance(points)

    def color(self, points: np.ndarray) -> np.ndarray:
        """Waves on the object; pure green where there is nothing, so that a leak shows."""
        waves = 0.5 + 0.3 * np.sin(4.0 * np.roll(points, 1, -1) + np.arange(3.0))
        outside = (self.distance(points) > 0.02)[:, None]
        return np.where(outside, [0.0, 1.0, 0.0], waves).astype(np.float32)

    def sample(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.pre_density(points), self.color(points)

    def lattice(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        points = np.stack(np.meshgrid(x, y, z, indexing="ij"), axis=-1)
        return self.pre_density(points.reshape(-1, 3)).reshape(points.shape[:3])

    def dense(self, resolution: int) -> np.ndarray:
        return Reader(self, CancelToken()).dense(resolution)

    def gradient(self, points: np.ndarray, h: float) -> np.ndarray:
        return Reader(self, CancelToken()).gradient(points, h)
