"""The small text encoder: an open_clip text tower that lives inside our checkpoint.

``python -m training clip`` makes it (contrastively, against pictures of the toybox), and a
checkpoint carries its configuration as JSON and its weights, so the first prompt needs no download.
Tokens: see :mod:`.words`. The embeddings handed out are those after the tower's final layer norm,
before its projection into the shared space (A9).
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from ..prompts.normalize import normalise_prompt
from ..protocol.errors import CheckpointError
from .open_clip_import import import_text_transformer
from .tokenizer import WordTokenizer, known_forms, split_words

_METADATA_KEY = "att3d_text_encoder"
_TABLE = "token_embedding.weight"
_NEAR = 0.8
"""Correlation of a new word's row with that of the word it lies near."""
_SPREAD = 2.0
"""Length of new words' rows, in that of the others: the tower has not learnt to tell them
apart."""
_BATCH = 256
"""Prompts a forward pass; bounds memory."""


@dataclass(frozen=True)
class SmallEncoderConfig:
    """Shape and vocabulary of the tower; stored as JSON."""

    words: tuple[str, ...]
    """In the order of their ids."""
    context: int = 32
    """Positions; the last one holds the summary."""
    width: int = 128
    layers: int = 4
    heads: int = 4
    features: int = 128
    """Width of the space shared with pictures."""

    def to_dict(self) -> dict[str, Any]:
        return {"kind": "small", **asdict(self), "words": list(self.words)}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> SmallEncoderConfig:
        """Inverse of :meth:`to_dict`.

        Raises:
            CheckpointError: a field is missing, unknown, or of the wrong type or range.
        """
        values = {key: value for key, value in data.items() if key != "kind"}
        names = {field.name for field in fields(SmallEncoderConfig)}
        if set(values) != names:
            wrong = ", ".join(sorted(set(values) ^ names))
            raise CheckpointError(f"The text encoder's description is not valid: {wrong}.")
        words = values.pop("words")
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise CheckpointError("The text encoder's vocabulary is not a list of words.")
        for name, value in values.items():
            if not isinstance(value, int) or not 1 <= value <= 4096:
                raise CheckpointError(f"The text encoder's {name} is not valid: {value!r}.")
        if values["width"] % values["heads"]:
            raise CheckpointError("The text encoder's width is not a multiple of its heads.")
        return SmallEncoderConfig(words=tuple(words), **values)

    def text_cfg(self) -> dict[str, Any]:
        """The same tower as open_clip's ``text_cfg``."""
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

    def build(self) -> nn.Module:
        """open_clip's ``TextTransformer``, random weights, returning (features, tokens)."""
        settings = self.text_cfg() | {"output_dim": self.features, "output_tokens": True}
        return import_text_transformer().TextTransformer(**settings)


class SmallEncoder:
    """A :class:`~.encoder.TextEncoder`; builds its tower on the first :meth:`encode`."""

    name = "small"

    def __init__(self, config: SmallEncoderConfig, state: Mapping[str, Tensor]) -> None:
        self.config = config
        self.tokenizer = WordTokenizer(config.words, config.context)
        self.state = {key: value.detach().float().cpu() for key, value in sorted(state.items())}
        self._tower: nn.Module | None = None
        self._lock = threading.Lock()
        digest = hashlib.sha256(json.dumps(config.to_dict(), sort_keys=True).encode())
        for key, value in self.state.items():
            digest.update(key.encode())
            digest.update(value.contiguous().numpy().tobytes())
        self.fingerprint = digest.hexdigest()

    @property
    def tokens(self) -> int:
        return self.config.context

    @property
    def width(self) -> int:
        return self.config.width

    def warm_up(self) -> None:
        """Import open_clip's tower and load the weights now (a thread may do this at start).

        Raises:
            CheckpointError: the weights do not fit the description.
            MissingDependency: open_clip is not installed.
        """
        with self._lock:
            if self._tower is not None:
                return
            tower = self.config.build()
            try:
                tower.load_state_dict(self.state)
            except RuntimeError as error:
                raise CheckpointError(
                    "The text encoder's weights do not fit its description."
                ) from error
            self._tower = tower.eval().requires_grad_(False)

    @torch.no_grad()
    def encode(self, prompts: Sequence[str]) -> Float[Tensor, "prompts tokens width"]:
        """Embeddings after the final layer norm; position -1 summarises the sentence (A9).

        Raises:
            BadPrompt: a prompt is empty or too long.
            CheckpointError: the weights do not fit the description.
        """
        return self._forward(prompts)[1]

    @torch.no_grad()
    def features(self, prompts: Sequence[str]) -> Float[Tensor, "prompts features"]:
        """Unit vectors in the space shared with pictures: cosines compare prompts."""
        return functional.normalize(self._forward(prompts)[0], dim=-1)

    def _forward(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        ids = self.tokenizer([normalise_prompt(prompt) for prompt in prompts])
        self.warm_up()
        assert self._tower is not None
        parts = [self._tower(batch) for batch in ids.split(_BATCH)] if len(ids) else []
        if not parts:
            empty = torch.zeros(0, self.tokens, self.width)
            return torch.zeros(0, self.config.features), empty
        return torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])

    def with_words(
        self, words: Iterable[str], near: Mapping[str, str] | None = None
    ) -> SmallEncoder:
        """The same tower with a larger vocabulary; prompts of known words keep their embeddings.

        A word that is unknown so far gets a row drawn like the others, by a generator seeded with
        the word itself; one that ``near`` maps to another word lies close to that one's row.
        """
        fresh = []
        for word in dict.fromkeys(part for text in words for part in split_words(text)):
            if known_forms(word, self.config.words) is None:
                fresh.append(word)
        if not fresh:
            return self
        table = self.state[_TABLE]
        mean, spread = table.mean(0), _SPREAD * table.std(0)
        near = near or {}
        rows: dict[str, Tensor] = {}
        # Words that others lie near come first.
        for word in sorted(fresh, key=lambda word: word in near):
            seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:7], "big")
            noise = torch.randn(len(mean), generator=torch.Generator().manual_seed(seed))
            row = spread * noise
            forms = known_forms(near.get(word, ""), self.config.words)
            other = rows.get(near.get(word, ""))
            if forms is not None:
                other = table[self.tokenizer.ids(forms[0])[0]]
            if other is not None:
                other = other - mean
                row = _NEAR * other + (1 - _NEAR**2) ** 0.5 * row * other.norm() / row.norm()
            rows[word] = mean + row
        state = {**self.state, _TABLE: torch.cat([table, *(rows[word][None] for word in fresh)])}
        config = replace(self.config, words=(*self.config.words, *fresh))
        return SmallEncoder(config, state)

    def storage(self) -> dict[str, Tensor]:
        """The weights in half precision, as a checkpoint stores them."""
        return {key: value.half().contiguous() for key, value in self.state.items()}

    def save(self, path: Path, extra: Mapping[str, Any] | None = None) -> None:
        """Write a file of its own; ``extra`` is further JSON metadata (how it was made)."""
        metadata = {_METADATA_KEY: json.dumps(self.config.to_dict())}
        if extra is not None:
            metadata["recipe"] = json.dumps(dict(extra))
        save_file(self.storage(), path, metadata)

    @staticmethod
    def load(path: Path) -> SmallEncoder:
        """Inverse of :meth:`save`.

        Raises:
            CheckpointError: missing, damaged, or not such a file.
        """
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            config = json.loads(metadata[_METADATA_KEY])
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise CheckpointError(
                f"{path} is not a text encoder of ATT3D: {error}.",
                "Make one with `python -m training clip`.",
            ) from error
        return SmallEncoder(SmallEncoderConfig.from_dict(config), state)
