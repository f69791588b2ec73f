"""Sliders for what the chosen checkpoint amortizes over beside the prompt (A31).

Names and ranges stand in the checkpoint's file, so the sliders are custom properties of
``scene.att3d.condition_values``. They are made when a checkpoint is chosen, and kept when another
is; drawing must not write them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import bpy
from bpy.app.translations import pgettext_tip

from ...backend.protocol.errors import BadRequest
from ..process.session import redraw
from ..ui.preferences import preferences
from . import catalog

if TYPE_CHECKING:
    from .settings import CheckpointSettings


class ConditionValues(bpy.types.PropertyGroup):
    """The sliders' values, as custom properties; part of ``scene.att3d``."""


def conditions_of(checkpoint: str) -> tuple[catalog.Condition, ...]:
    """The conditions of the checkpoint with this identifier; none when it is not there.

    On Automatic there are none: the next prompt may have another checkpoint.
    """
    choice = catalog.find(checkpoint, preferences().checkpoint_folder_path) if checkpoint else None
    return choice.conditions if choice is not None else ()


def slider_values(settings: CheckpointSettings, checkpoint: str) -> dict[str, float]:
    """The sliders' values of the conditions that a checkpoint has; defaults where none was moved.

    Args:
        settings: of the scene.
        checkpoint: its identifier.
    """
    found = {}
    for condition in conditions_of(checkpoint):
        value = settings.condition_values.get(condition.name)
        found[condition.name] = condition.default if value is None else condition.clamp(value)
    return found


def make_sliders(settings: CheckpointSettings, values: Mapping[str, float] | None = None) -> None:
    """Give the chosen checkpoint's conditions their sliders, at ``values`` where there are any."""
    group = settings.condition_values
    moved = slider_values(settings, settings.checkpoint) | dict(values or {})
    for condition in conditions_of(settings.checkpoint):
        group[condition.name] = condition.clamp(moved[condition.name])
        group.id_properties_ui(condition.name).update(
            min=condition.low,
            max=condition.high,
            soft_min=condition.low,
            soft_max=condition.high,
            default=condition.default,
            description=pgettext_tip(
                "The model was trained for values from {low} to {high}"
            ).format(low=f"{condition.low:g}", high=f"{condition.high:g}"),
        )


def draw_sliders(layout: bpy.types.UILayout, settings: CheckpointSettings) -> None:
    """A slider for each condition of the chosen checkpoint; nothing where it has none."""
    found = conditions_of(settings.checkpoint)
    if not found:
        return
    group = settings.condition_values
    column = layout.column(align=True)
    for condition in found:
        if condition.name in group:
            name = bpy.utils.escape_identifier(condition.name)
            column.prop(group, f'["{name}"]', text=condition.label, translate=False, slider=True)
        elif not bpy.app.timers.is_registered(_make_missing):
            bpy.app.timers.register(_make_missing)


def _make_missing() -> None:
    for scene in bpy.data.scenes:
        make_sliders(scene.att3d)
    redraw()


def values_as_text(values: Mapping[str, float]) -> str:
    """Values as operators, objects and the history keep them: JSON, empty when there are none."""
    return json.dumps(values, sort_keys=True, ensure_ascii=False) if values else ""


def values_in_text(text: str) -> dict[str, float]:
    """The values that :func:`values_as_text` wrote, or a person. Raises BadRequest."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        found = None
    if isinstance(found, dict) and all(catalog.is_number(value) for value in found.values()):
        return {name: float(value) for name, value in found.items()}
    raise BadRequest(
        "The conditions are not names with numbers in JSON.",
        "Write one JSON object, or leave them out.",
    )
