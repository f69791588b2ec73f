"""Captions that nobody wrote, and which written ones say what they mean.

A set of captions is a grid with holes: where "a red tavern", "a blue tavern" and "a red mill" are
there, a person will ask for "a blue mill". What such a caption should look like is judged by those
that share its words: kernel ridge regression, or the mean of a Gaussian process over captions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from random import Random

import numpy as np
from jaxtyping import Float

from backend.prompts.spelling import STOP_WORDS, split_words

from .specs import article

Slot = tuple[str, ...]
"""A caption with "_" in place of one of its words, and nothing in place of articles."""
ARTICLES = ("a", "an")
TRIES = 20
"""Draws for each caption that is asked for: where there are few, all are found."""
NOISE = 0.1
"""Ridge of the regression, in units of a caption's own kernel value: of .01 to 1 the one that
leaves least of held-out captions of the props (``benchmarks/imagined_captions.py``)."""


def slots_of(caption: str) -> Iterator[tuple[Slot, str]]:
    """Every way to take one word out: the slot that it leaves, and the word."""
    words = caption.split()
    for place, word in enumerate(words):
        if word not in ARTICLES:
            rest = ["" if w in ARTICLES else w for w in words]
            yield (*rest[:place], "_", *rest[place + 1 :]), word


def fillings_of(captions: Sequence[str]) -> dict[Slot, dict[str, None]]:
    """The words that captions have in each slot; both in the captions' order."""
    fillings: dict[Slot, dict[str, None]] = defaultdict(dict)
    for caption in captions:
        for slot, word in slots_of(caption):
            fillings[slot][word] = None
    return fillings


def imagined_captions(captions: Sequence[str], most: int, seed: int = 0) -> list[str]:
    """Captions that are not among ``captions``, at most ``most``, drawn by ``seed``.

    Each is one of them with a word in place of another, where the two words stand beside the same
    words in some other captions.
    """
    fillings = fillings_of(captions)
    alike: dict[str, set[str]] = defaultdict(set)
    for words in fillings.values():
        for word in words:
            alike[word] |= words.keys()
    known = {_without_articles(caption.split()) for caption in captions}
    ways = [out for caption in captions if (out := list(slots_of(caption)))]
    random = Random(seed)
    found: dict[str, None] = {}
    for _ in range(TRIES * most if ways else 0):
        slot, word = random.choice(random.choice(ways))
        others = sorted(alike[word] - fillings[slot].keys())
        if not others:
            continue
        other = random.choice(others)
        filled = [other if part == "_" else part for part in slot]
        if _without_articles(filled) not in known:
            found[_with_articles(filled)] = None
        if len(found) == most:
            break
    return list(found)


def shares_of(
    captions: Sequence[str], known: Sequence[str], noise: float = NOISE
) -> Float[np.ndarray, "captions known"]:
    """How much of each known caption's value a caption is expected to have; rows sum to 1.

    Two captions are as alike as the squared cosine between their sets of words, each weighted by
    how rare it is among the known ones. Products with any values of the known captions are their
    kernel ridge regression around the mean.
    """
    places = {word: i for i, word in enumerate(sorted(set().union(*map(_words, known))))}
    told = _bags(known, places)
    rarity = np.log(len(known) / np.maximum((told > 0).sum(axis=0), 1)) + 1e-3
    told, asked = _unit(told * rarity), _unit(_bags(captions, places) * rarity)
    kernel = np.square(told @ told.T).astype(np.float64)
    kernel[np.diag_indices_from(kernel)] += noise
    shares = np.linalg.solve(kernel, np.square(told @ asked.T).astype(np.float64)).T
    return (shares + (1.0 - shares.sum(axis=1, keepdims=True)) / len(known)).astype(np.float32)


def _words(caption: str) -> set[str]:
    return set(split_words(caption)) - STOP_WORDS


def _bags(captions: Sequence[str], places: dict[str, int]) -> Float[np.ndarray, "captions words"]:
    """1 where a caption has a word, 0 elsewhere."""
    bags = np.zeros((len(captions), len(places)), dtype=np.float32)
    for bag, caption in zip(bags, captions, strict=True):
        bag[[places[word] for word in _words(caption) if word in places]] = 1.0
    return bags


def _unit(rows: Float[np.ndarray, "rows n"]) -> Float[np.ndarray, "rows n"]:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def _without_articles(words: Sequence[str]) -> str:
    return " ".join(word for word in words if word and word not in ARTICLES)


def _with_articles(parts: Sequence[str]) -> str:
    """A slot's words, with the article that the next word asks for in each empty place."""
    following = [*parts[1:], "word"]
    return " ".join(
        part or article(after).split()[0] for part, after in zip(parts, following, strict=True)
    )
