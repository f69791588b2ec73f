"""The small text encoder at work: the forward pass of an open_clip text tower, in numpy.

A checkpoint carries the tower's configuration as JSON and its weights, so the first prompt needs no
download and no torch. ``python -m training clip`` trains it as open_clip's ``TextTransformer``,
and this is the same function: pre-norm blocks, exact GELU, no mask, the last position pooled. The
embeddings handed out are those after the final layer norm, before the projection into the space
shared with pictures (A9). Tokens: see :mod:`.tokenizer`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import erf

from ..prompts.normalize import normalize_prompt
from ..protocol.errors import BadRequest, CheckpointError
from ..protocol.schema import decode, ranged
from ..shapes import Float
from . import word_meanings
from .tokenizer import WordTokenizer

_LARGEST = 4096
"""The largest width, depth and number of heads of a tower."""
_BATCH = 256
"""Prompts a forward pass; bounds memory."""
_EPSILON = 1e-5
"""Added to the variance of a layer norm, as torch does."""

Tokens = Float[np.ndarray, "prompts tokens width"]


@dataclass(frozen=True)
class SmallEncoderConfig:
    """Shape and vocabulary of the tower; stored as JSON."""

    words: tuple[str, ...]
    """The known words, in the order of their ids."""
    context: int = ranged(32, 1, _LARGEST)
    """Positions; the last one holds the summary."""
    width: int = ranged(128, 1, _LARGEST)
    layers: int = ranged(4, 1, _LARGEST)
    heads: int = ranged(4, 1, _LARGEST)
    features: int = ranged(128, 1, _LARGEST)
    """Width of the space shared with pictures."""
    meanings: bool = False
    """Whether words beyond ``words`` have rows too: what they mean, projected to the width."""

    def to_dict(self) -> dict[str, Any]:
        values = {"kind": "small", **asdict(self), "words": list(self.words)}
        if not self.meanings:  # so that programs that do not know it read the others
            del values["meanings"]
        return values

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> SmallEncoderConfig:
        """Inverse of :meth:`to_dict`.

        Raises:
            CheckpointError: a field is missing, unknown, or of the wrong type or range.
        """
        try:
            values = {key: value for key, value in data.items() if key != "kind"}
            config = decode(SmallEncoderConfig, values, "text encoder")
        except BadRequest as error:
            raise CheckpointError(f"The description is not valid: {error.message}") from error
        if config.width % config.heads:
            raise CheckpointError("The text encoder's width is not a multiple of its heads.")
        return config

    def text_cfg(self) -> dict[str, Any]:
        """The tower's sizes as open_clip's ``text_cfg`` has them."""
        return {
            "context_length": self.context,
            "vocab_size": WordTokenizer(self.words, self.context).size,
            "width": self.width,
            "heads": self.heads,
            "layers": self.layers,
            "no_causal_mask": True,
            "pool_type": "last",
            "proj_bias": True,
            "output_tokens": False,
        }

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every weight of the tower, by open_clip's names."""
        width = self.width
        words = WordTokenizer(self.words, self.context).size
        layers = {
            "attn.in_proj": (3 * width, width),
            "attn.out_proj.": (width, width),
            "ln_1.": (width,),
            "ln_2.": (width,),
            "mlp.c_fc.": (4 * width, width),
            "mlp.c_proj.": (width, 4 * width),
        }
        shapes: dict[str, tuple[int, ...]] = {
            "positional_embedding": (self.context, width),
            "token_embedding.weight": (words, width),
            "ln_final.weight": (width,),
            "ln_final.bias": (width,),
            "text_projection.weight": (self.features, width),
            "text_projection.bias": (self.features,),
        }
        if self.meanings:
            shapes["word_meanings.weight"] = (width, word_meanings.WIDTH)
            shapes["word_meanings.bias"] = (width,)
        for block in range(self.layers):
            for name, shape in layers.items():
                start = f"transformer.resblocks.{block}.{name}"
                joined = "" if name.endswith(".") else "_"
                shapes[f"{start}{joined}weight"] = shape
                shapes[f"{start}{joined}bias"] = shape[:1]
        return shapes


class TextTower:
    """Prompts to token embeddings, without torch."""

    name = "small"

    def __init__(self, config: SmallEncoderConfig, state: Mapping[str, np.ndarray]) -> None:
        """
        Raises:
            CheckpointError: a tensor is missing, unknown, misshapen or not finite; it is named.
        """
        self.config = config
        self.tokenizer = WordTokenizer(config.words, config.context)
        check_weights(config, state)
        self._state = {name: value.astype(np.float32) for name, value in state.items()}

    def encode(self, prompts: Sequence[str]) -> Tokens:
        """Embeddings after the final layer norm; position -1 summarises the sentence (A9).

        Raises:
            BadPrompt: a prompt is empty or too long.
        """
        clean = [normalize_prompt(prompt) for prompt in prompts]
        parts = [
            self._forward(self._rows(clean[i : i + _BATCH])) for i in range(0, len(clean), _BATCH)
        ]
        empty = np.zeros((0, self.config.context, self.config.width), np.float32)
        return np.concatenate([empty, *parts])

    def project(self, tokens: Tokens) -> Float[np.ndarray, "prompts features"]:
        """Embedded prompts in the space shared with pictures; not normalised."""
        return self._linear("text_projection.", tokens[:, -1])

    def _rows(self, prompts: Sequence[str]) -> Tokens:
        """The rows of the prompts' words; an unknown word has that of what it means."""
        rows = self._state["token_embedding.weight"][self.tokenizer(prompts)]
        if self.config.meanings:
            table = word_meanings.word_meanings()
            for prompt, into in zip(prompts, rows, strict=True):
                for place, word in self.tokenizer.unknown(prompt):
                    if (entry := table.find(word)) is not None:
                        into[place] = self._linear("word_meanings.", table.rows([entry]))[0]
        return rows

    def _forward(self, rows: Tokens) -> Tokens:
        x = rows + self._state["positional_embedding"]
        for block in range(self.config.layers):
            at = f"transformer.resblocks.{block}."
            x = x + self._attention(f"{at}attn.", self._norm(f"{at}ln_1.", x))
            hidden = self._linear(f"{at}mlp.c_fc.", self._norm(f"{at}ln_2.", x))
            hidden *= 0.5 * (1.0 + erf(hidden * np.float32(np.sqrt(0.5))))  # GELU
            x = x + self._linear(f"{at}mlp.c_proj.", hidden)
        return self._norm("ln_final.", x)

    def _attention(self, at: str, x: Tokens) -> Tokens:
        """Every token looks at every token, padding too: it was trained so."""
        prompts, tokens, width = x.shape
        heads = self.config.heads
        joined = x @ self._state[f"{at}in_proj_weight"].T + self._state[f"{at}in_proj_bias"]
        split = joined.reshape(prompts, tokens, 3, heads, width // heads)
        query, key, value = split.transpose(2, 0, 3, 1, 4)
        scores = query @ key.swapaxes(-1, -2) * np.float32((width // heads) ** -0.5)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        seen = (scores / scores.sum(-1, keepdims=True)) @ value
        return self._linear(f"{at}out_proj.", seen.swapaxes(1, 2).reshape(x.shape))

    def _linear(self, at: str, x: Float[np.ndarray, "*shape n"]) -> Float[np.ndarray, "*shape m"]:
        return x @ self._state[f"{at}weight"].T + self._state[f"{at}bias"]

    def _norm(self, at: str, x: Tokens) -> Tokens:
        centered = x - x.mean(-1, keepdims=True)
        spread = np.sqrt(np.square(centered).mean(-1, keepdims=True) + np.float32(_EPSILON))
        return centered / spread * self._state[f"{at}weight"] + self._state[f"{at}bias"]


def check_weights(config: SmallEncoderConfig, state: Mapping[str, np.ndarray]) -> None:
    """Raises CheckpointError, naming the tensor, unless these are the tower's weights."""
    shapes = config.shapes()
    for name, shape in shapes.items():
        if name not in state:
            raise _broken(f"the tensor {name} is missing")
        if state[name].shape != shape:
            raise _broken(f"the tensor {name} is {list(state[name].shape)}, not {list(shape)}")
        if not np.isfinite(state[name]).all():
            raise _broken(f"the tensor {name} holds numbers that are not finite")
    if unknown := sorted(set(state) - set(shapes)):
        raise _broken(f"it holds an unknown tensor {unknown[0]}")


def _broken(what: str) -> CheckpointError:
    return CheckpointError(
        f"The text encoder's weights do not fit its description: {what}.",
        "Use another copy of the file.",
    )
