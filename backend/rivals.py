"""Which of two phrases a checkpoint draws that it never saw together: "a pig and a rabbit".

The captions cannot tell. The objects can: the phrase whose removal changes less has less effect.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

import numpy as np

from .field_reader import Field
from .prompts.combinations import Rivals
from .prompts.vocabulary import Familiarity

RESOLUTION = 32
"""Points along each axis at which objects are compared."""
DECIDED = 0.5
"""The change without the one phrase, over that without the other, below which one is drawn."""
LARGEST = 4
"""Phrases looked at; each costs reading an object at RESOLUTION, about 0.1 s."""


def judge(about: Familiarity, field_of: Callable[[str], Field]) -> Familiarity:
    """``about`` with the answer which of its rivals the object shows.

    Args:
        field_of: the object of a text, as the text encoder is to be given it.
    """
    rivals = about.unheard.rivals
    phrases = list(dict.fromkeys(phrase for pair in rivals for phrase in (pair.one, pair.other)))
    if not phrases or len(phrases) > LARGEST:
        return about
    whole = field_of(about.heard)
    points = _lattice(whole.bound)
    changes: dict[str, float] = {}
    for phrase in phrases:
        rest = without(about.heard, phrase)
        if rest is not None:
            changes[phrase] = difference(whole, field_of(rest), points)
    decided = tuple(_decided(pair, changes) for pair in rivals)
    return dataclasses.replace(about, unheard=dataclasses.replace(about.unheard, rivals=decided))


def without(text: str, phrase: str) -> str | None:
    """``text`` without a phrase of it; None where the phrase is not there as it is written."""
    pattern = r"[\W_]+".join(re.escape(word) for word in phrase.split())
    rest, count = re.subn(rf"(?<!\w){pattern}(?!\w)", " ", text, flags=re.IGNORECASE)
    rest = " ".join(rest.split())
    return rest if count and rest else None


def difference(one: Field, other: Field, points: np.ndarray) -> float:
    """How much of two objects differs: the share of their common space that only one fills, and
    the mean difference of their colors (0 to 1) where both are."""
    (first, colors), (second, other_colors) = one.sample(points), other.sample(points)
    inside, other_inside = first > one.level, second > other.level
    both = inside & other_inside
    either = np.count_nonzero(inside | other_inside)
    shape = 1.0 - np.count_nonzero(both) / max(either, 1)
    color = np.abs(colors[both] - other_colors[both]).mean() if both.any() else 0.0
    return float(shape + color)


def _decided(pair: Rivals, changes: dict[str, float]) -> Rivals:
    if pair.one not in changes or pair.other not in changes:
        return pair
    one, other = changes[pair.one], changes[pair.other]
    if min(one, other) > DECIDED * max(one, other) or one == other:
        return dataclasses.replace(pair, drawn=(pair.one, pair.other))
    return dataclasses.replace(pair, drawn=(pair.one if one > other else pair.other,))


def _lattice(bound: float) -> np.ndarray:
    line = np.linspace(-bound, bound, RESOLUTION, dtype=np.float32)
    points = np.stack(np.meshgrid(line, line, line, indexing="ij"), axis=-1).reshape(-1, 3)
    return points[np.square(points).sum(1) < bound * bound]
