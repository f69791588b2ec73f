"""Prompts and the shares that an object has of them (A27)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.protocol.errors import TrainingError

SURE = 1.0 - 1e-6
"""A prompt with this share or more is alone in its mix."""


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

    @property
    def between(self) -> list[int]:
        """The objects that lie between prompts: none of their prompts has the whole share."""
        return (self.shares.amax(1) < SURE).nonzero()[:, 0].tolist()

    def without_between(self) -> list[int]:
        """Each object's prompt, for assets that have nothing between two prompts.

        Raises:
            TrainingError: an object lies between prompts.
        """
        if self.between:
            raise TrainingError(
                "these assets have nothing truly between two prompts",
                "choose --interpolation.kind loss or bernoulli",
            )
        return self.leading
