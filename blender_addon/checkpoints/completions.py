"""Prompts that continue what is typed, found among a hundred thousand in milliseconds. No bpy.

What begins alike stands side by side in sorted lists, so a keystroke looks at one range of them.
How long each entry is stands in an array beside them: the shortest few of a range are taken by
numpy, and only these become text. The words that a letter begins have their prompts side by side
too, in one array of numbers.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

import numpy as np


class Completions:
    """The prompts, by the beginnings of their words.

    Args:
        prompts: in the order in which equal ones are offered.
        words: others than those of the prompts that may be completed.
    """

    def __init__(self, prompts: tuple[str, ...], words: Iterable[str] = ()) -> None:
        self._prompts = prompts
        tails: set[str] = set()
        containing: dict[str, list[int]] = defaultdict(list)
        for index, prompt in enumerate(prompts):
            split = prompt.casefold().split()
            for word in dict.fromkeys(split):
                containing[word].append(index)
            tails.update(" ".join(split[start:]) for start in range(len(split)))
        self._tails = sorted(tails)
        self._tail_words = _word_counts(self._tails)
        self._prompt_words = _word_counts(prompts)
        self._words = sorted({*containing, *words})
        postings = [containing.get(word, ()) for word in self._words]
        self._starts = np.cumsum([0, *map(len, postings)], dtype=np.int64)
        flat = (index for posting in postings for index in posting)
        self._postings = np.fromiter(flat, np.int32, int(self._starts[-1]))

    def words(self, beginning: str, count: int) -> list[str]:
        """Words that begin so, in alphabetical order."""
        low, high = _range(self._words, beginning)
        return self._words[low : min(high, low + count)]

    def tails(self, beginning: str, count: int, words: Collection[str] | None = None) -> list[str]:
        """Ends of prompts that begin so and go on, the shortest first.

        Args:
            beginning: whole words; the last may be unfinished.
            count: how many at most.
            words: what the last word may become, where it is the only one; None: any.
        """
        if words is None:
            ranges = [_range(self._tails, beginning)]
        else:
            allowed = [word for word in self.words(beginning, len(self._words)) if word in words]
            ranges = [_range(self._tails, f"{word} ") for word in allowed[:count]]
            ranges += [(at, at + 1) for at in map(self._place, allowed[:count]) if at is not None]
        places = [
            low + int(place)
            for low, high in ranges
            for place in _smallest(self._tail_words[low:high], count + 1)
        ]
        found = [self._tails[place] for place in places if self._tails[place] != beginning]
        return sorted(found, key=lambda tail: (tail.count(" "), tail))[:count]

    def with_all(self, words: Sequence[str], beginning: str, count: int) -> list[str]:
        """Prompts with all these words and one that begins so, the shortest first."""
        low, high = _range(self._words, beginning)
        fitting = self._marked(low, high)
        for word in words:
            low, high = _range(self._words, word)
            if low == high or self._words[low] != word:
                return []
            fitting &= self._marked(low, low + 1)
        places = np.flatnonzero(fitting)
        best = _smallest(self._prompt_words[places], count)
        return [self._prompts[int(places[place])] for place in best]

    def _marked(self, low: int, high: int) -> np.ndarray:
        """Which prompts have one of the words in a range."""
        marked = np.zeros(len(self._prompts), bool)
        marked[self._postings[self._starts[low] : self._starts[high]]] = True
        return marked

    def _place(self, tail: str) -> int | None:
        at = bisect.bisect_left(self._tails, tail)
        return at if at < len(self._tails) and self._tails[at] == tail else None


def _range(ordered: Sequence[str], beginning: str) -> tuple[int, int]:
    """Where the texts that begin so stand in a sorted list."""
    low = bisect.bisect_left(ordered, beginning)
    return low, bisect.bisect_left(ordered, beginning + "\U0010ffff", low)


def _smallest(values: np.ndarray, count: int) -> list[int]:
    """The places of the smallest values; of equal ones, the first."""
    found: list[int] = []
    for value in np.flatnonzero(np.bincount(values)) if len(values) else ():
        found += np.flatnonzero(values == value)[: count - len(found)].tolist()
        if len(found) == count:
            break
    return found


def _word_counts(texts: Sequence[str]) -> np.ndarray:
    counts = (min(text.count(" "), 255) for text in texts)
    return np.fromiter(counts, np.uint8, len(texts))
