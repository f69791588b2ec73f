"""How surfaces reflect light, from the words of a prompt: one table, kept by hand.

A field has colors; whether something is metal, and how rough it is, only the words say. A word that
says what the object is made of ("made out of gold") holds for all of it, one beside the subject ("a
golden bear wearing a cape") for all but what it wears. One that belongs to what is worn ("wearing a
leather jacket") holds where the object would differ without that part. What is held or ridden
changes the pose, so that the difference is more than the part: its words say nothing. Standard
library only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Finish(NamedTuple):
    """The two values of a metallic-roughness material (glTF, Blender's Principled BSDF)."""

    metallic: float
    """0: no metal, 1: metal."""
    roughness: float
    """0: a mirror, 1: chalk."""


PLAIN = Finish(0.0, 0.6)
"""What no word says anything about."""

FINISHES: Mapping[str, Finish] = {
    # metals
    "gold": Finish(1.0, 0.25),
    "golden": Finish(1.0, 0.25),
    "silver": Finish(1.0, 0.2),
    "bronze": Finish(1.0, 0.35),
    "copper": Finish(1.0, 0.3),
    "brass": Finish(1.0, 0.3),
    "chrome": Finish(1.0, 0.05),
    "iron": Finish(1.0, 0.5),
    "steel": Finish(1.0, 0.3),
    "tin": Finish(1.0, 0.4),
    "metal": Finish(1.0, 0.35),
    "metallic": Finish(1.0, 0.35),
    "armor": Finish(1.0, 0.35),
    "armour": Finish(1.0, 0.35),
    # smooth
    "glass": Finish(0.0, 0.03),
    "crystal": Finish(0.0, 0.05),
    "ice": Finish(0.0, 0.1),
    "porcelain": Finish(0.0, 0.15),
    "ceramic": Finish(0.0, 0.2),
    "marble": Finish(0.0, 0.2),
    "lacquered": Finish(0.0, 0.1),
    "plastic": Finish(0.0, 0.35),
    "balloon": Finish(0.0, 0.2),
    "helmet": Finish(0.0, 0.25),
    "leather": Finish(0.0, 0.4),
    "silk": Finish(0.0, 0.35),
    # rough
    "wood": Finish(0.0, 0.7),
    "wooden": Finish(0.0, 0.7),
    "rubber": Finish(0.0, 0.8),
    "stone": Finish(0.0, 0.85),
    "clay": Finish(0.0, 0.85),
    "paper": Finish(0.0, 0.9),
    "straw": Finish(0.0, 0.9),
    "thatched": Finish(0.0, 0.9),
    "snow": Finish(0.0, 0.9),
    "wool": Finish(0.0, 0.95),
    "knitted": Finish(0.0, 0.95),
    "sweater": Finish(0.0, 0.95),
    "felt": Finish(0.0, 0.95),
    "velvet": Finish(0.0, 0.9),
}
"""The finish of each word; the last of a phrase counts ("leather armor" is metal)."""

MADE = frozenset({"made", "carved", "cast", "built", "sculpted", "forged"})
"""Words that begin a phrase about the whole object."""
WORN = frozenset({"wearing", "with", "in"})
"""Words that begin a phrase about something that the subject has on."""
OTHER = frozenset(
    {"holding", "riding", "playing", "sitting", "wielding", "carrying", "reading", "driving"}
    | {"standing", "on", "beside", "under"}
)
"""Words that begin another phrase."""


@dataclass(frozen=True)
class PartFinish:
    """The finish of a part that the prompt names."""

    finish: Finish
    without: str
    """The prompt without the part."""


def read_finishes(
    prompt: str, heard: Sequence[tuple[str, str]]
) -> tuple[Finish | None, list[PartFinish]]:
    """What the words say of the object's surface.

    Args:
        prompt: What the model is given.
        heard: Its words that have an effect: as written, and in the captions' spelling.

    Returns:
        The finish of the whole object, None if no word tells one; and those of parts.
    """
    known = {written.casefold(): kind for written, kind in heard}
    phrases = _phrases(prompt)
    found = [_finish_of(phrase, known) for phrase in phrases]
    made = [f for f, phrase in zip(found, phrases, strict=True) if phrase[0].casefold() in MADE]
    whole = next((finish for finish in made if finish is not None), None)
    parts = []
    for index in range(1, len(phrases)):
        finish = found[index]
        if whole is None and found[0] is not None and finish is None:
            finish = PLAIN
        if finish is not None and phrases[index][0].casefold() in WORN:
            rest = [word for other in phrases[:index] + phrases[index + 1 :] for word in other]
            parts.append(PartFinish(finish, " ".join(rest)))
    return whole or found[0] if found else None, parts


def _finish_of(phrase: Sequence[str], known: Mapping[str, str]) -> Finish | None:
    """The finish that the last word of a phrase tells that has one."""
    for word in reversed(phrase):
        plain = word.strip(".,;:!?\"'").casefold()
        finish = FINISHES.get(known.get(plain, "")) or (plain in known and FINISHES.get(plain))
        if finish:
            return finish
    return None


def _phrases(prompt: str) -> list[list[str]]:
    """The words of the subject, and of each phrase about it; without the "and" between two."""
    phrases: list[list[str]] = [[]]
    for word in prompt.split():
        begins = word.casefold() in MADE | WORN | OTHER
        if begins and phrases[-1]:
            if phrases[-1][-1].casefold() == "and":
                phrases[-1].pop()
            phrases.append([])
        phrases[-1].append(word)
    return [phrase for phrase in phrases if phrase]
