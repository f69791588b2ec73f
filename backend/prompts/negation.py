"""Negated phrases of a prompt. No text encoder of this kind hears a "without": they are taken out.

Standard library only.
"""

from __future__ import annotations

import re

_NEGATIONS = frozenset({"without", "no", "not", "never", "minus", "lacking", "sans", "neither"})
_LINKS = frozenset(
    "with and but is are was does do did has have that who".split()  # noqa: SIM905
)
"""Words that belong to a negation when they stand directly before it: "but not", "with no"."""
_BOUNDARIES = frozenset(
    "with but while in on at under over who that made carved".split()  # noqa: SIM905
)
"""Words that begin another phrase."""
_STOPS = ",;.:!?()"


def remove_negations(text: str) -> tuple[str, tuple[str, ...]]:
    """The text without its negated phrases, and these.

    A phrase goes from its negation to the next punctuation, preposition or participle: of "a pig
    without a tophat riding a bike" is "without a tophat" taken out. Where nothing would be left the
    text stays as it is.
    """
    tokens = text.split()
    kept: list[str] = []
    removed: list[str] = []
    position = 0
    while position < len(tokens):
        word = _bare(tokens[position])
        if not _negates(word):
            kept.append(tokens[position])
            position += 1
            continue
        end = _end(tokens, position)
        before: list[str] = []
        while kept and _bare(kept[-1]) in _LINKS and kept[-1][-1] not in _STOPS:
            before.insert(0, kept.pop())
        removed.append(" ".join([*before, *tokens[position:end]]).strip(_STOPS))
        position = end
    rest = " ".join(kept).strip(f"{_STOPS} ")
    return rest if removed and rest else text, tuple(removed)


def _negates(word: str) -> bool:
    return word in _NEGATIONS or word.endswith("n't") or word.startswith("non-")


def _end(tokens: list[str], start: int) -> int:
    """Where the negated phrase that begins at ``start`` ends."""
    if _bare(tokens[start]).startswith("non-"):
        return start + 1
    position = start + 1
    while position < len(tokens) and tokens[position - 1][-1] not in _STOPS:
        word = _bare(tokens[position])
        following = _bare(tokens[position + 1]) if position + 1 < len(tokens) else ""
        # "not wearing a hat", "not in a suit": the first word may begin a phrase.
        if position > start + 1 and _begins_phrase(word):
            break
        if word in ("and", "or") and _begins_phrase(following):
            break
        position += 1
    return position


def _begins_phrase(word: str) -> bool:
    return word in _BOUNDARIES or (word.endswith("ing") and len(word) > 4)


def _bare(token: str) -> str:
    return re.sub(r"^\W+|\W+$", "", token.casefold().replace("\u2019", "'"))
