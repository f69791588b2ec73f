"""Several guidances in one run, with weights that move over the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from backend.protocol.errors import TrainingError

from ..rendering.scene import Step
from . import Guidance, Log


@dataclass(frozen=True)
class GuidanceConfig:
    """Weights of the guidance families, before and after a stretch of the run in which they move
    evenly from one to the other."""

    references: tuple[float, float] = (1.0, 1.0)
    diffusion: tuple[float, float] = (0.0, 0.0)
    during: tuple[float, float] = (0.0, 1.0)
    """Beginning and end of that stretch, shares of the run; twice the same is a sudden change."""

    def __post_init__(self) -> None:
        if min(*self.references, *self.diffusion) < 0:
            raise TrainingError(
                "a guidance cannot have a negative weight", "set --guidance.* to 0 or more"
            )
        if max(*self.references, *self.diffusion) == 0:
            raise TrainingError(
                "without a guidance there is nothing to learn",
                "give --guidance.references or --guidance.diffusion a weight",
            )
        begin, end = self.during
        if not 0.0 <= begin <= end <= 1.0:
            raise TrainingError(
                f"--guidance.during {begin:g} {end:g} is not a stretch of the run",
                "give two shares from 0 to 1, in order",
            )


class MixedGuidance:
    """The weighted sum of guidances; one whose weight is zero is not computed."""

    def __init__(
        self,
        parts: Sequence[tuple[Guidance, tuple[float, float]]],
        during: tuple[float, float],
    ) -> None:
        self._parts = parts
        self._during = during

    def weight(self, weights: tuple[float, float], done: float) -> float:
        """A weight when a share ``done`` of the run is over."""
        begin, end = self._during
        if done < begin:
            return weights[0]
        moved = 1.0 if done >= end else (done - begin) / (end - begin)
        return weights[0] + (weights[1] - weights[0]) * moved

    def __call__(self, step: Step) -> tuple[Float[Tensor, ""], Log]:
        losses: list[Tensor] = []
        log: Log = {}
        for guidance, weights in self._parts:
            weight = self.weight(weights, step.done)
            if weight > 0.0:
                loss, parts = guidance(step)
                losses.append(weight * loss)
                log |= parts
        return torch.stack(losses).sum(), log
