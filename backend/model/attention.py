"""The attention mapping network (A6): attention over the tokens, then a hypernetwork a level."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .config import ModelConfig
from .grid import FeatureGrid
from .spectral import add_spectral_norm, apply_output, plain_state


class SelfAttention(nn.Module):
    """A residual layer of self-attention over tokens: layer norm, one head for 64 channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = max(1, width // 64)
        if width % self.heads:
            self.heads = 1
        self.norm = nn.LayerNorm(width)
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(
        self, tokens: Float[Tensor, "prompts tokens width"]
    ) -> Float[Tensor, "prompts tokens width"]:
        x = self.norm(tokens)
        query, key, value = (
            layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        seen = nn.functional.scaled_dot_product_attention(query, key, value)
        return tokens + self.out(seen.transpose(1, 2).flatten(2))


class AttentionMapping(nn.Module):
    """Every level of the grid has a v of its own, and a head without bias from it to its values.

    With ``config.attention_layers``, the tokens pass through that many self-attention layers, and
    each level has a hypernetwork over all of them (B.1.3). With none, a learned query a level
    attends over the tokens, and its answer becomes the level's v: a fraction of the parameters, and
    one can see which words a level looks at. A latent is the v of all levels, one after another;
    the grid stays linear in it. Spectral norm is on every linear layer (A11); queries and layer
    norms are free.
    """

    components = 0

    def __init__(self, config: ModelConfig, grid: FeatureGrid) -> None:
        super().__init__()
        self.gain = config.gain
        self.condition_scale = math.sqrt(config.width)
        levels, width = len(config.grid.levels), config.attention
        self.layers = nn.ModuleList(SelfAttention(width) for _ in range(config.attention_layers))
        if self.layers:
            self.project = nn.Linear(config.width, width)
            width *= config.tokens
        else:
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
        """How much each level's query looks at each token; sums to one.

        Only without self-attention layers.
        """
        scores = self.queries @ self.keys(embedding).transpose(1, 2)
        return (scores / math.sqrt(self.queries.shape[1])).softmax(dim=-1)

    def latent(
        self,
        embedding: Float[Tensor, "prompts tokens width"],
        conditions: Float[Tensor, "prompts conditions"] | None = None,
        shift: Float[Tensor, "prompts latents"] | None = None,
    ) -> Float[Tensor, "prompts latents"]:
        """Every level's v, given conditions in -1 .. 1 (A31) and a ``shift`` before the SiLU."""
        seen = self._seen(embedding)
        if conditions is not None:
            scaled = (conditions * self.condition_scale)[:, None].expand(-1, seen.shape[1], -1)
            seen = torch.cat([seen, scaled], dim=2)
        levels = [encode(seen[:, level]) for level, encode in enumerate(self.encode)]
        v = torch.cat(levels, dim=1)
        return nn.functional.silu(v if shift is None else v + shift)

    def _seen(
        self, embedding: Float[Tensor, "prompts tokens width"]
    ) -> Float[Tensor, "prompts levels channels"]:
        """What each level's hypernetwork is given of the text."""
        if not self.layers:
            return self.attention(embedding) @ self.values(embedding)
        tokens = self.project(embedding)
        for layer in self.layers:
            tokens = layer(tokens)
        return tokens.flatten(1)[:, None].expand(-1, len(self.heads), -1)

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
