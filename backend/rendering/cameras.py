"""Cameras around an object, and the rays through their pixels (A13).

Conventions
-----------
Axes are Blender's: right-handed, z up, the object's front looks along -y, one unit is one metre.
Azimuth 0 is the front view (a camera at -y) and grows counter-clockwise seen from above: at 90
degrees the camera is at +x, looking at the object's left side. Elevation is measured from the
horizontal plane. Cameras look at a point of the z axis, the origin but for close-ups, with z up;
azimuth, elevation and distance are about that point. ``focal`` is the focal length in image
widths (the paper's multiplier): the field of view is ``2 atan(0.5 / focal)``. Images are square,
rows first, the top row first; pixel centres are at half-integers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class CameraConfig:
    """Ranges that random cameras are drawn from, uniformly. Defaults are the paper's (A13)."""

    distance: tuple[float, float] = (2.0, 3.0)
    """Distance from the origin, metres."""
    focal: tuple[float, float] = (0.7, 1.35)
    """Focal length, image widths."""
    elevation: tuple[float, float] = (-10.0, 90.0)
    """Degrees above the horizon."""
    azimuth: tuple[float, float] = (0.0, 360.0)
    """Range of angles around z, degrees."""
    close: float = 0.0
    """Share of the cameras that are close-ups. Not the paper's: details that a whole picture has no
    pixels for are seen there."""
    zoom: float = 2.0
    """The focal length of a close-up is so many times longer."""
    heights: tuple[float, float] = (-0.6, 0.6)
    """Close-ups look at points of the z axis between these, metres."""


@dataclass(frozen=True)
class Cameras:
    """A batch of cameras that look at points of the z axis."""

    azimuth: Float[Tensor, " views"]
    """Angle around z, radians."""
    elevation: Float[Tensor, " views"]
    """Radians; strictly between -pi/2 and pi/2."""
    distance: Float[Tensor, " views"]
    focal: Float[Tensor, " views"]
    height: Float[Tensor, " views"]
    """Where on the z axis each looks."""

    def __len__(self) -> int:
        return len(self.azimuth)

    def __getitem__(self, index: slice | Tensor) -> Cameras:
        return Cameras(*(part[index] for part in self._parts()))

    def repeat(self, times: int) -> Cameras:
        """All of them, so many times one after the other."""
        return Cameras(*(part.repeat(times) for part in self._parts()))

    def to(self, device: torch.device | str) -> Cameras:
        """The same cameras there. To a GPU, nothing waits for it."""
        on_cpu = self.azimuth.device.type == "cpu"
        return Cameras(*(part.to(device, non_blocking=on_cpu) for part in self._parts()))

    def _parts(self) -> tuple[Float[Tensor, " views"], ...]:
        return (self.azimuth, self.elevation, self.distance, self.focal, self.height)

    @property
    def frame(self) -> Float[Tensor, " views"]:
        """How wide a picture is at the point that its camera looks at, metres."""
        return self.distance / self.focal

    @property
    def position(self) -> Float[Tensor, "views 3"]:
        looked_at = torch.nn.functional.pad(self.height[:, None], (2, 0))
        return self._away() * self.distance[:, None] + looked_at

    def _away(self) -> Float[Tensor, "views 3"]:
        """Unit vectors towards each camera from what it looks at."""
        flat = torch.cos(self.elevation)
        return torch.stack(
            [
                torch.sin(self.azimuth) * flat,
                -torch.cos(self.azimuth) * flat,
                torch.sin(self.elevation),
            ],
            dim=-1,
        )

    def axes(
        self,
    ) -> tuple[Float[Tensor, "views 3"], Float[Tensor, "views 3"], Float[Tensor, "views 3"]]:
        """Unit vectors to the right, up and forward (into the picture) of each camera."""
        forward = -self._away()
        right = torch.stack(
            [torch.cos(self.azimuth), torch.sin(self.azimuth), torch.zeros_like(self.azimuth)], -1
        )
        return right, torch.linalg.cross(right, forward), forward

    def rays(self, size: int) -> tuple[Float[Tensor, "views 3"], Float[Tensor, "views pixels 3"]]:
        """Origins and unit directions of the rays through the ``size * size`` pixel centres."""
        right, up, forward = self.axes()
        line = (torch.arange(size, device=self.azimuth.device) + 0.5) / size - 0.5
        x = line.repeat(size)
        y = -line.repeat_interleave(size)
        directions = (
            forward[:, None] * self.focal[:, None, None]
            + right[:, None] * x[None, :, None]
            + up[:, None] * y[None, :, None]
        )
        return self.position, directions / directions.norm(dim=-1, keepdim=True)


def sample_cameras(
    count: int, config: CameraConfig, generator: torch.Generator | None = None
) -> Cameras:
    """Draw ``count`` random cameras (A13). ``generator`` makes the draw repeatable; CPU only."""

    def uniform(low: float, high: float) -> Float[Tensor, " views"]:
        return low + (high - low) * torch.rand(count, generator=generator)

    limit = math.radians(89.0)
    azimuth = torch.deg2rad(uniform(*config.azimuth))
    elevation = torch.deg2rad(uniform(*config.elevation)).clamp(-limit, limit)
    distance, focal = uniform(*config.distance), uniform(*config.focal)
    height = torch.zeros(count)
    if config.close > 0.0:
        close = uniform(0.0, 1.0) < config.close
        focal = torch.where(close, focal * config.zoom, focal)
        height = torch.where(close, uniform(*config.heights), height)
    return Cameras(azimuth, elevation, distance, focal, height)


def orbit(
    count: int,
    *,
    start: float = 0.0,
    elevation: float = 15.0,
    distance: float = 3.0,
    focal: float = 1.35,
) -> Cameras:
    """``count`` cameras evenly around the object, from azimuth ``start`` on; angles in degrees.

    With the defaults a ball of radius 1 fills 95% of the picture.
    """
    step = 360.0 / max(count, 1)
    return Cameras(
        azimuth=torch.deg2rad(start + step * torch.arange(count, dtype=torch.float32)),
        elevation=torch.full((count,), math.radians(elevation)),
        distance=torch.full((count,), distance),
        focal=torch.full((count,), focal),
        height=torch.zeros(count),
    )


def intersect_ball(
    origins: Float[Tensor, "views 3"], directions: Float[Tensor, "views rays 3"], radius: float
) -> tuple[Float[Tensor, "views rays"], Float[Tensor, "views rays"]]:
    """Distances at which each ray enters and leaves the ball of ``radius`` around the origin.

    A ray that misses gets two equal distances (those of its closest approach): an empty interval.
    """
    middle = -(directions * origins[:, None]).sum(-1)
    closest = (origins[:, None] + middle[..., None] * directions).square().sum(-1)
    half = (radius**2 - closest).clamp_min(0.0).sqrt()
    return (middle - half).clamp_min(0.0), (middle + half).clamp_min(0.0)
