"""Proportions by text: how an object is stretched about the point that it stands on.

"Tall" moves every surface of an object, and a grid that is linear in v (Eq. 5) blends one place's
surface into another's: between an object and its stretched copy lies rubble. So a model may say
the proportions beside the grid, which then is the same for "a barrel" and "a tall barrel". This is
no part of the paper.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .config import LARGEST, LOUD, QUIET


class Proportions(nn.Module):
    """``exp(heard(out silu(weight c + bias)))``: factors along x, y and z of a text embedding c;
    ``heard`` leaves out what is small, so that a prompt which asks for nothing has 1, 1, 1.

    Buffers, which gradient descent on
    pictures leaves alone: ``training/amortized/proportions.py`` fits them to words.
    """

    weight: Float[Tensor, "hidden numbers"]
    bias: Float[Tensor, " hidden"]
    out: Float[Tensor, "3 hidden"]

    def __init__(self, numbers: int, hidden: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(hidden, numbers))
        self.register_buffer("bias", torch.zeros(hidden))
        self.register_buffer("out", torch.zeros(3, hidden))

    def forward(
        self, embedding: Float[Tensor, "prompts tokens width"]
    ) -> Float[Tensor, "prompts 3"]:
        said = self.said(embedding)
        sure = ((said.abs() - QUIET) / (LOUD - QUIET)).clamp(0.0, 1.0)
        said = said * (sure * sure * (3.0 - 2.0 * sure))
        return said.clamp(-LARGEST, LARGEST).exp()

    def said(self, embedding: Float[Tensor, "prompts tokens width"]) -> Float[Tensor, "prompts 3"]:
        """The factors' logarithms before what is small is left out."""
        hidden = nn.functional.linear(embedding.flatten(1), self.weight, self.bias)
        return nn.functional.silu(hidden) @ self.out.T
