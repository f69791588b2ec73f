"""How good the model is: denoising unseen pictures, and guided samples against their captions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.rendering.cameras import orbit

from ..clip.scoring import ScoringClip
from ..prompts.views import ViewScheme, view_index
from .bank import HELD_OUT, ViewMaker
from .captions import Captions, Tokens
from .model import VelocityNetwork, noise_levels, v_loss

_BATCH = 64


@dataclass(frozen=True)
class HeldOut:
    """Pictures, captions, noise and levels that are the same at every measurement."""

    clean: Float[Tensor, "pictures 3 size size"]
    tokens: Float[Tensor, "pictures tokens width"]
    noise: Float[Tensor, "pictures 3 size size"]
    t: Int[Tensor, " pictures"]

    @torch.no_grad()
    def loss(self, unet: VelocityNetwork, scheduler: Any) -> float:
        """Mean square error of v, every level counting the same."""
        device = next(unet.parameters()).device
        total = 0.0
        parts = (tensor.split(_BATCH) for tensor in (self.clean, self.tokens, self.noise, self.t))
        for clean, tokens, noise, t in zip(*parts, strict=True):
            values = v_loss(
                unet,
                scheduler,
                clean.to(device),
                tokens.to(device),
                noise.to(device),
                t.to(device),
                min_snr=0.0,
            )
            total += values.sum().item()
        return total / len(self.t)


def held_out(
    maker: ViewMaker, captions: Captions, tokens: Tokens, count: int = 256, seed: int = 1
) -> HeldOut:
    """Views of the chunk that is never trained on, each with its prompt and view words."""
    views = maker.chunk(HELD_OUT)
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randperm(len(views.objects), generator=generator)[:count]
    clean = views.over(rows, torch.rand(len(rows), 3, generator=generator))
    return HeldOut(
        clean=clean,
        tokens=tokens(captions.full(views.objects[rows], views.words[rows])),
        noise=torch.randn(clean.shape, generator=generator),
        t=noise_levels(len(rows), generator),
    )


def caption_accuracy(
    scoring: ScoringClip,
    pictures: Float[Tensor, "pictures size size 3"],
    prompts: Sequence[str],
    objects: Int[Tensor, " pictures"],
) -> float:
    """How often the scoring CLIP finds a picture's own prompt first among all of them (A34)."""
    return (scoring.logits(pictures, prompts).argmax(1) == objects).float().mean().item()


def view_accuracy(
    pictures: Float[Tensor, "pictures size size 3"],
    truth: Float[Tensor, "pictures 4 4 size size"],
    words: Int[Tensor, " pictures"],
    sides: Int[Tensor, " 4"],
) -> float:
    """How often a picture is nearest to the truth from the side that its caption says.

    ``truth`` holds premultiplied color and alpha of each picture's toy from the front, left, back
    and right, whose words are ``sides``. A picture's background is taken from its corners.
    """
    corners = pictures[:, [0, 0, -1, -1], [0, -1, 0, -1]].median(1).values
    rgb, alpha = truth[:, :, :3], truth[:, :, 3:]
    over = rgb + (1.0 - alpha) * corners[:, None, :, None, None]
    distance = (over - pictures.permute(0, 3, 1, 2)[:, None]).square().mean((2, 3, 4))
    return (sides[distance.argmin(1)] == words).float().mean().item()


def side_words(scheme: ViewScheme, elevation: float) -> Int[Tensor, " 4"]:
    """The words of views from the front, left, back and right, ``elevation`` degrees up."""
    return view_index(orbit(4, elevation=elevation), scheme)
