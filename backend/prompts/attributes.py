"""A known thing in other colors and proportions: which words of a prompt say these.

A checkpoint may know words that change nothing but colors, and words that stretch, whatever they
are said of, and what each of them does. A prompt that is a known thing with such words has the
shape and the colors that were learnt of the thing, and not those that the mapping network guesses
for the whole text; then it is recolored and stretched by exactly what the words mean. Where the
word is part of a thing's own name ("a red crab", "a long table"), it is none. Standard library
only: Blender judges a prompt with this too.
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
    """What a prompt says of a thing, of its colors and of its proportions, each for itself."""

    thing: str
    """The known thing, or the whole prompt where it is none."""
    known: bool = True
    recolor: str | None = None
    """The word that recolors it."""
    stretch: str | None = None
    """The word that stretches it."""


class Attributes:
    """The words of one checkpoint.

    Args:
        things: All that the things which it knows are called, each with the thing's prompt.
        recolors: Words that change nothing but colors, whatever they are said of.
        stretches: Words that stretch whatever they are said of.
    """

    def __init__(
        self,
        things: Mapping[str, str] | None = None,
        recolors: Iterable[str] = (),
        stretches: Iterable[str] = (),
    ) -> None:
        self.recolors, self.stretches = frozenset(recolors), frozenset(stretches)
        self._things = {_words(name): prompt for name, prompt in (things or {}).items()}

    def __bool__(self) -> bool:
        return bool(self._things)

    def of(self, prompt: str) -> Described:
        """The known thing of a prompt, with at most one word of each kind before it."""
        words = _words(prompt)
        if words in self._things:
            return Described(self._things[words])
        for count in (1, 2):
            said, rest = set(words[:count]), words[count:]
            recolors, stretches = said & self.recolors, said & self.stretches
            each = len(recolors) <= 1 and len(stretches) <= 1
            if rest in self._things and each and len(recolors) + len(stretches) == count:
                thing = self._things[rest]
                return Described(
                    thing, True, *(min(w, default=None) for w in (recolors, stretches))
                )
        return Described(prompt, False)


def _words(prompt: str) -> tuple[str, ...]:
    """The words after a first article."""
    words = split_words(prompt)
    return tuple(words[1:] if words and words[0] in _ARTICLES else words)
