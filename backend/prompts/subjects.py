"""What a prompt is about: its subject, and whether that is among the subjects of a training.

"A pig wearing a tophat" is about a pig. A checkpoint that knows hats and not the subject makes
something else. Standard library only: Blender judges a prompt with this too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .spelling import STOP_WORDS, split_words

_PARTICIPLES = {"made", "carved", "dressed"}
_ARTICLES = {"a", "an", "the"}
_COLORS = {"black", "white", "red", "green", "yellow", "blue", "brown", "orange", "pink", "purple"}
_SIZES = {"tall", "short", "wide", "narrow", "long", "small", "large", "big", "little"}
_DESCRIBING = _COLORS | _SIZES | {"gray", "grey", "dark", "light", "golden", "silver", "wooden"}
"""Words for what a thing is like. Where more follows they name nothing yet: "a red and white buoy",
"a tall building"."""

KnownIn = Callable[[str], set[str]]
"""The known words of a text, in the training's spelling."""


def subject_of(prompt: str) -> str | None:
    """The noun that a prompt is about: the last word before what it does, wears or is made of.

    A word in -ing is what it does ("a pig riding a bike"), but part of the thing's name after an
    article or a describing word ("a ring", "a red fishing rod").
    """
    noun, before = None, ""
    for word in split_words(prompt):
        named = noun is not None and noun not in _DESCRIBING
        doing = word.endswith("ing") and before not in _ARTICLES | _DESCRIBING
        if doing or word in _PARTICIPLES:
            return noun
        if word not in STOP_WORDS:
            noun = word
        elif named:
            return noun
        before = word
    return noun


def subjects_of(prompts: Iterable[str], known_in: KnownIn) -> frozenset[str]:
    """The known words that name what the prompts are about."""
    phrases = set(map(_up_to_subject, prompts))
    return frozenset().union(*(_kinds(phrase, known_in) for phrase in phrases))


def _up_to_subject(prompt: str) -> str:
    """The prompt's words up to the noun that it is about; empty where there is none."""
    words = split_words(prompt)
    noun = subject_of(prompt)
    return " ".join(words[: words.index(noun) + 1]) if noun is not None else ""


def _kinds(phrase: str, known_in: KnownIn) -> set[str]:
    """The known words of a phrase's last one, or of all where it is half of a compound."""
    return known_in(phrase) & known_in(phrase.rpartition(" ")[2]) or known_in(phrase)
