"""The text encoders of diffusion models, as :class:`~.conditions.ConditionEncoder`."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from backend.text.encoder import TextEncoder

from .condition import TextCondition


class SharedEncoder:
    """One of our own text encoders, perhaps the mapping network's very object (A9).

    Small, so never freed and not kept on disk. The empty prompt is all zeros, as in training.
    """

    large = False

    def __init__(self, encoder: TextEncoder) -> None:
        self.encoder = encoder

    @property
    def fingerprint(self) -> str:
        return self.encoder.fingerprint

    def encode(self, prompts: Sequence[str]) -> TextCondition:
        tokens = torch.zeros(len(prompts), self.encoder.tokens, self.encoder.width)
        said = [row for row, prompt in enumerate(prompts) if prompt != ""]
        if said:
            tokens[said] = self.encoder.encode([prompts[row] for row in said])
        return TextCondition(tokens)

    def free(self) -> None:
        """Nothing worth giving back."""
