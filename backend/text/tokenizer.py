"""Words of a prompt, and the small tokenizer: one id a word, unknown words share one id.

A toy world's captions use a few hundred words. An embedding table for just these keeps a bundled
text tower around a megabyte, where a general byte-pair vocabulary of width 128 would need 12 MB.

Ids: ``PAD`` 0, ``UNKNOWN`` 1, ``END`` 2, then the words in alphabetical order. A sequence is the
words, then padding, then ``END`` at the last position, always: the tower attends in both directions
and pools there, so that the flattened embedding (A4) has the whole sentence's summary at one fixed
place however long the prompt is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..prompts.spelling import known_forms, learn_words, resolve, split_words
from ..shapes import Int

__all__ = ["WordTokenizer", "known_forms", "learn_words", "resolve", "split_words"]

PAD, UNKNOWN, END = 0, 1, 2
SPECIAL = 3
"""Number of special ids; word ids start here."""


class WordTokenizer:
    """Prompts to ids and back."""

    def __init__(self, words: Sequence[str], context: int) -> None:
        """``words`` in the order of their ids; ``context`` positions, the last one for ``END``."""
        self.words = tuple(words)
        self.context = context
        self._ids = {word: SPECIAL + index for index, word in enumerate(self.words)}

    @property
    def size(self) -> int:
        """How many ids there are."""
        return SPECIAL + len(self.words)

    def ids(self, prompt: str) -> list[int]:
        """Ids of the prompt's words, not padded; those beyond the context are left out."""
        return [self._ids.get(word, UNKNOWN) for word in self._words_read(prompt)]

    def unknown(self, prompt: str) -> list[tuple[int, str]]:
        """The words without an id of their own, each with its position."""
        read = self._words_read(prompt)
        return [(place, word) for place, word in enumerate(read) if word not in self._ids]

    def _words_read(self, prompt: str) -> list[str]:
        """The known words that the prompt's stand for, and unknown ones as they are."""
        read: list[str] = []
        for word, forms in resolve(split_words(prompt), self._ids):
            read += [word] if forms is None else forms
        return read[: self.context - 1]

    def __call__(self, prompts: Sequence[str]) -> Int[np.ndarray, "prompts context"]:
        table = np.full((len(prompts), self.context), PAD, dtype=np.int64)
        for row, prompt in zip(table, prompts, strict=True):
            ids = self.ids(prompt)
            row[: len(ids)] = ids
            row[-1] = END
        return table

    def decode(self, ids: Sequence[int]) -> str:
        """The words again; unknown ones as ``?``."""
        named = (
            self.words[i - SPECIAL] if i >= SPECIAL else "?" for i in ids if i not in (PAD, END)
        )
        return " ".join(named)
