"""What a toy's prompt says: an animal, what it does, what it is made of or wears, and its hat.

The paper's templates (A32) are "a pig {activity} {theme}" and "{animal} {activity} {theme}
{hat}" (:func:`paper_caption`). The toybox's own captions say "and wearing" before a hat that
follows clothes (:func:`caption`). Absent parts are left out: "a pig wearing a tophat".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from backend.protocol.errors import TrainingError

from .families import FAMILIES, FamilySpec, chain

ANIMALS = (
    "squirrel",
    "raccoon",
    "pig",
    "monkey",
    "robot",
    "lion",
    "rabbit",
    "tiger",
    "orangutan",
    "bear",
)
ACTIVITIES = (
    "riding a motorcycle",
    "riding a bike",
    "sitting on a chair",
    "playing the guitar",
    "holding a shovel",
    "holding a blue balloon",
    "holding a book",
    "wielding a katana",
)
MATERIAL_THEMES = ("made out of gold", "carved out of wood")
THEMES = (
    *MATERIAL_THEMES,
    "wearing a leather jacket",
    "wearing a cape",
    "wearing medieval armor",
    "wearing a suit",
    "wearing a sweater",
    "wearing a backpack",
)
HATS = ("party hat", "sombrero", "helmet", "tophat", "baseball cap")


@dataclass(frozen=True)
class CharacterSpec:
    """One toy. ``None``: it stands, wears nothing, is bareheaded.

    Raises TrainingError for a part that is in none of the lists above.
    """

    animal: str
    activity: str | None = None
    theme: str | None = None
    hat: str | None = None

    def __post_init__(self) -> None:
        for what, value, known in (
            ("animal", self.animal, ANIMALS),
            ("activity", self.activity, (None, *ACTIVITIES)),
            ("theme", self.theme, (None, *THEMES)),
            ("hat", self.hat, (None, *HATS)),
        ):
            if value not in known:
                names = ", ".join(name for name in known if name)
                raise TrainingError(f"the toybox has no {what} {value!r}", f"It has: {names}.")


Spec = CharacterSpec | FamilySpec
"""What a prompt of the toybox says."""


def article(noun: str) -> str:
    """The noun with "a" or "an" before it."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def caption(spec: Spec) -> str:
    """The toybox's prompt for a toy, or a stage's own."""
    if isinstance(spec, FamilySpec):
        return spec.phrases[0]
    return _joined(spec, "and wearing" if spec.theme else "wearing")


def paper_caption(spec: CharacterSpec) -> str:
    """The paper's prompt for a toy: its parts side by side."""
    return _joined(spec, "wearing")


def _joined(spec: CharacterSpec, before_hat: str) -> str:
    words = [article(spec.animal)]
    words += [part for part in (spec.activity, spec.theme) if part]
    if spec.hat:
        words.append(f"{before_hat} {article(spec.hat)}")
    return " ".join(words)


@cache
def _specs_by_caption() -> dict[str, Spec]:
    characters = [
        CharacterSpec(animal, activity, theme, hat)
        for animal in ANIMALS
        for activity in (None, *ACTIVITIES)
        for theme in (None, *THEMES)
        for hat in (None, *HATS)
    ]
    stages = [spec for family in FAMILIES for spec in chain(family)]
    found: dict[str, Spec] = {paper_caption(spec): spec for spec in characters}
    return found | {caption(spec): spec for spec in (*characters, *stages)}


def find_spec(prompt: str) -> Spec | None:
    """The toy that a prompt describes, or None if the toybox has none.

    "Riding a bicycle", as the paper's pig list has it, is riding a bike.
    """
    said = " ".join(prompt.lower().split()).replace("riding a bicycle", "riding a bike")
    return _specs_by_caption().get(said)


def spec_of(prompt: str) -> Spec:
    """The toy that a prompt describes; the inverse of ``caption`` and of ``paper_caption``.

    Raises TrainingError for a prompt that is in no template and no family.
    """
    spec = find_spec(prompt)
    if spec is None:
        raise TrainingError(
            f"the toybox has no toy for {prompt!r}",
            f"Write prompts as in {caption(CharacterSpec('pig', ACTIVITIES[0], THEMES[2]))!r} or"
            f" {caption(chain(FAMILIES[0])[0])!r}.",
        )
    return spec


def character_of(prompt: str) -> CharacterSpec:
    """The character that a prompt describes.

    Raises TrainingError for a prompt of a family, or of nothing that the toybox has.
    """
    spec = spec_of(prompt)
    if not isinstance(spec, CharacterSpec):
        raise TrainingError(
            f"{prompt!r} is a stage of the family {spec.family}, not a character",
            "Use a prompt set of characters here, such as pig64 or toybox.",
        )
    return spec
