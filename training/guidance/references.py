"""Guidance by reference assets: the same cameras' pictures, and the truth at 3D points.

Pictures compare albedo and alpha along random rays over a random solid background, so that only
alpha can explain the background. Points compare pre-density with a truncated signed distance
around the surface level, and colour close to the surface; a point costs one grid read where a ray
costs one a sample, and it teaches what pictures leave open: where exactly the surface is.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from backend.rendering.cameras import CameraConfig, Cameras, sample_cameras
from backend.rendering.volume import render_rays

from ..config import ReferencesConfig
from . import Step


@runtime_checkable
class ReferenceAssets(Protocol):
    """Assets in the order of the prompt set."""

    def pictures(
        self, assets: list[int], cameras: Cameras, size: int
    ) -> tuple[Float[Tensor, "views size size 3"], Float[Tensor, "views size size"]]:
        """Albedo premultiplied by alpha, and alpha: one view an asset."""
        ...

    def near_points(
        self, assets: list[int], count: int, sigma: float, generator: torch.Generator
    ) -> Float[Tensor, "assets count 3"]:
        """Points about ``sigma`` metres from each asset's surface."""
        ...

    def query(
        self, assets: list[int], points: Float[Tensor, "assets points 3"]
    ) -> tuple[Float[Tensor, "assets points"], Float[Tensor, "assets points 3"]]:
        """Signed distance (negative inside, metres) and the nearest surface's colour."""
        ...


class ReferenceGuidance:
    """The references family of guidance."""

    def __init__(
        self, assets: ReferenceAssets, config: ReferencesConfig, cameras: CameraConfig
    ) -> None:
        self._assets = assets
        self._config = config
        self._cameras = cameras

    def __call__(self, step: Step) -> tuple[Float[Tensor, ""], dict[str, float]]:
        losses: dict[str, Tensor] = {}
        if self._config.points:
            losses |= self._point_losses(step)
        if self._config.rays and step.index % self._config.picture_every == 0:
            losses |= self._picture_losses(step)
        total = torch.stack(list(losses.values())).sum()
        return total, {name: loss.item() for name, loss in losses.items()}

    def _point_losses(self, step: Step) -> dict[str, Tensor]:
        config = self._config
        device = step.objects.values.device
        own = int(config.points * config.near_share)
        other = int(config.points * config.other_share)
        # Where another toy of the batch has a surface is where this one could have a part too
        # many: without these points hats and balloons of other prompts stay in the air.
        neighbours = step.prompts[1:] + step.prompts[:1]
        points = torch.cat(
            [
                self._near_points(step.prompts, own, step.generator).to(device),
                self._near_points(neighbours, other, step.generator).to(device),
                _uniform_in_ball(
                    len(step.prompts),
                    config.points - own - other,
                    step.model.config.bound,
                    step.generator,
                ).to(device),
            ],
            dim=1,
        )
        points = _into_ball(points, step.model.config.bound)
        with torch.no_grad():
            distance, truth = self._assets.query(step.prompts, points)
        pre_density, color = step.model.sample(step.objects, points)
        height = pre_density - step.model.config.surface_level
        height = height / step.model.config.density_scale
        density = truncated_distance_loss(
            height, -config.slope * distance, config.truncation
        ).mean()
        band = distance.abs() < config.color_band
        error = (color - truth).abs().mean(-1)
        return {
            "density": config.density_weight * density,
            "color": config.color_weight * (error * band).sum() / band.sum().clamp_min(1),
        }

    def _near_points(
        self, assets: list[int], count: int, generator: torch.Generator
    ) -> Float[Tensor, "assets count 3"]:
        """Spread log-uniformly: as many within millimetres of the surface as within decimetres."""
        points = self._assets.near_points(assets, count, 0.0, generator)
        narrow, wide = self._config.near_sigma
        exponent = torch.rand(len(assets), count, 1, generator=generator)
        sigma = narrow * (wide / narrow) ** exponent
        noise = torch.randn(len(assets), count, 3, generator=generator)
        return points + (sigma * noise).to(points.device)

    def _picture_losses(self, step: Step) -> dict[str, Tensor]:
        config = self._config
        device = step.objects.values.device
        count = len(step.prompts)
        cameras = sample_cameras(count, self._cameras, step.generator).to(device)
        with torch.no_grad():
            picture, alpha = self._assets.pictures(step.prompts, cameras, config.size)
        pixels = torch.randint(config.size**2, (count, config.rays), generator=step.generator).to(
            device
        )
        origins, directions = cameras.rays(config.size)
        rendered = render_rays(
            lambda points: step.model.sample(step.objects, points),
            origins,
            directions.gather(1, pixels[..., None].expand(-1, -1, 3)),
            bound=step.model.config.bound,
            samples=config.samples,
            generator=step.generator,
            jitter=True,
        )
        true_alpha = alpha.flatten(1).gather(1, pixels)
        true_color = picture.flatten(1, 2).gather(1, pixels[..., None].expand(-1, -1, 3))
        behind = torch.rand(count, 1, 3, generator=step.generator).to(device)
        ours = rendered.color + behind * (1.0 - rendered.alpha)[..., None]
        truth = true_color + behind * (1.0 - true_alpha)[..., None]
        return {
            "picture": config.picture_weight * (ours - truth).abs().mean(),
            "alpha": config.alpha_weight * (rendered.alpha - true_alpha).abs().mean(),
        }


def truncated_distance_loss(
    height: Float[Tensor, "*shape"], target: Float[Tensor, "*shape"], truncation: float
) -> Float[Tensor, "*shape"]:
    """Distance of ``height`` to ``target``, in truncations, where ``target`` is within them.

    Beyond, any height at least as far on the same side costs nothing, so that the field needs no
    exact values far from the surface.
    """
    inside = target > truncation
    outside = target < -truncation
    error = (height - target.clamp(-truncation, truncation)) / truncation
    error = torch.where(inside, error.clamp_max(0.0), error)
    error = torch.where(outside, error.clamp_min(0.0), error)
    return torch.nn.functional.smooth_l1_loss(
        error, torch.zeros_like(error), beta=0.1, reduction="none"
    )


def _uniform_in_ball(
    batch: int, count: int, radius: float, generator: torch.Generator
) -> Float[Tensor, "batch count 3"]:
    direction = torch.randn(batch, count, 3, generator=generator)
    direction = direction / direction.norm(dim=-1, keepdim=True).clamp_min(1e-9)
    return direction * radius * torch.rand(batch, count, 1, generator=generator) ** (1 / 3)


def _into_ball(
    points: Float[Tensor, "batch points 3"], radius: float
) -> Float[Tensor, "batch points 3"]:
    distance = points.norm(dim=-1, keepdim=True)
    return points * (radius / distance.clamp_min(radius))
