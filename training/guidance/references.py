"""Guidance by reference assets: the same cameras' pictures, and the truth at 3D points.

Pictures compare albedo and alpha along random rays over a random solid background, so that only
alpha can explain the background. Points compare pre-density with a truncated signed distance
around the surface level, and color close to the surface; a point costs one grid read where a ray
costs one a sample, and it teaches what pictures leave open: where exactly the surface is.

Between prompts (A27, A28) an object has one target or several, by the interpolation type:
``truth`` the family's own asset at the mixed parameters; ``bernoulli`` (Eq. 10) the asset of one
end, drawn by share; ``loss`` (Eq. 9) every end's asset, their losses weighted by share. The model
is evaluated once whatever the number of targets.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from backend.model.att3d import Objects
from backend.protocol.errors import TrainingError
from backend.rendering.cameras import CameraConfig, sample_cameras
from backend.rendering.volume import render_rays

from ..assets.protocol import ReferenceAssets, ReferenceBatch
from ..prompts import PromptMix
from ..rendering.scene import Step
from ..runs.ranges import within
from . import Log


@dataclass(frozen=True)
class ReferencesConfig:
    """Guidance by reference assets: pictures from the same cameras, and truth at 3D points."""

    size: int = within(64, 1, 4096)
    """Pixels of a reference picture's side."""
    rays: int = 256
    """Rays compared a prompt a step; 0 turns pictures off."""
    picture_every: int = within(1, 1)
    """Steps between those that compare pictures."""
    samples: int = within(64, 1, 4096)
    """Samples a ray (A17)."""
    points: int = 4096
    """Points compared a prompt a step; 0 turns points off."""
    near_sigma: tuple[float, float] = within((0.005, 0.15), 1e-9, 100.0)
    """Spread of the points near the surface, metres, log-uniform."""
    near_share: float = within(0.5, 0.0, 1.0)
    """Share of the points drawn near the asset's own surface."""
    other_share: float = within(0.3, 0.0, 1.0)
    """Share drawn near the surface of another asset of the batch; the rest is uniform."""
    slope: float = within(300.0, 0.0, 1e9)
    """Pre-density (before the model's density scale) per metre of distance to the surface."""
    truncation: float = within(14.0, 1e-9, 1e9)
    """Beyond this much of it from the surface's level, only the side matters."""
    color_band: float = within(0.06, 0.0, 100.0)
    """Color is compared at points closer to the surface than this, metres."""
    density_weight: float = within(1.0, 0.0, 1e9)
    color_weight: float = within(2.0, 0.0, 1e9)
    picture_weight: float = within(1.0, 0.0, 1e9)
    alpha_weight: float = within(0.5, 0.0, 1e9)

    @property
    def problem(self) -> str | None:
        """What is wrong with the configuration, or None."""
        if self.points == 0 and (self.rays == 0 or self.picture_every > 1):
            return "without points every step needs rays and picture_every 1"
        return None


KINDS = ("none", "loss", "bernoulli", "truth")
"""Interpolation types that references have."""


@dataclass(frozen=True)
class _Target:
    """Assets that the step's objects should become, and how much each object cares."""

    assets: ReferenceBatch
    weights: Float[Tensor, " objects"]


class ReferenceGuidance:
    """The references family of guidance."""

    def __init__(
        self,
        assets: ReferenceAssets,
        config: ReferencesConfig,
        cameras: CameraConfig,
        *,
        interpolation: str = "none",
    ) -> None:
        """Raises TrainingError for an interpolation type that references do not have, or pictures
        alone where there are none between prompts."""
        if interpolation not in KINDS:
            raise TrainingError(
                f"references cannot interpolate by {interpolation!r}, which is for diffusion",
                f"choose --interpolation.kind {', '.join(KINDS[1:-1])} or {KINDS[-1]}",
            )
        if interpolation == "truth" and not assets.pictures_between and not config.points:
            raise TrainingError(
                "these assets have no pictures of what lies between prompts",
                "set --references.points, or choose --interpolation.kind loss or bernoulli",
            )
        self._assets = assets
        self._config = config
        self._cameras = cameras
        self._interpolation = interpolation

    def __call__(self, step: Step) -> tuple[Float[Tensor, ""], Log]:
        targets = self._targets(step)
        losses: dict[str, Tensor] = {}
        if self._config.points:
            losses |= self._point_losses(step, targets)
        if self._config.rays and step.index % self._config.picture_every == 0:
            losses |= self._picture_losses(*self._pictured(step, targets))
        total = torch.stack(list(losses.values())).sum()
        return total, {name: loss.detach() for name, loss in losses.items()}

    def _targets(self, step: Step) -> list[_Target]:
        """What the objects are compared with; each object's weights sum to one."""
        mix, device = step.mix, step.objects.values.device
        if self._interpolation == "bernoulli" and mix.prompts.shape[1] > 1:
            drawn = torch.multinomial(mix.shares, 1, generator=step.generator)
            mix = PromptMix(mix.prompts.gather(1, drawn), torch.ones(drawn.shape))
        if self._interpolation == "loss":
            return [
                _Target(self._assets.assets_at(PromptMix.plain(prompts)), shares.to(device))
                for prompts, shares in zip(
                    mix.prompts.T.tolist(), mix.shares.unbind(1), strict=True
                )
            ]
        return [_Target(self._assets.assets_at(mix), torch.ones(len(mix), device=device))]

    def _pictured(self, step: Step, targets: list[_Target]) -> tuple[Step, list[_Target]]:
        """The step's objects whose targets have pictures, and these."""
        between = set(step.mix.between)
        if self._interpolation != "truth" or self._assets.pictures_between or not between:
            return step, targets
        rows = [row for row in range(len(step.mix)) if row not in between]
        mix = PromptMix(step.mix.prompts[rows], step.mix.shares[rows])
        objects = Objects(step.objects.latent[rows], step.objects.values[rows])
        whole = torch.ones(len(rows), device=objects.values.device)
        some = dataclasses.replace(step, objects=objects, mix=mix)
        return some, [_Target(self._assets.assets_at(mix), whole)] if rows else []

    def _point_losses(self, step: Step, targets: list[_Target]) -> dict[str, Tensor]:
        config = self._config
        own = int(config.points * config.near_share)
        other = int(config.points * config.other_share)
        near = self._near_points(step, targets, own)
        # Where another toy of the batch has a surface is where this one could have a part too
        # many: without these points hats and balloons of other prompts stay in the air.
        elsewhere = self._near_points(step, targets, other).roll(-1, dims=0)
        anywhere = _uniform_in_ball(
            len(step.mix), config.points - own - other, step.model.config.bound, step.generator
        ).to(near.device)
        points = torch.cat([near, elsewhere, anywhere], dim=1)
        points = _into_ball(points, step.model.config.bound)
        pre_density, color = step.model.sample(step.objects, points)
        height = pre_density - step.model.config.surface_level
        height = height / step.model.config.density_scale
        density, color_error, color_weight = (torch.zeros((), device=height.device),) * 3
        for target in targets:
            with torch.no_grad():
                distance, truth = target.assets.query(points)
            error = truncated_distance_loss(height, -config.slope * distance, config.truncation)
            density = density + (target.weights * error.mean(-1)).mean()
            band = (distance.abs() < config.color_band) * target.weights[:, None]
            color_error = color_error + ((color - truth).abs().mean(-1) * band).sum()
            color_weight = color_weight + band.sum()
        return {
            "density": config.density_weight * density,
            "color": config.color_weight * color_error / color_weight.clamp_min(1),
        }

    def _near_points(
        self, step: Step, targets: list[_Target], count: int
    ) -> Float[Tensor, "objects count 3"]:
        """Spread log-uniformly: as many within millimetres of the surface as within decimetres.

        Targets share the points equally, whatever their weights: where one of them has a surface
        the others' losses say something too.
        """
        device = step.objects.values.device
        each = [count // len(targets)] * len(targets)
        each[0] += count - sum(each)
        points = torch.cat(
            [
                target.assets.near_points(part, 0.0, step.generator).to(device)
                for target, part in zip(targets, each, strict=True)
            ],
            dim=1,
        )
        narrow, wide = self._config.near_sigma
        exponent = torch.rand(len(points), count, 1, generator=step.generator)
        sigma = narrow * (wide / narrow) ** exponent
        noise = torch.randn(len(points), count, 3, generator=step.generator)
        return points + (sigma * noise).to(device)

    def _picture_losses(self, step: Step, targets: list[_Target]) -> dict[str, Tensor]:
        config = self._config
        device = step.objects.values.device
        count = len(step.mix)
        if not targets:
            return {}
        cameras = sample_cameras(count, self._cameras, step.generator).to(device)
        pixels = torch.randint(config.size**2, (count, config.rays), generator=step.generator).to(
            device
        )
        channels = pixels[..., None].expand(-1, -1, 3)
        origins, directions = cameras.rays(config.size)
        rendered = render_rays(
            lambda points: step.model.sample(step.objects, points),
            origins,
            directions.gather(1, channels),
            bound=step.model.config.bound,
            samples=config.samples,
            generator=step.generator,
            jitter=True,
        )
        behind = torch.rand(count, 1, 3, generator=step.generator).to(device)
        ours = rendered.color + behind * (1.0 - rendered.alpha)[..., None]
        picture_error, alpha_error = (torch.zeros((), device=device),) * 2
        for target in targets:
            with torch.no_grad():
                picture, alpha = target.assets.pictures(cameras, config.size)
            true_alpha = alpha.flatten(1).gather(1, pixels)
            truth = picture.flatten(1, 2).gather(1, channels)
            truth = truth + behind * (1.0 - true_alpha)[..., None]
            off = (ours - truth).abs().mean((1, 2))
            picture_error = picture_error + (target.weights * off).mean()
            off = (rendered.alpha - true_alpha).abs().mean(1)
            alpha_error = alpha_error + (target.weights * off).mean()
        return {
            "picture": config.picture_weight * picture_error,
            "alpha": config.alpha_weight * alpha_error,
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
