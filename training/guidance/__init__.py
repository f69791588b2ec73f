"""What pulls the objects towards their prompts.

A guidance looks at a step's objects and returns a loss. Two families: ``references`` (assets whose
captions are the prompts) and ``diffusion`` (score distillation). A run may use both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from backend.model.att3d import ATT3D, Objects

from ..prompts import PromptMix

Log = dict[str, Float[Tensor, ""]]
"""Parts of a loss by name, without gradient; on the objects' device, so that nobody waits for a GPU
before the step is over."""


@dataclass(frozen=True)
class Step:
    """One step's objects, and what they were asked to be."""

    model: ATT3D
    objects: Objects
    mix: PromptMix
    index: int
    """Number of the step."""
    steps: int
    """Steps of the whole run: schedules go by ``index / steps``."""
    generator: torch.Generator
    """Seeded by run and step: the only source of randomness of the step."""
    conditions: dict[str, Float[Tensor, " objects"]] = field(default_factory=dict)
    """Values that the run amortizes over (A31), one an object, such as ``guidance_weight``."""

    @property
    def prompts(self) -> list[int]:
        """Index of each object's leading prompt in the prompt set."""
        return self.mix.leading

    @property
    def done(self) -> float:
        """Share of the run that is over."""
        return self.index / max(self.steps, 1)


@runtime_checkable
class Guidance(Protocol):
    """A loss of a step's objects, and its parts for the log."""

    def __call__(self, step: Step) -> tuple[Float[Tensor, ""], Log]: ...
