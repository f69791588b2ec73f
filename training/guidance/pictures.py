"""Guidance by whole reference pictures, for renderers that have no volume to sample (A26)."""

from __future__ import annotations

import dataclasses

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from backend.rendering.cameras import Cameras

from ..assets.protocol import ReferenceAssets, ReferenceBatch
from ..rendering.renderer import TrainingRenderer
from ..rendering.scene import Step
from . import Log
from .references import ReferencesConfig


class PictureGuidance:
    """Whole pictures over random solid backgrounds, so that only alpha can explain those."""

    def __init__(
        self, assets: ReferenceAssets, config: ReferencesConfig, renderer: TrainingRenderer
    ) -> None:
        self._assets = assets
        self._config = config
        self._renderer = renderer

    def __call__(self, step: Step) -> tuple[Float[Tensor, ""], Log]:
        scene = self._renderer.scene(len(step.objects), step.generator, step.done)
        scene = dataclasses.replace(
            scene,
            shadings=["albedo"] * len(step.objects),
            amount=None,
            solid=torch.ones_like(scene.solid),
        )
        views = self._renderer.render(step, scene)
        with torch.no_grad():
            assets = self._assets.assets_at(step.mix)
            cameras = views.cameras.to(views.images.device)
            picture, alpha = smooth_pictures(assets, cameras, self._renderer.config.size)
            behind = scene.color.to(picture)[:, None, None]
            picture = picture + behind * (1.0 - alpha)[..., None]
        losses = {
            "picture": self._config.picture_weight * (views.images - picture).abs().mean(),
            "alpha": self._config.alpha_weight * (views.alpha - alpha).abs().mean(),
        }
        total = torch.stack(list(losses.values())).sum()
        return total, {name: loss.detach() for name, loss in losses.items()}


def smooth_pictures(
    assets: ReferenceBatch, cameras: Cameras, size: int
) -> tuple[Float[Tensor, "assets size size 3"], Float[Tensor, "assets size size"]]:
    """``assets.pictures`` with four rays a pixel: outlines cover shares of pixels, as ours do."""
    picture, alpha = assets.pictures(cameras, 2 * size)
    return halved(picture), halved(alpha[..., None])[..., 0]


def halved(
    pictures: Float[Tensor, "views double double channels"],
) -> Float[Tensor, "views size size channels"]:
    """The mean of every two by two pixels."""
    return functional.avg_pool2d(pictures.movedim(-1, 1), 2).movedim(1, -1)
