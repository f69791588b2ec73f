"""Building a toy: what a prompt says becomes a table of primitives."""

from __future__ import annotations

from collections.abc import Sequence

from backend.protocol.errors import TrainingError

from ..prompts.families import FamilySpec
from ..prompts.specs import MATERIAL_THEMES, CharacterSpec, Spec, caption
from .activities import ACTIVITY_PARTS
from .animals import ANIMAL_PARTS
from .clothing import THEME_PARTS
from .families import FAMILY_PARTS
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


def build(spec: Spec) -> Asset:
    """The toy of a specification; the same one every time."""
    if isinstance(spec, FamilySpec):
        return build_mix([spec], [1.0])
    figure = assemble(spec)
    finish = FINISH_OF_THEME.get(spec.theme, "plain") if spec.theme else "plain"
    return pack(figure.solids, figure.paints, finish)


def build_mix(specs: Sequence[Spec], shares: Sequence[float]) -> Asset:
    """The toy between stages of one family: its parameters are their mean weighted by ``shares``,
    which are not negative and sum to one.

    Raises TrainingError if the specifications are not of one family.
    """
    stages = [spec for spec in specs if isinstance(spec, FamilySpec)]
    families = {spec.family for spec in stages}
    if len(stages) < len(specs) or len(families) != 1:
        said = ", ".join(repr(caption(spec)) for spec in specs)
        raise TrainingError(
            f"there is no true toy between {said}",
            "choose --interpolation.kind loss or bernoulli, or prompts of one family",
        )
    family = FAMILY_PARTS[families.pop()]
    figure = family.figure([spec.stage for spec in stages], shares)
    return pack(figure.solids, figure.paints)
