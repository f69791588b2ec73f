"""Adam as the paper runs it (A21), with a rate schedule by step."""

from __future__ import annotations

import math

import torch

from backend.model.att3d import ATT3D

from .config import OptimizerConfig


def build_optimizer(model: ATT3D, config: OptimizerConfig) -> torch.optim.Adam:
    """One Adam over two groups: the mapping network, and the MLP with the environment map."""
    mapping = list(model.mapping.parameters())
    others = [p for name, p in model.named_parameters() if not name.startswith("mapping.")]
    return torch.optim.Adam(
        [
            {"params": mapping, "lr": config.lr, "peak": config.lr},
            {"params": others, "lr": config.mlp_lr, "peak": config.mlp_lr},
        ],
        betas=(config.beta1, config.beta2),
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
