"""What words mean: which known word an unknown one can be heard as.

A file of 30,000 words (made by ``scripts/word_meanings.py``; ``word_meanings.LICENSE.txt`` has the
licences) says of each which senses it has and what each sense is a kind of (WordNet), and has a row
of 50 numbers that is alike for words used alike (GloVe). A kind of a known thing is heard as that
thing: a broadsword is a sword. The rows alone cannot tell that, since "red" and "blue" are used
more alike than "couch" and "sofa" (``benchmarks/word_meanings.py``); they choose among what is
near. numpy and the standard library only: Blender judges a prompt with this too.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from ..prompts.spelling import known_forms
from ..prompts.vocabulary import Neighbor
from ..shapes import Float

FILE = Path(__file__).with_name("word_meanings.npz")
NEAR_ENOUGH = 0.6
"""Nearness from which a word is heard as another one; measured on the pairs of
``tests/text/word_pairs.tsv``."""
WIDTH = 50
"""Numbers in a word's row."""

_KIND = (1.0, 0.95, 0.9, 0.85, 0.8)
"""Nearness to a thing that the word is a kind of, by steps: 0 is the same thing."""
_GENERAL = 0.65
"""Nearness to a thing that is one step more special: "vessel" to "ship"."""
_SIBLING = 0.6
"""Nearness to another kind of the same plant or animal, where that one is known too."""
_SENSE = 0.15
"""What each sense of the unknown word that is not its usual one takes away."""
_KNOWN_SENSE = 0.4
"""The same of the known word, which is drawn as what it usually is: a wizard is no star."""
_BROADEST = 310
"""Kinds of the widest thing that its kinds are heard as: a gull is a bird, a gull is no animal."""
_BREADTH = 0.03
"""What each doubling of the number of kinds takes away: rather "sword" than "weapon"."""
_USED_ALIKE = 0.2
"""What the cosine of two rows adds, times itself."""
_STRANGE = 0.1
"""Nearness to what has nothing in common, before the cosine: enough to be named, not heard."""


@dataclass(frozen=True)
class _Reached:
    """A sense on the way up from a word."""

    steps: int
    sense: int
    """The place of the word's own sense, the usual one first."""


class WordMeanings:
    """The table of words; :func:`word_meanings` has it."""

    def __init__(self, path: Path = FILE) -> None:
        with np.load(path, allow_pickle=False) as file:
            self.words = tuple(file["words"].tobytes().decode("ascii").split("\n"))
            self._rows = file["rows"]
            self._senses = file["senses"]
            self._parents = file["parents"]
            self._natural = file["natural"]
            self._breadths = file["breadths"]
        self._ids = {word: index for index, word in enumerate(self.words)}

    def find(self, word: str) -> str | None:
        """The word of the table that a word is an inflection of, or itself; None: there is none."""
        forms = known_forms(word, self._ids)
        return forms[0] if forms is not None and len(forms) == 1 else None

    def rows(self, words: Iterable[str]) -> Float[np.ndarray, "words 50"]:
        """Unit vectors that are alike for words used alike.

        Raises:
            KeyError: a word is not in the table.
        """
        chosen = self._rows[[self._ids[word] for word in words]].reshape(-1, WIDTH)
        rows = chosen.astype(np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def senses(self, word: str) -> list[int]:
        """The meanings of a word of the table, the usual one first."""
        return [int(sense) for sense in self._senses[self._ids[word]] if sense >= 0]

    def above(self, word: str, most: int) -> dict[int, _Reached]:
        """What a word is a kind of, up to so many steps."""
        found: dict[int, _Reached] = {}
        for place, sense in enumerate(self.senses(word)):
            level = {sense}
            for steps in range(most + 1):
                for one in level:
                    found.setdefault(one, _Reached(steps, place))
                level = {parent for one in level for parent in self.parents(one)}
        return found

    def parents(self, sense: int) -> list[int]:
        """The meanings that one is a kind of."""
        return [int(parent) for parent in self._parents[sense] if parent >= 0]

    def breadth(self, sense: int) -> int:
        """How many words of the table are kinds of a meaning: 12 of sword, 7508 of person."""
        return int(self._breadths[sense])

    def is_natural(self, sense: int) -> bool:
        """Whether a meaning is an animal or a plant: kinds of one look alike, unlike tools."""
        return bool(self._natural[sense])


@lru_cache(maxsize=1)
def word_meanings() -> WordMeanings:
    """The table, read once."""
    return WordMeanings()


class KnownMeanings:
    """The words that a checkpoint knows, by meaning: a :class:`~.meaning.Hearing`.

    The table is read when the first word is asked for.
    """

    def __init__(self, known: Iterable[str]) -> None:
        self._given = sorted(known)

    def nearest(self, word: str) -> Neighbor | None:
        """The known word nearest in meaning; None where the table has no such word.

        A few milliseconds for a thousand known words.
        """
        table = word_meanings()
        asked = table.find(word)
        if asked is None or not self._known:
            return None
        scores = dict(self._related(table, asked))
        cosines = self._rows @ table.rows([asked])[0]
        alike = _USED_ALIKE * cosines * np.abs(cosines)
        nearness = [scores.get(entry, _STRANGE) for entry in self._known.values()] + alike
        best = int(np.argmax(nearness))
        found = float(nearness[best])
        return Neighbor(list(self._known)[best], found, found >= NEAR_ENOUGH)

    @cached_property
    def _known(self) -> dict[str, str]:
        """The known words that have a meaning: as they are known, and in the table's spelling."""
        entries = ((word, word_meanings().find(word)) for word in self._given if word.isalpha())
        return {word: entry for word, entry in entries if entry is not None}

    @cached_property
    def _rows(self) -> Float[np.ndarray, "words 50"]:
        return word_meanings().rows(self._known.values())

    @cached_property
    def _by_sense(self) -> dict[int, list[tuple[str, int]]]:
        """The known words of each sense, with the place that it has among the word's senses."""
        found: dict[int, list[tuple[str, int]]] = defaultdict(list)
        for word in dict.fromkeys(self._known.values()):
            for place, sense in enumerate(word_meanings().senses(word)):
                found[sense].append((word, place))
        return found

    @cached_property
    def _children(self) -> dict[int, list[tuple[str, int]]]:
        """The known words of the kinds of each sense."""
        found: dict[int, list[tuple[str, int]]] = defaultdict(list)
        for sense, words in self._by_sense.items():
            for parent in word_meanings().parents(sense):
                found[parent] += words
        return found

    def _related(self, table: WordMeanings, asked: str) -> Iterator[tuple[str, float]]:
        """Known words that a word is a kind of, and its siblings, from far to near."""
        found: list[tuple[float, str]] = []
        above = table.above(asked, len(_KIND) - 1)
        for sense, reached in above.items():
            breadth = table.breadth(sense)
            if reached.steps == 0 or breadth <= _BROADEST:
                least = _KIND[reached.steps] - _BREADTH * math.log2(1 + breadth)
                named = self._by_sense.get(sense, ())
                found += [
                    (least - _SENSE * reached.sense - _KNOWN_SENSE * place, word)
                    for word, place in named
                ]
            if reached.steps == 0:
                near, least = self._children.get(sense, ()), _GENERAL
            elif reached.steps == 1 and table.is_natural(sense) and self._is_known(table, sense):
                near, least = self._children.get(sense, ()), _SIBLING
            else:
                continue
            found += [
                (least - _SENSE * reached.sense - _KNOWN_SENSE * place, word)
                for word, place in near
            ]
        for nearness, word in sorted(found):
            yield word, nearness

    def _is_known(self, table: WordMeanings, sense: int) -> bool:
        """Whether a known word names a sense or what it is a kind of, two steps up at most."""
        level = {sense}
        for _ in range(3):
            if any(self._by_sense.get(one) for one in level):
                return True
            level = {parent for one in level for parent in table.parents(one)}
        return False
