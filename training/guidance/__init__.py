"""What pulls the objects towards their prompts.

A guidance looks at a step's objects and returns a loss. Two families: ``references`` (assets whose
captions are the prompts) and, by the same protocol, score distillation from a diffusion model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from backend.model.att3d import ATT3D, Objects


@dataclass(frozen=True)
class Step:
    """One step's objects, and what they were asked to be."""

    model: ATT3D
    objects: Objects
    prompts: list[int]
    """Index of each object's prompt in the prompt set."""
    index: int
    """Number of the step."""
    generator: torch.Generator
    """Seeded by run and step: the only source of randomness of the step."""


@runtime_checkable
class Guidance(Protocol):
    """A loss of a step's objects, and its parts for the log."""

    def __call__(self, step: Step) -> tuple[Float[Tensor, ""], dict[str, float]]: ...
