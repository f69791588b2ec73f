"""The scene's choice of a checkpoint (``scene.att3d.checkpoint``), and the list that shows it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bpy.props import EnumProperty, PointerProperty, StringProperty

from ...backend.protocol.errors import BadRequest, CheckpointError
from ..process.session import session
from ..ui.icons import icon_of
from ..ui.preferences import preferences
from . import catalog
from .card import picture_of
from .conditions import (
    ConditionValues,
    make_sliders,
    slider_values,
    values_as_text,
    values_in_text,
)

if TYPE_CHECKING:
    from bpy.types import Context

EnumItem = tuple[str, str, str, str | int, int]
_items: list[EnumItem] = []
"""Blender keeps no reference to the texts of a dynamic enum; without ours they turn to garbage."""


def _checkpoint_items(settings: CheckpointSettings, context: Context | None) -> list[EnumItem]:
    """The checkpoints of the extension and of the person's folder, and the one that is chosen."""
    folder = preferences(context).checkpoint_folder_path
    found = catalog.choices(folder)
    items = [
        (
            choice.identifier,
            choice.label,
            choice.description,
            _icon(choice),
            catalog.number(choice.identifier),
        )
        for choice in found
    ]
    if found and found[0].bundled:
        choosing = "The words of the prompt choose the model that knows them best"
        items.insert(0, ("AUTOMATIC", "Automatic", choosing, "VIEWZOOM", 0))
    else:
        missing = "The extension was built without a model; choose another"
        items.insert(0, ("NONE", "No model", missing, "ERROR", 0))
    chosen = settings.checkpoint
    if (number := _get_choice(settings)) not in {item[4] for item in items}:
        items.append((chosen, Path(chosen).stem, chosen, "FILE_3D", number))
    _items[:] = items
    return _items


def _icon(choice: catalog.Choice) -> str | int:
    """The checkpoint's picture, if there is one."""
    return icon_of(picture_of(choice.path, preferences().pictures_path)) or "FILE_3D"


def _get_choice(settings: CheckpointSettings) -> int:
    chosen = settings.checkpoint
    choice = catalog.find(chosen, preferences().checkpoint_folder_path) if chosen else None
    return catalog.number(choice.identifier if choice is not None else chosen)


def _set_choice(settings: CheckpointSettings, value: int) -> None:
    named = {item[4]: item[0] for item in _checkpoint_items(settings, None)}
    settings.checkpoint = named[value] if value else ""


def _checkpoint_changed(settings: CheckpointSettings, context: Context) -> None:
    """Another checkpoint is chosen: what was wrong with the one before is settled."""
    session.notes = ()
    if isinstance(session.error, CheckpointError):
        session.settle()
    make_sliders(settings)


def _get_conditions(settings: CheckpointSettings) -> str:
    return values_as_text(slider_values(settings, settings.checkpoint))


def _set_conditions(settings: CheckpointSettings, text: str) -> None:
    try:
        values = values_in_text(text)
    except BadRequest as error:
        raise ValueError(error.message) from error
    make_sliders(settings, values)


class CheckpointSettings:
    """The checkpoint of a scene; part of ``scene.att3d``."""

    checkpoint: StringProperty(
        name="Model",
        description=(
            "The trained model: its name, as objects made with it carry it, or the path of its "
            "file. Empty: the words of the prompt choose one"
        ),
        update=_checkpoint_changed,
    )
    checkpoint_choice: EnumProperty(
        name="Model",
        description="The trained model (a checkpoint) that turns the prompt into an object",
        items=_checkpoint_items,
        get=_get_choice,
        set=_set_choice,
    )
    condition_values: PointerProperty(
        type=ConditionValues,
        name="Condition Values",
        description="A slider for each condition of the model",
        options={"HIDDEN"},
    )
    conditions: StringProperty(
        name="Conditions",
        description="The sliders' values, as JSON",
        get=_get_conditions,
        set=_set_conditions,
        options={"HIDDEN"},
    )
