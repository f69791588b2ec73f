"""The attention mapping network (A6): each level of the grid looks at the text by itself."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .config import ModelConfig
from .grid import FeatureGrid
from .spectral import add_spectral_norm, apply_output, plain_state


class AttentionMapping(nn.Module):
    """A learned query a level attends over the tokens; the answer becomes that level's v, and a
    head without bias that level's values.

    Coarse levels can look for the animal while fine ones look for the hat. A latent is the v of
    all levels, one after another; the grid stays linear in it. Spectral norm is on every linear
    layer (A11); the queries are free.
    """

    components = 0

    def __init__(self, config: ModelConfig, grid: FeatureGrid) -> None:
        super().__init__()
        self.gain = config.gain
        self.condition_scale = math.sqrt(config.width)
        levels, width = len(config.grid.levels), config.attention
        self.queries = nn.Parameter(torch.randn(levels, width))
        self.keys = nn.Linear(config.width, width, bias=False)
        self.values = nn.Linear(config.width, width, bias=False)
        self.encode = nn.ModuleList(
            nn.Linear(width + len(config.conditions), config.latent) for _ in range(levels)
        )
        self.heads = nn.ModuleList(
            nn.Linear(config.latent, size, bias=False) for size in grid.level_sizes
        )
        self.outputs = tuple(f"heads.{level}.weight" for level in range(levels))
        """Names of the parameters that make up the grid: the large ones."""
        if config.spectral_norm:
            add_spectral_norm(self)

    def attention(
        self, embedding: Float[Tensor, "prompts tokens width"]
    ) -> Float[Tensor, "prompts levels tokens"]:
        """How much each level looks at each token; sums to one."""
        scores = self.queries @ self.keys(embedding).transpose(1, 2)
        return (scores / math.sqrt(self.queries.shape[1])).softmax(dim=-1)

    def latent(
        self,
        embedding: Float[Tensor, "prompts tokens width"],
        conditions: Float[Tensor, "prompts conditions"] | None = None,
    ) -> Float[Tensor, "prompts latents"]:
        """Every level's v, given conditions in -1 .. 1 (A31)."""
        seen = self.attention(embedding) @ self.values(embedding)
        if conditions is not None:
            scaled = (conditions * self.condition_scale)[:, None].expand(-1, seen.shape[1], -1)
            seen = torch.cat([seen, scaled], dim=2)
        levels = [encode(seen[:, level]) for level, encode in enumerate(self.encode)]
        return nn.functional.silu(torch.cat(levels, dim=1))

    def grid(self, latent: Float[Tensor, "prompts latents"]) -> Float[Tensor, "prompts size"]:
        """The grid's values, level by level; linear in the latent."""
        each = latent.chunk(len(self.heads), dim=1)
        return torch.cat(
            [
                apply_output(head, v, self.gain)  # pyright: ignore[reportArgumentType]
                for head, v in zip(self.heads, each, strict=True)
            ],
            dim=1,
        )

    def plain_weights(self) -> dict[str, Tensor]:
        """The same function as plain linear layers, spectral norm folded in."""
        return plain_state(self)
