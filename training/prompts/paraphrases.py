"""Other ways to say what a toy is: synonyms, other orders, other joints.

Nothing that a specification names is ever left out, and nothing is added that it lacks.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from functools import cache

import torch

from backend.prompts.vocabulary import STOP_WORDS

from .families import FAMILY_PHRASES, FAMILY_SYNONYMS, FamilySpec
from .specs import (
    ACTIVITIES,
    ANIMALS,
    HATS,
    THEMES,
    CharacterSpec,
    Spec,
    article,
    caption,
    find_spec,
)

ANIMAL_WORDS: dict[str, tuple[str, ...]] = {
    "squirrel": ("squirrel", "red squirrel", "chipmunk"),
    "raccoon": ("raccoon", "racoon", "trash panda"),
    "pig": ("pig", "hog", "piglet", "piggy", "swine"),
    "monkey": ("monkey", "chimp", "chimpanzee", "little monkey"),
    "robot": ("robot", "android", "droid", "bot"),
    "lion": ("lion", "lion with a mane", "male lion"),
    "rabbit": ("rabbit", "bunny", "bunny rabbit", "hare"),
    "tiger": ("tiger", "striped tiger", "tiger cub"),
    "orangutan": ("orangutan", "orang-utan", "orange ape", "ape"),
    "bear": ("bear", "brown bear", "teddy bear", "grizzly"),
}

ACTIVITY_WORDS: dict[str, tuple[str, ...]] = {
    "riding a motorcycle": (
        "riding a motorcycle",
        "on a motorcycle",
        "driving a motorbike",
        "riding a motorbike",
        "sitting on a motorcycle",
    ),
    "riding a bike": (
        "riding a bike",
        "riding a bicycle",
        "on a bicycle",
        "on a bike",
        "cycling",
        "pedalling a bicycle",
    ),
    "sitting on a chair": (
        "sitting on a chair",
        "sitting in a chair",
        "seated on a chair",
        "on a chair",
    ),
    "playing the guitar": (
        "playing the guitar",
        "playing a guitar",
        "playing guitar",
        "strumming a guitar",
        "with a guitar",
    ),
    "holding a shovel": (
        "holding a shovel",
        "holding a spade",
        "with a shovel",
        "carrying a shovel",
        "with a spade",
    ),
    "holding a blue balloon": (
        "holding a blue balloon",
        "with a blue balloon",
        "carrying a blue balloon",
        "holding a balloon",
    ),
    "holding a book": (
        "holding a book",
        "reading a book",
        "with a book",
        "reading",
        "holding an open book",
    ),
    "wielding a katana": (
        "wielding a katana",
        "holding a katana",
        "swinging a katana",
        "with a katana",
        "wielding a samurai sword",
        "holding a sword",
    ),
}

THEME_WORDS: dict[str, tuple[str, ...]] = {
    "made out of gold": ("made out of gold", "made of gold", "cast in gold"),
    "carved out of wood": ("carved out of wood", "carved from wood", "made of wood"),
    "wearing a leather jacket": (
        "wearing a leather jacket",
        "in a leather jacket",
        "dressed in a leather jacket",
        "wearing a brown leather jacket",
    ),
    "wearing a cape": (
        "wearing a cape",
        "in a cape",
        "with a red cape",
        "wearing a cloak",
        "wearing a red cape",
    ),
    "wearing medieval armor": (
        "wearing medieval armor",
        "in medieval armor",
        "wearing medieval armour",
        "in knight's armour",
        "wearing knight's armor",
        "in a suit of armor",
    ),
    "wearing a suit": (
        "wearing a suit",
        "in a suit",
        "in a suit and tie",
        "dressed in a suit",
        "wearing a suit and tie",
    ),
    "wearing a sweater": (
        "wearing a sweater",
        "in a sweater",
        "wearing a jumper",
        "in a knitted sweater",
        "wearing a pullover",
    ),
    "wearing a backpack": (
        "wearing a backpack",
        "with a backpack",
        "carrying a backpack",
        "wearing a rucksack",
    ),
}

MATERIAL_ADJECTIVES: dict[str, tuple[str, ...]] = {
    "made out of gold": ("golden", "gold"),
    "carved out of wood": ("wooden", "carved wooden"),
}

HAT_WORDS: dict[str, tuple[str, ...]] = {
    "party hat": ("party hat", "birthday hat", "pointy party hat"),
    "sombrero": ("sombrero", "mexican hat", "wide sombrero"),
    "helmet": ("helmet", "red helmet", "crash helmet"),
    "tophat": ("tophat", "top hat", "black top hat", "cylinder hat"),
    "baseball cap": ("baseball cap", "cap", "blue baseball cap", "ball cap"),
}

OPENINGS = ("", "", "", "", "a toy of ", "a figurine of ", "a 3d model of ", "a photo of ")

Chance = torch.Generator | random.Random


def _below(chance: Chance, count: int) -> int:
    if isinstance(chance, random.Random):
        return chance.randrange(count)
    return int(torch.randint(count, (), generator=chance))


def _choose(chance: Chance, options: Sequence[str]) -> str:
    """One of the options; half of the time the first, which is the template's."""
    return options[0] if _below(chance, 2) else options[_below(chance, len(options))]


def paraphrase(spec: Spec, generator: Chance) -> str:
    """Say a specification in other words; the same ones for the same state of ``generator``."""
    if isinstance(spec, FamilySpec):
        return _choose(generator, OPENINGS) + _choose(generator, spec.phrases)
    noun = _choose(generator, ANIMAL_WORDS[spec.animal])
    phrases = []
    if spec.activity:
        phrases.append(_choose(generator, ACTIVITY_WORDS[spec.activity]))
    worn = []
    if spec.theme in MATERIAL_ADJECTIVES and _below(generator, 2):
        noun = f"{_choose(generator, MATERIAL_ADJECTIVES[spec.theme])} {noun}"
    elif spec.theme:
        worn.append(_choose(generator, THEME_WORDS[spec.theme]))
    if spec.hat:
        hat = article(_choose(generator, HAT_WORDS[spec.hat]))
        worn.append(_choose(generator, (f"wearing {hat}", f"in {hat}", f"with {hat} on")))
    if len(worn) == 2 and _below(generator, 3) == 0:
        worn.reverse()
    if worn and _below(generator, 3) == 0:
        phrases = [*worn, *phrases]
    else:
        phrases += worn
    text = f"{_choose(generator, OPENINGS)}{article(noun)}"
    for place, phrase in enumerate(phrases):
        last = place == len(phrases) - 1 and place > 0
        joint = _choose(generator, (" and " if last else " ", " ", ", "))
        text += joint + phrase
    if _below(generator, 8) == 0 and not text.startswith("a toy"):
        text = text.removeprefix(f"{article(noun)[: article(noun).index(' ')]} ")
    return text


def synonyms(prompts: Iterable[str] | None = None) -> dict[str, str]:
    """Single words of the paraphrases to the word that the prompts use: ``hog`` to ``pig``.

    Covers the characters or families that ``prompts`` name (None: the characters). A word that
    belongs to several parts, or that a template uses itself, is not a synonym.
    """
    characters, families = _kinds(prompts)
    found = _character_synonyms() if characters else {}
    for family in families:
        found |= FAMILY_SYNONYMS[family]
    return dict(sorted(found.items()))


def known_words(prompts: Iterable[str] | None = None) -> tuple[str, ...]:
    """Every word of the captions and paraphrases, sorted.

    Covers the characters or families that ``prompts`` name (None: the characters), and the
    prompts' own words, so that a checkpoint claims no word of a set that it never saw.
    """
    listed = None if prompts is None else list(prompts)
    characters, families = _kinds(listed)
    texts = list(_character_texts()) if characters else []
    texts += [phrase for f in families for said in FAMILY_PHRASES[f].values() for phrase in said]
    if characters or families:
        texts += OPENINGS
    texts += [text.lower() for text in listed or ()]
    return tuple(sorted({word for text in texts for word in re.findall(r"[\w'-]+", text)}))


def _kinds(prompts: Iterable[str] | None) -> tuple[bool, list[str]]:
    """Whether there are characters among the prompts, and which families there are."""
    if prompts is None:
        return True, []
    specs = [find_spec(prompt) for prompt in prompts]
    families = dict.fromkeys(spec.family for spec in specs if isinstance(spec, FamilySpec))
    return any(isinstance(spec, CharacterSpec) for spec in specs), list(families)


@cache
def _character_synonyms() -> dict[str, str]:
    template = set(re.findall(r"[a-z']+", " ".join((*ANIMALS, *ACTIVITIES, *THEMES, *HATS))))
    meant: dict[str, set[str]] = {}
    for table in (ANIMAL_WORDS, ACTIVITY_WORDS, THEME_WORDS, MATERIAL_ADJECTIVES, HAT_WORDS):
        for part, phrases in table.items():
            for word in re.findall(r"[a-z']+", " ".join(phrases)):
                if word not in template | STOP_WORDS:
                    meant.setdefault(word, set()).add(part.split()[-1])
    return {word: parts.pop() for word, parts in meant.items() if len(parts) == 1}


@cache
def _character_texts() -> tuple[str, ...]:
    texts = [caption(CharacterSpec(a, c, t, h)) for a, c, t, h in _each_part()]
    for table in (ANIMAL_WORDS, ACTIVITY_WORDS, THEME_WORDS, MATERIAL_ADJECTIVES, HAT_WORDS):
        texts += [phrase for phrases in table.values() for phrase in phrases]
    return (*texts, "a an and in with on wearing")


def _each_part() -> list[tuple[str, str | None, str | None, str | None]]:
    rows: list[tuple[str, str | None, str | None, str | None]] = [
        (animal, None, None, None) for animal in ANIMALS
    ]
    rows += [(ANIMALS[0], activity, None, None) for activity in ACTIVITIES]
    rows += [(ANIMALS[0], None, theme, None) for theme in THEMES]
    rows += [(ANIMALS[0], None, None, hat) for hat in HATS]
    return rows
