"""What pulls the objects towards their prompts.

A guidance looks at a step's objects and returns a loss. Two families: ``references`` (assets whose
captions are the prompts) and ``diffusion`` (score distillation). A run may use both.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from ..rendering.scene import Step

Log = dict[str, Float[Tensor, ""]]
"""Parts of a loss by name, without gradient; on the objects' device, so that nobody waits for a GPU
before the step is over."""


@runtime_checkable
class Guidance(Protocol):
    """A loss of a step's objects, and its parts for the log."""

    def __call__(self, step: Step) -> tuple[Float[Tensor, ""], Log]: ...
