"""Diffusion guidance between prompts: the interpolation types of A28 (Eq. 8-11).

The mapping network sees the mix of the embeddings in all of them (A27); they differ in what the
diffusion model is asked:

``none``       the prompt with the largest share
``latent``     the mix of its own text embeddings
``loss``       every end, each with its own noise and level; losses summed by share
``bernoulli``  one end, drawn with the shares as probabilities
``guidance``   every end at one noise and level: the guidance directions are summed by share

For a fixed noise and level, plain ``loss`` and ``guidance`` have the same gradient, since it is
linear in the prediction; ``guidance`` shares the unconditional pass, ``loss`` averages over more
noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.protocol.errors import TrainingError

from ...prompts import PromptMix
from ...prompts.mix import Interpolation


@dataclass(frozen=True)
class Ends:
    """What the diffusion model is asked about each object; on the CPU."""

    prompts: Int[Tensor, "objects ends"]
    shares: Float[Tensor, "objects ends"]


def check_kind(kind: Interpolation) -> None:
    """Raises ``TrainingError`` for a type that only references have."""
    if kind == "truth":
        raise TrainingError(
            "a diffusion model knows no true picture between prompts",
            "set --interpolation.kind to latent, loss, bernoulli or guidance",
        )


def ends_of(mix: PromptMix, kind: Interpolation, generator: torch.Generator) -> Ends:
    """The prompts that a step asks the diffusion model about, and their shares."""
    if kind in ("none", "bernoulli"):
        if kind == "none":
            chosen = mix.shares.argmax(dim=1, keepdim=True)
        else:
            chosen = torch.multinomial(mix.shares, 1, generator=generator)
        return Ends(mix.prompts.gather(1, chosen), torch.ones(chosen.shape))
    return Ends(mix.prompts, mix.shares.float())
