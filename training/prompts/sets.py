"""The paper's compositional prompt sets with their splits (A32), the toybox's, chains, and files.

The pig set's holdout is the i-th activity with the i-th theme, in the printed order. The animal
set's seen prompts are chosen by sums of indices modulo 2 or 8, so that every part, and every pair
of parts, is seen equally often (as nearly as the counts allow). What the bundled checkpoint was
trained on has another order and an "and" before the hat, and names of its own: ``toybox`` and its
parts ``toybox-pig`` and ``toybox-animal``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Literal

from backend.files import check_source
from backend.prompts.normalize import normalize_prompt
from backend.protocol.errors import BadPrompt, TrainingError
from backend.protocol.foreign_text import parse_json, printable

from .families import FAMILIES, chain
from .specs import ACTIVITIES, ANIMALS, HATS, THEMES, CharacterSpec, caption, paper_caption

PAPER_ACTIVITIES = (
    "riding a motorcycle",
    "sitting on a chair",
    "playing the guitar",
    "holding a shovel",
    "holding a blue balloon",
    "holding a book",
    "wielding a katana",
    "riding a bike",
)
"""Activities as printed. The pig list prints "riding a bicycle" first, which its last activity says
again; a later paper's grid of the same set has the motorcycle there."""
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


def _pig(name: str, activities: tuple[str, ...], themes: tuple[str, ...]) -> PromptSet:
    """Unseen: the i-th activity with the i-th theme, as far as there are themes."""
    return _split(
        name,
        {
            f"a pig {activity} {theme}": i != j
            for i, activity in enumerate(activities)
            for j, theme in enumerate(themes)
        },
    )


def _pig64() -> PromptSet:
    """Eight activities and eight themes, the cape among them."""
    return _pig("pig64", PAPER_ACTIVITIES, PIG_THEMES)


def _pig56() -> PromptSet:
    """The list as printed: seven themes, and the bicycle first."""
    activities = ("riding a bicycle", *PAPER_ACTIVITIES[1:])
    return _pig("pig56", activities, tuple(t for t in PIG_THEMES if t != "wearing a cape"))


def _animal_seen(count: int, animal: int, activity: int, theme: int, hat: int) -> bool:
    if count == 2400:
        return True
    if count == 1200:
        return (animal + activity + theme + hat) % 2 == 0
    # One activity for each animal, theme and hat. Multipliers found by search: every part and
    # every pair of parts appears as often as its peers, to within one.
    turn = 4 * animal + animal // 2 + 7 * theme + hat + hat // 2
    return activity == turn % 8


def _animal(
    name: str,
    count: int,
    activities: tuple[str, ...] = PAPER_ACTIVITIES,
    say: Callable[[CharacterSpec], str] = paper_caption,
) -> PromptSet:
    return _split(
        name,
        {
            say(CharacterSpec(animal, activity, theme, hat)): _animal_seen(count, a, b, c, d)
            for (a, animal), (b, activity), (c, theme), (d, hat) in product(
                enumerate(ANIMALS), enumerate(activities), enumerate(ANIMAL_THEMES), enumerate(HATS)
            )
        },
    )


def _compose_seen(count: int, animal: int, look: int, hat: int) -> bool:
    """Which of the 96 are seen, where ``count`` are: every animal, look and hat equally often."""
    if count == 12:  # and no look twice with the same hat
        return look % 2 == animal % 2 and hat == (look + animal // 2) % 4
    if count == 48:
        return (animal + look + hat) % 2 == 0
    return count == 96 or (animal + look + hat) % 4 != 3


def compose96(seen: Literal[12, 48, 72, 96] = 72) -> PromptSet:
    """Standing toys that can be told apart at 32 x 32 pixels: six animals, four looks, four hats.

    As a rule a quarter is unseen: one hat of every animal and look, one look of every animal and
    hat.
    """
    return _split(
        "compose96",
        {
            caption(CharacterSpec(animal, None, look, hat)): _compose_seen(seen, a, b, c)
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


def _toybox_pig() -> PromptSet:
    return _pig("toybox-pig", ACTIVITIES, PIG_THEMES)


def _toybox_animal() -> PromptSet:
    return _animal("toybox-animal", 1200, ACTIVITIES, caption)


def _toybox() -> PromptSet:
    """What the bundled checkpoint learns: pigs, half of the animals, and the plain toys."""
    merged: dict[str, bool] = {}
    for part in (_toybox_pig(), _toybox_animal(), _plain()):
        seen = set(part.seen)
        for index, prompt in enumerate(part.prompts):
            merged.setdefault(prompt, index in seen)
    return _split("toybox", merged)


def _chain(family: str) -> PromptSet:
    """A family's prompts in the order of their chain (A30), all seen."""
    return _split(family, {caption(spec): True for spec in chain(family)})


_REGISTRY: dict[str, Callable[[], PromptSet]] = {
    "pig64": _pig64,
    "pig56": _pig56,
    **{f"animal{count}": partial(_animal, f"animal{count}", count) for count in (300, 1200, 2400)},
    "toybox-pig": _toybox_pig,
    "toybox-animal": _toybox_animal,
    "compose96": compose96,
    "plain": _plain,
    "toybox": _toybox,
    **{family: partial(_chain, family) for family in FAMILIES},
}


def prompt_set_names() -> tuple[str, ...]:
    return tuple(_REGISTRY)


@cache
def _registered(name: str) -> PromptSet:
    return _REGISTRY[name]()


def prompt_set(name: str) -> PromptSet:
    """A prompt set by name, or from a file (see :func:`read_prompts`), all of it seen.

    Raises TrainingError for an unknown name or an unusable file.
    """
    if name in _REGISTRY:
        return _registered(name)
    if name.partition("#")[0].endswith((".txt", ".json")):
        return read_prompts(name)
    raise TrainingError(
        f"there is no prompt set {name!r}",
        f"Choose one of {', '.join(_REGISTRY)}, or give a .txt or .json file.",
    )


def single_prompt(text: str) -> PromptSet:
    """A set of one prompt, for a model of its own (A24).

    Raises BadPrompt for an empty or too long one.
    """
    prompt = normalize_prompt(text)
    return PromptSet(prompt, (prompt,), (0,), ())


def read_prompts(source: Path | str) -> PromptSet:
    """Read prompts from a file: one a line (blank lines skipped), or JSON.

    JSON holds a list of strings, or an object of lists by name, as DreamFusion's gallery is
    published; where there are several, ``FILE.json#NAME`` says which.

    Raises TrainingError when the file is unreadable, empty, not a list, or repeats a prompt.
    """
    name, _, key = str(source).partition("#")
    path = Path(name)
    try:
        text = printable(check_source(path).read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError(
            f"cannot read prompts from {path}: {getattr(error, 'strerror', None) or error}",
            "Give a UTF-8 text file with a prompt a line, or JSON; docs/training.md says where"
            " DreamFusion's lists come from.",
        ) from error
    lines = _from_json(path, text, key) if path.suffix == ".json" else text.splitlines()
    prompts: list[str] = []
    first: dict[str, int] = {}
    for line in filter(str.strip, lines):
        number = len(prompts) + 1
        try:
            prompt = normalize_prompt(line)
        except BadPrompt as error:
            raise TrainingError(
                f"{path}: prompt {number} cannot be used: {error.message}", error.remedy
            ) from error
        if first.setdefault(prompt.casefold(), number) < number:
            raise TrainingError(
                f"{path}: prompt {number} repeats prompt {first[prompt.casefold()]}: {prompt!r}",
                "Remove the duplicate.",
            )
        prompts.append(prompt)
    if not prompts:
        raise TrainingError(f"{path} has no prompts", "Write one prompt a line.")
    return PromptSet(key or path.stem, tuple(prompts), tuple(range(len(prompts))), ())


def _from_json(path: Path, text: str, key: str) -> list[str]:
    """The list in ``text``, or the one called ``key``."""
    try:
        found = parse_json(text)
    except ValueError as error:
        raise TrainingError(
            f"{path} is not JSON: {error}", 'Write a list such as ["a pig", "a lion"].'
        ) from error
    if isinstance(found, dict):
        lists = {name: one for name, one in found.items() if isinstance(one, list)}
        if key in lists:
            found = lists[key]
        elif key or len(lists) > 1:
            raise TrainingError(
                f"{path} has {f'no list {key!r}' if key else 'several lists'},"
                f" but: {', '.join(lists) or 'none'}",
                f"Say which one: {path}#NAME.",
            )
        elif lists:
            (found,) = lists.values()
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise TrainingError(
            f"{path} is not a list of prompts", 'Write a list such as ["a pig", "a lion"].'
        )
    return found
