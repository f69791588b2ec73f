"""Which noise levels a step of score distillation looks at (A18), and how they move over a run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor

from backend.protocol.errors import TrainingError

Anneal = Literal["linear", "cosine", "sqrt"]
"""How far along the annealing is after a share ``u`` of it: ``u``, ``(1 - cos(pi u)) / 2``,
``sqrt(u)`` (as HiFA anneals t)."""


@dataclass(frozen=True)
class TimestepConfig:
    """``t ~ U(low, high)`` in units of the whole schedule. Defaults: the paper's U(0.002, 1)."""

    low: tuple[float, float] = (0.002, 0.002)
    """Lower bound, before and after annealing."""
    high: tuple[float, float] = (1.0, 1.0)
    """Upper bound, before and after annealing."""
    during: tuple[float, float] = (0.0, 1.0)
    """Shares of the run between which the bounds move."""
    over_steps: int = 0
    """Instead of ``during``: the bounds move over the first so many steps (MVDream: 8,000)."""
    anneal: Anneal = "linear"

    def __post_init__(self) -> None:
        for low, high in zip(self.low, self.high, strict=True):
            if not 0.0 <= low <= high <= 1.0:
                raise TrainingError(
                    f"t cannot be drawn from {low:g} to {high:g}",
                    "give bounds from 0 to 1, the lower one first",
                )
        if not 0.0 <= self.during[0] <= self.during[1] <= 1.0 or self.over_steps < 0:
            raise TrainingError(
                "the bounds of t do not move within the run",
                "give two shares of the run in order, or a number of steps",
            )

    def bounds(self, index: int, steps: int) -> tuple[float, float]:
        """Lower and upper bound at step ``index`` of ``steps``."""
        if self.over_steps:
            over = index / self.over_steps
        else:
            begin, end = self.during
            done = index / max(steps, 1)
            over = 1.0 if done >= end else max(done - begin, 0.0) / max(end - begin, 1e-9)
        over = min(max(over, 0.0), 1.0)
        if self.anneal == "cosine":
            over = (1.0 - math.cos(math.pi * over)) / 2.0
        elif self.anneal == "sqrt":
            over = math.sqrt(over)
        low = self.low[0] + (self.low[1] - self.low[0]) * over
        high = self.high[0] + (self.high[1] - self.high[0]) * over
        return low, high

    def sample(
        self, count: int, timesteps: int, index: int, steps: int, generator: torch.Generator
    ) -> Int[Tensor, " images"]:
        """``count`` timesteps of a schedule of ``timesteps``, one an image; on the CPU."""
        low, high = self.bounds(index, steps)
        share = low + (high - low) * torch.rand(count, generator=generator)
        return (share * timesteps).long().clamp(0, timesteps - 1)
