"""The training objective: v-prediction with bounded weights."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .model import LEVELS, VelocityNetwork


def noise_levels(count: int, generator: torch.Generator) -> Int[Tensor, " pictures"]:
    """Uniform in 0..999, spread evenly over a batch (so that its loss varies less), shuffled."""
    start = torch.rand(1, generator=generator)
    even = (torch.arange(count) / count + start) % 1.0
    order = torch.randperm(count, generator=generator)
    return (even * LEVELS).long().clamp_max(LEVELS - 1)[order]


def snr_weights(
    scheduler: Any, t: Int[Tensor, " pictures"], min_snr: float
) -> Float[Tensor, " pictures"]:
    """Hang et al. 2023 for v: min(SNR, gamma) / (SNR + 1); all 1 when gamma is 0."""
    if min_snr == 0.0:
        return torch.ones(len(t), device=t.device)
    signal = scheduler.alphas_cumprod.to(t.device)[t]
    snr = signal / (1.0 - signal)
    return snr.clamp_max(min_snr) / (snr + 1.0)


def v_loss(
    unet: VelocityNetwork,
    scheduler: Any,
    clean: Float[Tensor, "pictures 3 size size"],
    tokens: Float[Tensor, "pictures tokens width"],
    noise: Float[Tensor, "pictures 3 size size"],
    t: Int[Tensor, " pictures"],
    *,
    min_snr: float,
) -> Float[Tensor, " pictures"]:
    """Each picture's weighted mean square error of v = alpha noise - sigma clean."""
    noisy = scheduler.add_noise(clean, noise, t)
    wanted = scheduler.get_velocity(clean, noise, t)
    error = (unet(noisy, t, tokens).float() - wanted).square().mean((1, 2, 3))
    return error * snr_weights(scheduler, t, min_snr)
