"""Pixel diffusion models: DeepFloyd IF's first stage, and our own."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .condition import TextCondition
from .network import UNetDiffusion, resize


class PixelDiffusion(UNetDiffusion):
    """A :class:`~.model.DiffusionModel` on images in [-1, 1].

    DeepFloyd IF has six output channels: the noise, then a variance for its sampler, which score
    distillation leaves out (``predict`` keeps the first three).
    """

    pixels = True

    def encode(
        self, images: Float[Tensor, "images height width 3"]
    ) -> Float[Tensor, "images channels size size"]:
        with torch.autocast(images.device.type, enabled=False):
            return resize(images, self.size).to(self.device) * 2.0 - 1.0


class OwnPixelDiffusion(PixelDiffusion):
    """Ours (``python -m training diffusion``), whose network takes the text tokens by position."""

    def forward(
        self, x: Float[Tensor, "..."], t: Int[Tensor, " images"], text: TextCondition
    ) -> Float[Tensor, "..."]:
        return self.unet(x, t, text.tokens)
