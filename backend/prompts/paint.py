"""A known thing in another color: which words of a prompt are its paint.

Words that a checkpoint says to recolor whatever they are said of leave shapes alone. A prompt that
is a known thing and such a word has that thing's shape, which was learnt, and not the one that the
mapping network guesses for the whole text. Where the word is part of a thing's own name ("a red
crab" where no other is known), it is none.
"""

from __future__ import annotations

from collections.abc import Iterable

from .spelling import split_words

_ARTICLES = frozenset({"a", "an", "the"})


class Paints:
    """The words of one checkpoint.

    Args:
        things: What it knows, as it is.
        recolors: Words that change nothing but colors, whatever they are said of.
        stretches: Words that stretch whatever they are said of.
    """

    def __init__(
        self, things: Iterable[str], recolors: Iterable[str], stretches: Iterable[str]
    ) -> None:
        self._recolors, self._stretches = frozenset(recolors), frozenset(stretches)
        self._things = {_words(thing): thing for thing in things} if self._recolors else {}

    def __bool__(self) -> bool:
        return bool(self._things)

    def unpainted(self, prompt: str) -> str:
        """The prompt without its paint, or as it is, where what is left is no known thing."""
        words = _words(prompt)
        if words in self._things:
            return prompt
        first, second = (*words[:2], "", "")[:2]
        if first in self._stretches and words[1:] in self._things:
            return prompt
        if first in self._recolors and words[1:] in self._things:
            return self._things[words[1:]]
        for stretch, paint in ((first, second), (second, first)):
            if stretch in self._stretches and paint in self._recolors:
                thing = self._things.get(words[2:])
                return prompt if thing is None else _stretched(thing, stretch)
        return prompt


def _words(prompt: str) -> tuple[str, ...]:
    """The words after a first article."""
    words = split_words(prompt)
    return tuple(words[1:] if words and words[0] in _ARTICLES else words)


def _stretched(thing: str, word: str) -> str:
    """The thing with an adjective before its noun; none begins with a vowel."""
    first, _, rest = thing.partition(" ")
    if first.casefold() in ("a", "an") and rest:
        return f"a {word} {rest}"
    if first.casefold() == "the" and rest:
        return f"the {word} {rest}"
    return f"{word} {thing}"
