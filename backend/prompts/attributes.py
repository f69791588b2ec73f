"""A known thing in other colors and proportions: which words of a prompt say these.

A checkpoint may know words that change nothing but colors, and words that stretch, whatever they
are said of, and by how much. A prompt that is a known thing with such words has the shape that was
learnt of the thing, and not the one that the mapping network guesses for the whole text; and it is
stretched by exactly what the word means. Where the word is part of a thing's own name ("a red
crab", "a long table"), it is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .spelling import split_words

Factors = tuple[float, float, float]
"""How something is stretched along x (width), y (depth) and z (height)."""
AS_IT_IS: Factors = (1.0, 1.0, 1.0)
_ARTICLES = frozenset({"a", "an", "the"})


@dataclass(frozen=True)
class Described:
    """What a prompt says of shape, colors and proportions, each for itself."""

    shape: str
    """The known thing, or the whole prompt where it is none."""
    paint: str
    """The prompt without what it says of proportions."""
    proportions: Factors | None
    """None: only the mapping network's guess at the whole prompt is known."""


class Attributes:
    """The words of one checkpoint.

    Args:
        things: What it knows, as it is.
        recolors: Words that change nothing but colors, whatever they are said of.
        stretches: Words that stretch whatever they are said of, and by how much.
    """

    def __init__(
        self, things: Iterable[str], recolors: Iterable[str], stretches: Mapping[str, Factors]
    ) -> None:
        self._recolors, self._stretches = frozenset(recolors), stretches
        some = self._recolors or stretches
        self._things = {_words(thing): thing for thing in things} if some else {}

    def __bool__(self) -> bool:
        return bool(self._things)

    def of(self, prompt: str) -> Described:
        """The known thing of a prompt, with at most one word of each kind before it."""
        words = _words(prompt)
        if words in self._things:
            return Described(prompt, prompt, AS_IT_IS)
        for colored, stretched in ((1, 0), (0, 1), (1, 1)):
            count = colored + stretched
            said, rest = set(words[:count]), words[count:]
            paint, stretch = said & self._recolors, said & self._stretches.keys()
            known = self._things.get(rest)
            if known is None or (len(paint), len(stretch)) != (colored, stretched):
                continue
            whole = _with_word(known, *paint) if paint else known
            factors = self._stretches[stretch.pop()] if stretch else AS_IT_IS
            return Described(known, whole, factors)
        return Described(prompt, prompt, None)


def _words(prompt: str) -> tuple[str, ...]:
    """The words after a first article."""
    words = split_words(prompt)
    return tuple(words[1:] if words and words[0] in _ARTICLES else words)


def _with_word(thing: str, word: str) -> str:
    """The thing with an adjective before its noun."""
    first, _, rest = thing.partition(" ")
    if first.casefold() in ("a", "an") and rest:
        return f"{'an' if word[0] in 'aeiou' else 'a'} {word} {rest}"
    if first.casefold() == "the" and rest:
        return f"the {word} {rest}"
    return f"{word} {thing}"
