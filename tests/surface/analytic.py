"""An analytic object with the interface of ``backend.model.Field``: the mesh tests' truth.

Balls joined by a smooth union. Its surface, normals and colours are known in closed form, so a test
compares a mesh with the truth and not with another discretisation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

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
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    reads: int = 0
    """Points evaluated so far."""

    def distance(self, points: Tensor) -> Tensor:
        """Signed distance to the surface, metres, negative inside; ``[N, 3] -> [N]``."""
        shape = torch.tensor(self.balls, dtype=points.dtype, device=points.device)
        to_ball = torch.cdist(points, shape[:, :3], compute_mode="donot_use_mm_for_euclid_dist")
        result = -self.blend * torch.logsumexp((shape[:, 3] - to_ball) / self.blend, dim=-1)
        for x, y, z, radius in self.cavities:
            hole = radius - (points - points.new_tensor([x, y, z])).norm(dim=-1)
            result = torch.maximum(result, hole)
        return result

    def pre_density(self, points: Tensor) -> Tensor:
        self.reads += len(points)
        return self.level - self.sharpness * self.distance(points)

    def color(self, points: Tensor) -> Tensor:
        """Waves on the object; pure green where there is nothing, so that a leak shows."""
        phase = points.new_tensor([0.0, 1.0, 2.0])
        waves = 0.5 + 0.3 * torch.sin(4.0 * points.roll(1, -1) + phase)
        outside = (self.distance(points) > 0.02)[:, None]
        return torch.where(outside, points.new_tensor([0.0, 1.0, 0.0]), waves)

    def sample(self, points: Tensor) -> tuple[Tensor, Tensor]:
        return self.pre_density(points), self.color(points)

    def axis(self, resolution: int) -> Tensor:
        return torch.linspace(-self.bound, self.bound, resolution)

    def dense(self, resolution: int) -> Tensor:
        line = self.axis(resolution)
        grid = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), -1).reshape(-1, 3)
        values = [self.pre_density(chunk) for chunk in grid.split(1 << 17)]
        return torch.cat(values).reshape(resolution, resolution, resolution)

    def near_surface(
        self, resolution: int, coarse: int = 32, margin: float | None = None
    ) -> Tensor:
        return self.dense(resolution)

    def gradient(self, points: Tensor, h: float) -> Tensor:
        steps = h * torch.eye(3, dtype=points.dtype, device=points.device)
        forward = [self.pre_density(points + step) for step in steps]
        backward = [self.pre_density(points - step) for step in steps]
        return (torch.stack(forward, -1) - torch.stack(backward, -1)) / (2 * h)
