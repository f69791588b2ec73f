"""From what a prompt says to a table of primitives."""

from __future__ import annotations

from ..prompts.specs import MATERIAL_THEMES, CharacterSpec
from .activities import ACTIVITY_PARTS
from .animals import ANIMAL_PARTS
from .clothing import THEME_PARTS
from .figure import STANDING, Figure, Outfit, add_body
from .hats import HAT_PARTS
from .table import Asset, pack

FINISH_OF_THEME: dict[str, str] = dict(zip(MATERIAL_THEMES, ("gold", "wood"), strict=True))


def assemble(spec: CharacterSpec) -> Figure:
    """All primitives of a toy."""
    pose, add_item = ACTIVITY_PARTS[spec.activity] if spec.activity else (STANDING, None)
    figure = Figure(pose)
    colors = ANIMAL_PARTS[spec.animal](figure)
    dress = THEME_PARTS.get(spec.theme) if spec.theme else None
    outfit = dress(figure) if dress else Outfit()
    add_body(figure, colors, outfit)
    if add_item:
        add_item(figure)
    if spec.hat:
        HAT_PARTS[spec.hat](figure)
    return figure


def build(spec: CharacterSpec) -> Asset:
    """The toy of a specification; the same one every time."""
    figure = assemble(spec)
    finish = FINISH_OF_THEME.get(spec.theme, "plain") if spec.theme else "plain"
    return pack(figure.solids, figure.paints, finish)
