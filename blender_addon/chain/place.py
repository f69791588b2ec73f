"""Where the live object is between the prompts of the list: on the slider, or on the pad."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...backend.protocol.errors import BadRequest
from ...backend.protocol.options import MAX_PROMPTS
from . import pad_shape

if TYPE_CHECKING:
    import bpy


def prompts_of(scene: bpy.types.Scene) -> list[str]:
    """The prompts of the list in the order of their frames; rows without words are left out.

    Raises:
        BadRequest: fewer than two, or more than :data:`MAX_PROMPTS`.
    """
    rows = sorted(scene.att3d.chain, key=lambda row: row.frame)
    prompts = [row.prompt.strip() for row in rows if row.prompt.strip()]
    if len(prompts) < 2:
        raise BadRequest(
            "The slider goes from one prompt to another; the chain has fewer than two.",
            "Add prompts to the list.",
        )
    if len(prompts) > MAX_PROMPTS:
        raise BadRequest(
            f"The chain has {len(prompts)} prompts; at most {MAX_PROMPTS} are possible.",
            "Remove prompts from the list.",
        )
    return prompts


def pad_of(scene: bpy.types.Scene) -> tuple[list[str], list[float]]:
    """The prompts at the pad's corners, and their shares.

    Raises:
        BadRequest: fewer than three prompts, or more than four.
    """
    prompts, settings = prompts_of(scene), scene.att3d
    if len(prompts) not in pad_shape.PROMPTS:
        raise BadRequest(
            f"The pad has three or four prompts, and the chain has {len(prompts)}.",
            "Add prompts to the list or remove some, or switch the pad off.",
        )
    return prompts, pad_shape.normalized(list(settings.pad_shares)[: len(prompts)])


def place_of(scene: bpy.types.Scene) -> tuple[list[str], dict[str, Any]]:
    """The prompts, and the place between them as requests have it: ``alpha``, or the pad's
    ``weights``.

    Raises:
        BadRequest: too few prompts, or too many.
    """
    settings = scene.att3d
    if settings.pad:
        prompts, weights = pad_of(scene)
        return prompts, {"weights": weights}
    prompts = prompts_of(scene)
    return prompts, {"alpha": settings.blend * (len(prompts) - 1)}
