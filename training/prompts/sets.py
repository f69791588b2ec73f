"""The paper's compositional prompt sets with their splits (A32), chains, and lists from files.

The pig set's holdout is the i-th activity with the i-th theme. The animal set's seen prompts are
chosen by sums of indices modulo 2 or 8, so that every part, and every pair of parts, is seen
equally often (as nearly as the counts allow).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from itertools import product
from pathlib import Path

from backend.protocol.errors import TrainingError

from .families import FAMILIES, chain
from .specs import ACTIVITIES, ANIMALS, HATS, THEMES, CharacterSpec, caption

PIG_THEMES = (
    "made out of gold",
    "carved out of wood",
    "wearing a leather jacket",
    "wearing a tophat",
    "wearing a cape",
    "wearing a party hat",
    "wearing a sombrero",
    "wearing medieval armor",
)
"""The paper prints all but the cape, which a later paper's grid of the same set shows."""
ANIMAL_THEMES = (
    "wearing medieval armor",
    "wearing a suit",
    "wearing a leather jacket",
    "wearing a sweater",
    "wearing a backpack",
    "wearing a cape",
)

COMPOSE_ANIMALS = ("pig", "rabbit", "robot", "raccoon", "tiger", "bear")
COMPOSE_LOOKS = (None, "wearing a cape", "wearing medieval armor", "wearing a suit")
COMPOSE_HATS = (None, "party hat", "sombrero", "tophat")


@dataclass(frozen=True)
class PromptSet:
    """Prompts, and which of them training may see (indices into ``prompts``)."""

    name: str
    prompts: tuple[str, ...]
    seen: tuple[int, ...]
    unseen: tuple[int, ...]


def _split(name: str, seen: dict[str, bool]) -> PromptSet:
    flags = list(enumerate(seen.values()))
    return PromptSet(
        name,
        tuple(seen),
        tuple(index for index, flag in flags if flag),
        tuple(index for index, flag in flags if not flag),
    )


def _themed(animal: str, activity: str | None, theme: str) -> CharacterSpec:
    """The pig set's themes mix clothes and hats."""
    hat = theme.removeprefix("wearing a ")
    if hat in HATS:
        return CharacterSpec(animal, activity, None, hat)
    return CharacterSpec(animal, activity, theme)


def _pig(name: str, themes: tuple[str, ...]) -> PromptSet:
    """Unseen: the i-th activity with the i-th theme, as far as there are themes."""
    return _split(
        name,
        {
            caption(_themed("pig", activity, theme)): i != j
            for i, activity in enumerate(ACTIVITIES)
            for j, theme in enumerate(themes)
        },
    )


def _animal_seen(count: int, animal: int, activity: int, theme: int, hat: int) -> bool:
    if count == 2400:
        return True
    if count == 1200:
        return (animal + activity + theme + hat) % 2 == 0
    # One activity for each animal, theme and hat. Multipliers found by search: every part and
    # every pair of parts appears as often as its peers, to within one.
    turn = 4 * animal + animal // 2 + 7 * theme + hat + hat // 2
    return activity == turn % 8


def _animal(count: int) -> PromptSet:
    return _split(
        f"animal{count}",
        {
            caption(CharacterSpec(animal, activity, theme, hat)): _animal_seen(count, a, b, c, d)
            for (a, animal), (b, activity), (c, theme), (d, hat) in product(
                enumerate(ANIMALS), enumerate(ACTIVITIES), enumerate(ANIMAL_THEMES), enumerate(HATS)
            )
        },
    )


def _compose96() -> PromptSet:
    """Standing toys that can be told apart at 32 x 32 pixels: six animals, four looks, four hats.

    A quarter is unseen: one hat of every animal and look, one look of every animal and hat.
    """
    return _split(
        "compose96",
        {
            caption(CharacterSpec(animal, None, look, hat)): (a + b + c) % 4 != 3
            for (a, animal), (b, look), (c, hat) in product(
                enumerate(COMPOSE_ANIMALS), enumerate(COMPOSE_LOOKS), enumerate(COMPOSE_HATS)
            )
        },
    )


def _plain() -> PromptSet:
    """Each animal alone, and with one other part: what people type first."""
    specs = []
    for animal in ANIMALS:
        specs += [CharacterSpec(animal)]
        specs += [CharacterSpec(animal, activity=activity) for activity in ACTIVITIES]
        specs += [CharacterSpec(animal, theme=theme) for theme in THEMES]
        specs += [CharacterSpec(animal, hat=hat) for hat in HATS]
    return _split("plain", {caption(spec): True for spec in specs})


def _toybox() -> PromptSet:
    """What the bundled checkpoint learns: pig64, animal1200 and the plain toys."""
    merged: dict[str, bool] = {}
    for part in (_pig("pig64", PIG_THEMES), _animal(1200), _plain()):
        seen = set(part.seen)
        for index, prompt in enumerate(part.prompts):
            merged.setdefault(prompt, index in seen)
    return _split("toybox", merged)


def _chain(family: str) -> PromptSet:
    """A family's prompts in the order of their chain (A30), all seen."""
    return _split(family, {caption(spec): True for spec in chain(family)})


_REGISTRY: dict[str, Callable[[], PromptSet]] = {
    "pig64": lambda: _pig("pig64", PIG_THEMES),
    "pig56": lambda: _pig("pig56", tuple(t for t in PIG_THEMES if t != "wearing a cape")),
    "animal300": lambda: _animal(300),
    "animal1200": lambda: _animal(1200),
    "animal2400": lambda: _animal(2400),
    "compose96": _compose96,
    "plain": _plain,
    "toybox": _toybox,
    **{family: partial(_chain, family) for family in FAMILIES},
}


def prompt_set_names() -> tuple[str, ...]:
    return tuple(_REGISTRY)


@cache
def prompt_set(name: str) -> PromptSet:
    """A prompt set by name, or from a file (``.txt`` or ``.json``), all of it seen.

    Raises TrainingError for an unknown name or an unusable file.
    """
    if name in _REGISTRY:
        return _REGISTRY[name]()
    if name.endswith((".txt", ".json")):
        return read_prompts(Path(name))
    raise TrainingError(
        f"there is no prompt set {name!r}",
        f"Choose one of {', '.join(_REGISTRY)}, or give a .txt or .json file.",
    )


def read_prompts(path: Path) -> PromptSet:
    """Read prompts from a file: one a line (blank lines skipped), or a JSON list of strings.

    Raises TrainingError when the file is unreadable, empty, not a list, or repeats a prompt.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError(
            f"cannot read prompts from {path}: {error}", "Give a readable UTF-8 text file."
        ) from error
    if path.suffix == ".json":
        try:
            found = json.loads(text)
        except json.JSONDecodeError as error:
            raise TrainingError(
                f"{path} is not JSON: {error}", 'Write a list such as ["a pig", "a lion"].'
            ) from error
        if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
            raise TrainingError(
                f"{path} is not a list of prompts", 'Write a list such as ["a pig", "a lion"].'
            )
        lines = found
    else:
        lines = text.splitlines()
    prompts = [" ".join(line.split()) for line in lines if line.strip()]
    if not prompts:
        raise TrainingError(f"{path} has no prompts", "Write one prompt a line.")
    first: dict[str, int] = {}
    for number, prompt in enumerate(prompts, 1):
        if prompt in first:
            raise TrainingError(
                f"{path}: prompt {number} repeats prompt {first[prompt]}: {prompt!r}",
                "Remove the duplicate.",
            )
        first[prompt] = number
    return PromptSet(path.stem, tuple(prompts), tuple(range(len(prompts))), ())
