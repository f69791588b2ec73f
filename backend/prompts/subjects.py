"""What a prompt is about: its subject, and whether that is among the subjects of a training.

"A pig wearing a tophat" is about a pig. A checkpoint that knows hats and not the subject makes
something else. Standard library only: Blender judges a prompt with this too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .spelling import STOP_WORDS, split_words

_PARTICIPLES = {"made", "carved", "dressed"}

KnownIn = Callable[[str], set[str]]
"""The known words of a text, in the training's spelling."""


def subject_of(prompt: str) -> str | None:
    """The noun that a prompt is about: the last word before what it does, wears or is made of."""
    noun = None
    for word in split_words(prompt):
        if word.endswith("ing") or word in _PARTICIPLES:
            return noun
        if word not in STOP_WORDS:
            noun = word
        elif noun is not None:
            return noun
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
