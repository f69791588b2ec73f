"""What a diffusion model knows of a batch of prompts; opaque to whoever passes it on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class TextCondition:
    """Text embeddings in a diffusion model's own form, one a prompt."""

    tokens: Float[Tensor, "prompts tokens width"]
    """Tokens for the cross-attention."""
    pooled: Float[Tensor, "prompts features"] | None = None
    """SDXL's summary of the prompt."""

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, index: slice | Int[Tensor, " chosen"]) -> TextCondition:
        pooled = None if self.pooled is None else self.pooled[index]
        return TextCondition(self.tokens[index], pooled)

    def to(
        self,
        device: torch.device | str,
        dtype: torch.dtype | None = None,
        non_blocking: bool = False,
    ) -> TextCondition:
        pooled = None
        if self.pooled is not None:
            pooled = self.pooled.to(device, dtype, non_blocking=non_blocking)
        return TextCondition(self.tokens.to(device, dtype, non_blocking=non_blocking), pooled)

    def mix(self, shares: Float[Tensor, "mixed prompts"]) -> TextCondition:
        """Weighted sums of the prompts' embeddings, in float32."""
        tokens = torch.einsum("mp,ptw->mtw", shares.float(), self.tokens.float())
        pooled = None if self.pooled is None else shares.float() @ self.pooled.float()
        return TextCondition(tokens, pooled)

    @staticmethod
    def sum(
        parts: Sequence[TextCondition], shares: Float[Tensor, "prompts parts"]
    ) -> TextCondition:
        """Prompt by prompt, the parts' embeddings weighted and summed, in float32."""
        weights = shares.float().T[..., None]
        tokens = sum(w[..., None] * p.tokens.float() for w, p in zip(weights, parts, strict=True))
        pooled = [p.pooled.float() for p in parts if p.pooled is not None]
        summary = sum(w * p for w, p in zip(weights, pooled, strict=True)) if pooled else None
        return TextCondition(cast(Tensor, tokens), cast(Tensor | None, summary))

    @staticmethod
    def cat(parts: Sequence[TextCondition]) -> TextCondition:
        """All prompts of ``parts``, in order."""
        pooled = [part.pooled for part in parts if part.pooled is not None]
        return TextCondition(
            torch.cat([part.tokens for part in parts]), torch.cat(pooled) if pooled else None
        )
