"""Adam as the paper runs it (A21), with a rate schedule by step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from .ranges import within

Schedule = Literal["constant", "cosine"]


@dataclass(frozen=True)
class OptimizerConfig:
    """Adam as in A21; the MLP and environment map may have a rate of their own."""

    lr: float = within(0.1, 0.0, 1e6)
    """Learning rate of the mapping network."""
    mlp_lr: float = within(0.1, 0.0, 1e6)
    """Learning rate of the NeRF MLP and the environment map. With references a much smaller one is
    steadier."""
    latent_lr: float = within(0.05, 0.0, 1e6)
    """Learning rate of the assets' own parts of v, where a run has them."""
    beta1: float = within(0.0, 0.0, 0.9999)
    beta2: float = within(0.999, 0.0, 0.999999)
    eps: float = within(1e-8, 1e-38, 1.0)
    """Added to the root of Adam's second moment. A loss that is a mean over pixels and batch has
    gradients of 1e-12 and less at the grid, whose steps this would make hundreds of times smaller
    than the rate. The paper's presets have 1e-19: below it a square is no number in single
    precision, above it (1e-15 is common) half of the grid would still not move by the rate."""
    schedule: Schedule = "constant"
    """``cosine`` falls to a hundredth over the run."""


def build_optimizer(module: nn.Module, config: OptimizerConfig) -> torch.optim.Adam:
    """One Adam over three groups of what ``module`` trains: the mapping network or a fine-tuning
    offset, the MLP with the environment map, and the assets' own parts of v."""
    rates = (config.lr, config.mlp_lr, config.latent_lr)
    groups: tuple[list[nn.Parameter], ...] = ([], [], [])
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            parts = name.split(".")
            decoder = "mlp" in parts or "environment" in parts
            groups[2 if "latents" in parts else int(decoder)].append(parameter)
    return torch.optim.Adam(
        [
            {"params": group, "lr": rate, "peak": rate}
            for group, rate in zip(groups, rates, strict=True)
            if group
        ],
        betas=(config.beta1, config.beta2),
        eps=config.eps,
        fused=True,
    )


def set_rates(
    optimizer: torch.optim.Optimizer, config: OptimizerConfig, step: int, steps: int
) -> None:
    """Set each group's rate for ``step`` of ``steps``."""
    factor = schedule_factor(config, step / max(steps, 1))
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor


def schedule_factor(config: OptimizerConfig, done: float) -> float:
    """Factor on the rates when a share ``done`` of the run is over."""
    if config.schedule == "constant":
        return 1.0
    return 0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * min(done, 1.0)))
