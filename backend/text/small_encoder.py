"""The small text encoder as training uses it: tensors in and out, files, and further words.

``python -m training clip`` makes it (contrastively, against pictures of the toybox). The forward
pass is :class:`~.text_tower.TextTower`'s.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from torch.nn import functional

from ..files import atomic_write, check_source
from ..protocol.errors import CheckpointError
from ..protocol.foreign_text import parse_json
from ..protocol.schema import to_json
from .text_tower import SmallEncoderConfig, TextTower, check_weights
from .tokenizer import WordTokenizer, known_forms, split_words
from .word_meanings import WIDTH, word_meanings

_METADATA_KEY = "att3d_text_encoder"
_TABLE = "token_embedding.weight"
_MEANINGS = "word_meanings."
_NEAR = 0.8
"""Correlation of a new word's row with that of the word it lies near."""
_SPREAD = 2.0
"""Length of new words' rows, in that of the others: the tower has not learnt to tell them
apart."""


class SmallEncoder:
    """A :class:`~.encoder.TextEncoder` whose weights live in our files."""

    name = "small"

    def __init__(self, config: SmallEncoderConfig, state: Mapping[str, Tensor]) -> None:
        self.config = config
        self.tokenizer = WordTokenizer(config.words, config.context)
        self.state = {key: value.detach().float().cpu() for key, value in sorted(state.items())}
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

    def encode(self, prompts: Sequence[str]) -> Float[Tensor, "prompts tokens width"]:
        """Embeddings after the final layer norm; position -1 summarises the sentence (A9).

        Raises:
            BadPrompt: a prompt is empty or too long.
            CheckpointError: the weights do not fit the description.
        """
        return torch.from_numpy(self._tower.encode(prompts))

    def features(self, prompts: Sequence[str]) -> Float[Tensor, "prompts features"]:
        """Unit vectors in the space shared with pictures: cosines compare prompts."""
        projected = self._tower.project(self._tower.encode(prompts))
        return functional.normalize(torch.from_numpy(projected), dim=-1)

    @cached_property
    def _tower(self) -> TextTower:
        return TextTower(self.config, {key: value.numpy() for key, value in self.state.items()})

    def with_words(
        self, words: Iterable[str], near: Mapping[str, str] | None = None, meaning: float = 0.0
    ) -> SmallEncoder:
        """The same tower with a larger vocabulary; prompts of known words keep their embeddings.

        A word that is unknown so far gets a row drawn like the others, by a generator seeded with
        the word itself; one that ``near`` maps to another word lies close to that one's row.

        Args:
            words: texts whose words are to be known.
            near: word to the word whose row its row is to be near.
            meaning: share of the new rows' variance, 0 to 1, that is what the words mean
                (:mod:`.word_meanings`), projected by a fixed matrix. More than 0: words that are
                unknown even then have rows too, of what they mean.
        """
        fresh = []
        for word in dict.fromkeys(part for text in words for part in split_words(text)):
            if known_forms(word, self.config.words) is None:
                fresh.append(word)
        if not fresh:
            return self
        table = self.state[_TABLE]
        mean, spread = table.mean(0), _SPREAD * table.std(0)
        meant = _projected_meanings(mean, spread * meaning**0.5) if meaning else {}
        near = near or {}
        rows: dict[str, Tensor] = {}
        # Words that others lie near come first.
        for word in sorted(fresh, key=lambda word: word in near):
            seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:7], "big")
            noise = torch.randn(len(mean), generator=torch.Generator().manual_seed(seed))
            row = spread * noise
            entry = word_meanings().find(word) if meaning else None
            if entry is not None:
                own = torch.from_numpy(word_meanings().rows([entry])[0])
                projected = meant[f"{_MEANINGS}weight"] @ own + meant[f"{_MEANINGS}bias"] - mean
                row = projected + (1 - meaning) ** 0.5 * row
            forms = known_forms(near.get(word, ""), self.config.words)
            other = rows.get(near.get(word, ""))
            if forms is not None:
                other = table[self.tokenizer.ids(forms[0])[0]]
            if other is not None:
                other = other - mean
                row = _NEAR * other + (1 - _NEAR**2) ** 0.5 * row * other.norm() / row.norm()
            rows[word] = mean + row
        larger = torch.cat([table, *(rows[word][None] for word in fresh)])
        state = {**self.state, **meant, _TABLE: larger}
        known = (*self.config.words, *fresh)
        config = replace(self.config, words=known, meanings=self.config.meanings or bool(meant))
        return SmallEncoder(config, state)

    def storage(self) -> dict[str, Tensor]:
        """The weights in half precision, as a checkpoint stores them."""
        return {key: value.half().contiguous() for key, value in self.state.items()}

    def save(self, path: Path, extra: Mapping[str, Any] | None = None) -> None:
        """Write a file of its own; ``extra`` is further JSON metadata (how it was made)."""
        metadata = {_METADATA_KEY: json.dumps(self.config.to_dict())}
        if extra is not None:
            metadata["recipe"] = to_json(extra)
        atomic_write(path, save(self.storage(), metadata))

    @staticmethod
    def load(path: Path) -> SmallEncoder:
        """Inverse of :meth:`save`.

        Raises:
            CheckpointError: missing, damaged, not such a file, or a tensor of it is missing,
                misshapen or not finite.
        """
        try:
            with safe_open(check_source(path), framework="pt") as file:
                metadata = file.metadata() or {}
                state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            config = parse_json(metadata[_METADATA_KEY])
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            said = f"{error} is missing" if isinstance(error, KeyError) else error
            raise CheckpointError(
                f"{path} is not a text encoder of ATT3D: {said}.",
                "Make one with `python -m training clip`.",
            ) from error
        try:
            encoder = SmallEncoder(SmallEncoderConfig.from_dict(config), state)
            check_weights(encoder.config, {name: v.numpy() for name, v in encoder.state.items()})
        except CheckpointError as error:
            raise CheckpointError(f"{path}: {error.message}", error.remedy) from error
        return encoder


def _projected_meanings(
    mean: Float[Tensor, "width"], spread: Float[Tensor, "width"]
) -> dict[str, Tensor]:
    """The weights of a linear map from what words mean to rows with this mean and spread."""
    table = word_meanings()
    rows = torch.from_numpy(table.rows(table.words))
    center = rows.mean(0)
    length = (rows - center).norm(dim=1).mean()
    square = torch.randn(len(mean), WIDTH, generator=torch.Generator().manual_seed(0))
    weight = spread[:, None] * square / length
    return {f"{_MEANINGS}weight": weight, f"{_MEANINGS}bias": mean - weight @ center}
