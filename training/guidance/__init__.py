"""What pulls the objects towards their prompts.

A guidance looks at a step's objects and returns a loss. Two families: ``references`` (assets whose
captions are the prompts) and ``diffusion`` (score distillation). A run may use both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.model.att3d import ATT3D, Objects


@dataclass(frozen=True)
class PromptMix:
    """What each object was asked to be: prompts, and their shares (A27).

    Without interpolation an object has one prompt with share 1.
    """

    prompts: Int[Tensor, "objects ends"]
    """Indices into the prompt set, on the CPU."""
    shares: Float[Tensor, "objects ends"]
    """Not negative, sums to one; on the CPU."""

    @classmethod
    def plain(cls, prompts: Sequence[int]) -> PromptMix:
        """One prompt an object."""
        index = torch.tensor(list(prompts))[:, None]
        return cls(index, torch.ones(index.shape))

    def __len__(self) -> int:
        return len(self.prompts)

    @property
    def leading(self) -> list[int]:
        """Each object's prompt with the largest share."""
        chosen = self.shares.argmax(dim=1, keepdim=True)
        return self.prompts.gather(1, chosen)[:, 0].tolist()


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

    def __call__(self, step: Step) -> tuple[Float[Tensor, ""], dict[str, float]]: ...
