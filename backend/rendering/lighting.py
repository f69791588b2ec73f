"""Point lights and the three shadings of A14 and A15.

Colors are sRGB-encoded and in [0, 1] everywhere in the project (textures, albedo, pictures);
shading multiplies in that space.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from . import AMBIENT, DIFFUSE, Shading
from .cameras import Cameras

DREAMFUSION_LIGHT = (0.1, 0.9)
"""DreamFusion's ambient and diffuse parts, which make the side away from the light nearly black."""


@dataclass(frozen=True)
class LightConfig:
    """Ranges of the random point light (A14)."""

    distance: tuple[float, float] = (1.0, 3.0)
    """Metres from the origin."""
    angle: tuple[float, float] = (0.0, 45.0)
    """Degrees between the light's and the camera's direction, seen from the origin."""


def sample_lights(
    cameras: Cameras, config: LightConfig, generator: torch.Generator | None = None
) -> Float[Tensor, "views 3"]:
    """Draw one point light a camera (A14): its angle to the camera and its distance uniform."""
    count = len(cameras)
    right, up, forward = cameras.axes()

    def uniform(low: float, high: float) -> Float[Tensor, "views 1"]:
        draw = torch.rand(count, 1, generator=generator).to(forward.device)
        return low + (high - low) * draw

    angle = torch.deg2rad(uniform(*config.angle))
    roll = uniform(0.0, 2 * math.pi)
    sideways = right * torch.cos(roll) + up * torch.sin(roll)
    unit = -forward * torch.cos(angle) + sideways * torch.sin(angle)
    return unit * uniform(*config.distance)


def headlight(cameras: Cameras) -> Float[Tensor, "views 3"]:
    """A repeatable key light: up and to the left of each camera, 3 m away."""
    right, up, forward = cameras.axes()
    direction = -forward + 0.5 * up - 0.4 * right
    return 3.0 * direction / direction.norm(dim=-1, keepdim=True)


def shade(
    albedo: Float[Tensor, "*shape 3"],
    normals: Float[Tensor, "*shape 3"],
    points: Float[Tensor, "*shape 3"],
    lights: Float[Tensor, "*shape 3"],
    shading: Shading = "full",
) -> Float[Tensor, "*shape 3"]:
    """Lambertian shading of surface points by a point light (A15)."""
    if shading == "albedo":
        return albedo
    light = lambert(normals, points, lights)[..., None]
    return (albedo * light if shading == "full" else light.expand_as(albedo)).clamp(0.0, 1.0)


def lambert(
    normals: Float[Tensor, "*shape 3"],
    points: Float[Tensor, "*shape 3"],
    lights: Float[Tensor, "*shape 3"],
    ambient: float = AMBIENT,
    diffuse: float = DIFFUSE,
) -> Float[Tensor, "*shape"]:
    """Light on surface points, ``ambient`` to ``ambient + diffuse``."""
    to_light = torch.nn.functional.normalize(lights - points, dim=-1, eps=1e-6)
    return ambient + diffuse * (normals * to_light).sum(-1).clamp_min(0.0)
