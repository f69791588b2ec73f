"""Pictures from captions: DDIM with classifier-free guidance."""

from __future__ import annotations

import copy
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from .model import VelocityNetwork

SAMPLING_STEPS = 20


@torch.no_grad()
def sample(
    unet: VelocityNetwork,
    scheduler: Any,
    tokens: Float[Tensor, "pictures tokens width"],
    empty: Float[Tensor, "tokens width"],
    size: int,
    guidance: float,
    generator: torch.Generator,
    *,
    steps: int = SAMPLING_STEPS,
    batch: int = 64,
) -> Float[Tensor, "pictures size size 3"]:
    """One picture a caption, sRGB in [0, 1], on the CPU.

    ``empty`` is the empty caption's tokens; with a ``guidance`` weight of 1 they are not used.
    ``generator`` is a CPU generator: the same noise on any device.
    """
    device = next(unet.parameters()).device
    noise = torch.randn(len(tokens), 3, size, size, generator=generator)
    # diffusers keeps the state of a sampling run in the scheduler.
    scheduler = copy.deepcopy(scheduler)
    scheduler.set_timesteps(steps, device=device)
    finished = []
    for pictures, said in zip(noise.split(batch), tokens.split(batch), strict=True):
        x, said = pictures.to(device), said.to(device)
        both = torch.cat([said, empty.to(device).expand_as(said)]) if guidance != 1.0 else said
        for t in scheduler.timesteps:
            twice = x.repeat(len(both) // len(x), 1, 1, 1)
            v = unet(twice, t.expand(len(both)), both).float()
            if guidance != 1.0:
                with_caption, without = v.chunk(2)
                v = without + guidance * (with_caption - without)
            x = scheduler.step(v, t, x).prev_sample
        finished.append(x.cpu())
    return (torch.cat(finished).permute(0, 2, 3, 1) / 2.0 + 0.5).clamp(0.0, 1.0)
