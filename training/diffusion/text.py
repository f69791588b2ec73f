"""The text side of our diffusion model: the small text tower, with words for views.

The bundled tower was trained on captions that say nothing about the camera, so ``front`` and
``rear`` are one unknown word to it. Here every such word gets an embedding of its own: a random
row as long as the others. The tower stays frozen; its residual stream carries the row to the word's
token, and the UNet's cross-attention learns what it means.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from backend.text.small_encoder import SmallEncoder, SmallEncoderConfig
from backend.text.words import split_words

EMBEDDING = "token_embedding.weight"
"""The tower's table of words: rows are ids (see :mod:`backend.text.words`)."""


class PixelTextEncoder(SmallEncoder):
    """Captions to tokens; the empty caption gives zeros, the unconditional side of guidance."""

    name = "small-views"

    @torch.no_grad()
    def encode(self, prompts: Sequence[str]) -> Float[Tensor, "prompts tokens width"]:
        """Embeddings after the final layer norm (A9), zeros for ``""``.

        Raises:
            BadPrompt: a prompt is too long, or nothing but spaces.
            CheckpointError: the weights do not fit the description.
        """
        table = torch.zeros(len(prompts), self.tokens, self.width)
        said = [row for row, prompt in enumerate(prompts) if prompt != ""]
        if said:
            table[said] = super().encode([prompts[row] for row in said])
        return table


def with_words(encoder: SmallEncoder, texts: Iterable[str]) -> PixelTextEncoder:
    """The encoder with an embedding for each word of ``texts`` that it does not know yet.

    A new row is random with the spread of the known ones, and the same for a word every time.
    """
    known = set(encoder.config.words)
    found = {word for text in texts for word in split_words(text)}
    new = sorted(found - known)
    table = encoder.state[EMBEDDING]
    rows = [_random_row(word, table.shape[1]) * table.std() for word in new]
    # In half precision they are stored: a loaded encoder gives the same tokens.
    grown = torch.cat([table, *(row[None].half().float() for row in rows)])
    settings = encoder.config.to_dict() | {"words": [*encoder.config.words, *new]}
    config = SmallEncoderConfig.from_dict(settings)
    return PixelTextEncoder(config, encoder.state | {EMBEDDING: grown})


def _random_row(word: str, width: int) -> Float[Tensor, " width"]:
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:7], "big")
    return torch.randn(width, generator=torch.Generator().manual_seed(seed))
