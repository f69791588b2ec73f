"""Volume rendering of fields (A17): samples along rays, composited front to back.

A radiance function takes points (objects, points, 3) in metres and gives pre-density and color.
Samples are uniform in the part of the ray inside the bounding ball, jittered in training. Normals
are central differences of the pre-density, taken once a ray at its expected depth: a trilinear
grid's own gradient is noisy, and differences at every sample would cost six more reads of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from . import Shading
from .cameras import Cameras, intersect_ball
from .lighting import headlight, shade

if TYPE_CHECKING:
    from ..model.field import Field

Radiance = Callable[
    [Float[Tensor, "objects points 3"]],
    tuple[Float[Tensor, "objects points"], Float[Tensor, "objects points 3"]],
]


EMPTY = -1000.0
"""Pre-density of samples that are not read: its softplus is zero, not a number so small that the
processor handles it in slow motion."""


@dataclass(frozen=True)
class Rendered:
    """Composited rays, without any background."""

    color: Float[Tensor, "objects rays 3"]
    """Color of each ray, premultiplied by alpha."""
    alpha: Float[Tensor, "objects rays"]
    depth: Float[Tensor, "objects rays"]
    """Expected distance along the ray, metres; the far end where nothing is hit."""
    weights: Float[Tensor, "objects rays samples"]


def render_rays(
    radiance: Radiance,
    origins: Float[Tensor, "objects 3"],
    directions: Float[Tensor, "objects rays 3"],
    *,
    bound: float,
    samples: int,
    generator: torch.Generator | None = None,
    jitter: bool = False,
) -> Rendered:
    """Composite ``samples`` samples a ray (A17): ``alpha_i = 1 - exp(-softplus(p_i) step)``."""
    near, far = intersect_ball(origins, directions, bound)
    step = (far - near) / samples
    if jitter:
        offset = torch.rand(*near.shape, samples, generator=generator).to(near.device)
    else:
        offset = torch.full((1, 1, samples), 0.5, device=near.device)
    place = torch.arange(samples, device=near.device) + offset
    distance = near[..., None] + step[..., None] * place
    points = origins[:, None, None] + directions[:, :, None] * distance[..., None]
    pre_density, color = radiance(points.flatten(1, 2))
    shape = (*near.shape, samples)
    weights = sample_weights(pre_density.view(shape), step)
    total = weights.sum(-1)
    return Rendered(
        color=(weights[..., None] * color.view(*shape, 3)).sum(-2),
        alpha=total,
        depth=(weights * distance).sum(-1) + (1.0 - total) * far,
        weights=weights,
    )


def sample_weights(
    pre_density: Float[Tensor, "*rays samples"], step: Float[Tensor, "*rays"]
) -> Float[Tensor, "*rays samples"]:
    """What each sample of a ray adds to its color: ``alpha_i prod_{j<i} (1 - alpha_j)``, where
    ``alpha_i = 1 - exp(-softplus(p_i) step)``."""
    optical = torch.nn.functional.softplus(pre_density) * step[..., None]
    passed = torch.exp(-torch.cumsum(optical, dim=-1) + optical)
    return -torch.expm1(-optical) * passed


@dataclass(frozen=True)
class Views:
    """What cameras see of one object, before light and background."""

    albedo: Float[Tensor, "views size size 3"]
    alpha: Float[Tensor, "views size size"]
    points: Float[Tensor, "views size size 3"]
    """Where each ray ends, metres."""
    normals: Float[Tensor, "views size size 3"]

    def picture(
        self,
        shading: Shading,
        lights: Float[Tensor, "views 3"],
        background: Float[Tensor, "3"],
    ) -> Float[Tensor, "views size size 3"]:
        """Shaded and composited over ``background``."""
        light = lights[:, None, None].expand_as(self.points)
        color = shade(self.albedo, self.normals, self.points, light, shading)
        alpha = self.alpha[..., None]
        return (color * alpha + background * (1.0 - alpha)).clamp(0.0, 1.0)


@torch.inference_mode()
def view_field(field: Field, cameras: Cameras, size: int, *, samples: int = 128) -> Views:
    """Look at one object with several cameras. Samples in empty space are not read."""
    cameras = cameras.to(field.device)
    origins, directions = cameras.rays(size)

    def radiance(points: Tensor) -> tuple[Tensor, Tensor]:
        worth = field.occupied(points[0]).nonzero()[:, 0]
        pre_density = points.new_full(points.shape[:2], EMPTY)
        color = points.new_zeros(points.shape)
        pre_density[0, worth], color[0, worth] = field.sample(points[0, worth])
        return pre_density, color

    albedo, alpha, points = [], [], []
    for view in range(len(cameras)):
        for part in directions[view].split(max(1, (1 << 19) // samples)):
            rendered = render_rays(
                radiance, origins[view : view + 1], part[None], bound=field.bound, samples=samples
            )
            opacity = rendered.alpha[0].clamp(0.0, 1.0)
            albedo.append((rendered.color[0] / opacity[:, None].clamp_min(1e-4)).clamp(0.0, 1.0))
            alpha.append(opacity)
            points.append(origins[view] + part * rendered.depth[0, :, None])
    ends = torch.cat(points)
    seen = torch.cat(alpha)
    normals = torch.zeros_like(ends)
    hit = seen > 1e-3
    slope = field.gradient(ends[hit], 0.02 * field.bound)
    normals[hit] = -torch.nn.functional.normalize(slope, dim=-1)
    shape = (len(cameras), size, size)
    return Views(
        torch.cat(albedo).view(*shape, 3),
        seen.view(shape),
        ends.view(*shape, 3),
        normals.view(*shape, 3),
    )


def render_field(
    field: Field,
    cameras: Cameras,
    size: int,
    *,
    samples: int = 128,
    shading: Shading = "full",
    background: Float[Tensor, "3"] | None = None,
) -> tuple[Float[Tensor, "views size size 3"], Float[Tensor, "views size size"]]:
    """Pictures of one object and their alpha; ``background`` defaults to white.

    Lit by :func:`~backend.rendering.lighting.headlight`.
    """
    views = view_field(field, cameras, size, samples=samples)
    behind = torch.ones(3) if background is None else background
    lights = headlight(cameras).to(field.device)
    return views.picture(shading, lights, behind.to(field.device)), views.alpha
