"""Which prompts a library teaches, and which it holds back to measure what it has understood.

Held back are a share of the recolored and stretched copies, and models that the captions' words
let one guess: where "a blue banner", "a green banner" and "a green flag" are there, "a blue flag"
may be held back. Both are chosen by hashes of the words, so the same library is always split alike.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from ..prompts import PromptSet
from ..prompts.imagined import Slot, fillings_of, slots_of
from .attributes import STRETCHES, TINTS, Look
from .storage import Entry

HELD_OUT_COPIES = 0.1
"""Share of the copies that are held back."""
HELD_OUT_MODELS = 0.05
"""Most of the models that are held back."""
MOST_COPIES = 6000
"""Prompts of copies; large libraries have fewer of each model."""
PAIRS = 6
"""Copies of a model that are both recolored and stretched."""
PLAIN_VISITS = 4
"""How often training visits a model itself for each visit to one of its copies, about."""

COLORED = frozenset((*TINTS, "gold", "wood", "metal", "colored", "colorful"))
"""Words in a caption that say what color the model has already."""

SETS = ("library", "models", "recolored", "stretched", "pairs")
"""Everything; the models themselves; copies with one word of a kind; copies with two."""


@dataclass(frozen=True)
class Instance:
    """What a prompt stands for: a model, by its place in the index, and how it looks."""

    model: int
    look: Look


@dataclass(frozen=True)
class LibraryPrompts:
    """All prompts of a library, in one order."""

    instances: dict[str, Instance]
    held_out: frozenset[str]
    attributes: bool = True
    """Whether there are copies."""

    def prompt_set(self, name: str) -> PromptSet:
        """One of ``SETS``. In ``library`` each seen model comes several times among the seen
        prompts, so that training visits it as often as ``PLAIN_VISITS`` says. Sets of copies have
        none of a model that is held back: what is unseen there is unseen for its words alone."""
        held = {self.instances[p].model for p in self.held_out if self.instances[p].look.plain}
        chosen = [
            prompt
            for prompt, instance in self.instances.items()
            if _belongs(name, instance.look)
            and (name in ("library", "models") or instance.model not in held)
        ]
        seen = [i for i, prompt in enumerate(chosen) if prompt not in self.held_out]
        unseen = tuple(i for i, prompt in enumerate(chosen) if prompt in self.held_out)
        if name == "library":
            plain = [i for i in seen if self.instances[chosen[i]].look.plain]
            copies = len(seen) - len(plain)
            again = PLAIN_VISITS * copies // max(len(plain) * (PLAIN_VISITS + 1), 1)
            seen += plain * max(min(again, PLAIN_VISITS), 0)
        return PromptSet(name, tuple(chosen), tuple(seen), unseen)


def library_prompts(entries: Sequence[Entry], *, attributes: bool = True) -> LibraryPrompts:
    """The prompts of a library's models and, with ``attributes``, of their copies."""
    instances = {entry.prompt: Instance(index, Look()) for index, entry in enumerate(entries)}
    held = set(held_out_models([entry.prompt for entry in entries]))
    if attributes:
        looks = _looks(len(entries))
        for index, entry in enumerate(entries):
            named = names_color(entry.prompt)
            for look in looks(entry.prompt):
                prompt = look.caption(entry.prompt)
                if prompt in instances or (named and look.tint):
                    # A model that is called green is not called red as well, and where there is
                    # a green banner no copy stands in for it.
                    continue
                instances[prompt] = Instance(index, look)
                if entry.prompt in held or _draw(f"hold {prompt}") < HELD_OUT_COPIES:
                    held.add(prompt)
    return LibraryPrompts(instances, frozenset(held), attributes)


def names_color(caption: str) -> bool:
    """Whether a caption says what color its model has."""
    return bool(COLORED & set(caption.lower().replace(",", "").split()))


def held_out_models(captions: Sequence[str]) -> list[str]:
    """Captions that differ from another by one word in a way that two others show, at most
    ``HELD_OUT_MODELS`` of all; the three that show it are kept."""
    known = set(captions)
    slots = fillings_of(captions)
    places: dict[str, list[Slot]] = defaultdict(list)
    for slot, words in slots.items():
        for word in words:
            places[word].append(slot)
    held: list[str] = []
    kept: set[str] = set()
    for caption in sorted(captions, key=lambda text: _draw(f"cell {text}")):
        if len(held) >= int(HELD_OUT_MODELS * len(captions)):
            break
        if caption in kept:
            continue
        shown = _rectangle(caption, slots, places, known - set(held))
        if shown:
            held.append(caption)
            kept.update(shown)
    return held


def _rectangle(
    caption: str,
    slots: Mapping[Slot, Collection[str]],
    places: Mapping[str, Sequence[Slot]],
    known: set[str],
) -> tuple[str, str, str] | None:
    """Three captions that show what ``caption`` is: (same, other word), (other rest, word) and
    (other rest, other word).

    ``slots`` has every slot's words, ``places`` every word's slots.
    """
    for slot, word in slots_of(caption):
        if len(places[word]) < 2:
            continue
        for other in slots[slot]:
            if other == word or len(places[other]) < 2:
                continue
            beside = _filled(slot, other, known)
            if beside is None:
                continue
            for rest in places[word]:
                if rest == slot or other not in slots[rest]:
                    continue
                same, opposite = _filled(rest, word, known), _filled(rest, other, known)
                if same and opposite and len({caption, beside, same, opposite}) == 4:
                    return beside, same, opposite
    return None


def _filled(slot: tuple[str, ...], word: str, known: set[str]) -> str | None:
    """The known caption with a word in the slot, whatever its article."""
    words = [word if part == "_" else part for part in slot]
    for first in ("a", "an"):
        candidate = " ".join(part or first for part in words)
        if candidate in known:
            return candidate
    return None


def _looks(models: int) -> Callable[[str], list[Look]]:
    """The copies of a model by its caption: all words where the library is small enough."""
    singles = [*(Look(tint=tint) for tint in TINTS), *(Look(stretch=s) for s in STRETCHES)]
    pairs = [Look(tint, stretch) for tint, stretch in product(TINTS, STRETCHES)]
    count = min(len(singles) + PAIRS, max(MOST_COPIES // max(models, 1), 2))

    def of(caption: str) -> list[Look]:
        def order(look: Look) -> float:
            return _draw(f"{look.tint} {look.stretch} {caption}")

        both = sorted(pairs, key=order)[:PAIRS]
        if count >= len(singles) + PAIRS:
            return [*singles, *both]
        return sorted([*singles, *both], key=order)[:count]

    return of


def _belongs(name: str, look: Look) -> bool:
    return {
        "library": True,
        "models": look.plain,
        "recolored": bool(look.tint) and not look.stretch,
        "stretched": bool(look.stretch) and not look.tint,
        "pairs": bool(look.tint) and bool(look.stretch),
    }[name]


def _draw(text: str) -> float:
    """A number in [0, 1) that a text always has."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 2**48
