"""What a scene remembers: the prompt and how to make it (``scene.att3d``)."""

# bpy has no type stubs.
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportMissingImports=false

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from ...backend.protocol.errors import CheckpointError
from ..chain.live import prompts_changed
from ..chain.settings import ChainRow
from ..checkpoints import catalog
from ..checkpoints.card import picture_of
from ..export.bake import COLORS
from ..export.formats import FORMATS
from ..process.session import session
from ..ui.icons import icon_of
from ..ui.preferences import preferences
from .prompt_search import search_prompts

if TYPE_CHECKING:
    from bpy.types import Context

FACES = 8000
TEXTURE_SIZE = 1024
RESOLUTION = 128
KEYS = 7
KEYS_DESCRIPTION = (
    "At most this many shape keys from one prompt to the next, both included. Fewer are made where "
    "blending two of them already shows the true object"
)
MEASURE_DESCRIPTION = (
    "Compare every key with the true object and say how far it is off. Takes about a second a key"
)

SPACING = 2.0
SPACING_DESCRIPTION = "Distance between neighbours in the grid. Objects are at most 2 m wide"
COLUMNS_DESCRIPTION = "Objects in each row of the grid; 0: as many as make it square"

EnumItem = tuple[str, str, str, str | int, int]
_items: list[EnumItem] = []
"""Blender keeps no reference to the texts of a dynamic enum; without ours they turn to garbage."""


def _checkpoint_items(settings: Settings, context: Context | None) -> list[EnumItem]:
    """The checkpoints of the extension and of the person's folder, and the one that is chosen."""
    folder = preferences(context).checkpoint_folder_path
    found = catalog.choices(folder)
    items = [
        (choice.identifier, choice.label, choice.description, _icon(choice), _number(choice))
        for choice in found
    ]
    if not found or not found[0].bundled:
        missing = "The extension was built without a checkpoint; choose another"
        items.insert(0, ("NONE", "No checkpoint", missing, "ERROR", 0))
    chosen = settings.checkpoint
    if chosen and catalog.number(chosen) not in {item[4] for item in items}:
        name = Path(chosen).stem
        items.append((chosen, name, chosen, "FILE_3D", catalog.number(chosen)))
    _items[:] = items
    return _items


def _icon(choice: catalog.Choice) -> str | int:
    """The checkpoint's picture, if there is one."""
    return icon_of(picture_of(choice.path, preferences().pictures_path)) or "FILE_3D"


def _number(choice: catalog.Choice) -> int:
    """0 is the default, which is stored as no choice at all."""
    is_default = choice.bundled and choice.identifier == catalog.DEFAULT
    return 0 if is_default else catalog.number(choice.identifier)


def _get_choice(settings: Settings) -> int:
    chosen = settings.checkpoint
    return 0 if chosen == catalog.DEFAULT else catalog.number(chosen)


def _set_choice(settings: Settings, value: int) -> None:
    named = {item[4]: item[0] for item in _checkpoint_items(settings, None)}
    settings.checkpoint = named[value] if value else ""


_quiet = False


@contextmanager
def quietly() -> Iterator[None]:
    """Settings that are changed within start nothing, even from a button in the sidebar."""
    global _quiet
    _quiet = True
    try:
        yield
    finally:
        _quiet = False


def is_quiet() -> bool:
    return _quiet


def _prompt_confirmed(settings: Settings, context: Context) -> None:
    """Enter in the prompt field generates. Scripts that assign the prompt start nothing."""
    region, area = context.region, context.area
    typed = (
        not (bpy.app.background or _quiet)
        and area is not None
        and area.type == "VIEW_3D"
        and region is not None
        and region.type == "UI"
    )
    if not (typed and settings.prompt.strip() and preferences(context).generate_on_enter):
        return
    generate_soon()


def generate_soon() -> None:
    """Generate the scene's prompt, once Blender has closed the text field that it was typed in."""
    if not bpy.app.timers.is_registered(_generate_from_field):
        bpy.app.timers.register(_generate_from_field, first_interval=0.01)


def _generate_from_field() -> float | None:
    if session.busy:  # the next one waits for its turn; by then the field may say something else
        return 0.1
    if bpy.ops.att3d.generate.poll():
        with suppress(RuntimeError):  # the operator has reported it, and the panel shows it
            bpy.ops.att3d.generate("INVOKE_DEFAULT")
    return None


def _checkpoint_changed(settings: Settings, context: Context) -> None:
    """Another checkpoint is chosen: what was wrong with the one before is settled."""
    if isinstance(session.error, CheckpointError):
        session.settle()


def _blend_changed(settings: Settings, context: Context) -> None:
    prompts_changed(settings.id_data)


class Settings(bpy.types.PropertyGroup):
    """The contents of the panels, saved with the .blend."""

    prompt: StringProperty(
        name="Prompt",
        description="What to make, in a few words. Press Enter to generate it",
        update=_prompt_confirmed,
        search=search_prompts,
        search_options={"SUGGESTION"},
    )
    checkpoint: StringProperty(
        name="Checkpoint",
        description=(
            "The trained model: the name of one that comes with the extension, or the path of "
            "another. Empty: the default"
        ),
        update=_checkpoint_changed,
    )
    checkpoint_choice: EnumProperty(
        name="Checkpoint",
        description="The trained model that turns the prompt into an object",
        items=_checkpoint_items,
        get=_get_choice,
        set=_set_choice,
    )
    faces: IntProperty(
        name="Faces",
        description="At most this many triangles",
        default=FACES,
        min=100,
        max=200_000,
        soft_min=500,
        soft_max=40_000,
        step=500,
    )
    texture_size: IntProperty(
        name="Texture Size",
        description="Width and height of the color texture, in pixels",
        default=TEXTURE_SIZE,
        min=64,
        max=8192,
        soft_max=4096,
        subtype="PIXEL",
    )
    resolution: IntProperty(
        name="Detail",
        description=(
            "How finely the shape is sampled, in steps along each side. "
            "Higher finds thinner parts and takes longer"
        ),
        default=RESOLUTION,
        min=32,
        max=512,
        soft_min=48,
        soft_max=256,
    )
    normal_map: BoolProperty(
        name="Normal Map",
        description="Also bake the fine shape that the faces cannot hold, as a normal map",
        default=False,
    )
    chain: CollectionProperty(
        type=ChainRow,
        name="Chain",
        description="Prompts that the object goes through, each at its frame",
    )
    chain_index: IntProperty(
        name="Selected Prompt",
        description="Which row of the chain the buttons act on",
        options=set(),
    )
    chain_keys: IntProperty(
        name="Keys",
        description=KEYS_DESCRIPTION,
        default=KEYS,
        min=2,
        max=9,
    )
    chain_quality: BoolProperty(
        name="Measure",
        description=MEASURE_DESCRIPTION,
        default=False,
    )
    blend: FloatProperty(
        name="Blend",
        description=(
            "From the first prompt of the chain to the last. While the slider is live, the true "
            "object at this place is shown"
        ),
        default=0.0,
        min=0.0,
        max=1.0,
        precision=3,
        subtype="FACTOR",
        options=set(),
        update=_blend_changed,
    )
    preview_resolution: IntProperty(
        name="Preview Detail",
        description=(
            "How finely the live object is sampled, in steps along each side. Lower is quicker"
        ),
        default=40,
        min=24,
        max=96,
        update=_blend_changed,
    )
    export_format: EnumProperty(
        name="Format",
        description="What the animated object is exported to",
        items=[(known.identifier, known.label, known.description) for known in FORMATS],
    )
    export_colors: EnumProperty(
        name="Colors",
        description="What becomes of the changing colors in the export",
        items=COLORS,
        default="NOW",
    )
    export_value: FloatProperty(
        name="Interpolation",
        description="Where the colors of the export are taken from: 0 is the first prompt",
        default=0.0,
        min=0.0,
        soft_max=15.0,
    )
    batch_text: PointerProperty(
        type=bpy.types.Text,
        name="List of Prompts",
        description="A text with one prompt on each line; lines that begin with # are left out",
    )
    batch_columns: IntProperty(
        name="Columns", description=COLUMNS_DESCRIPTION, default=0, min=0, soft_max=20
    )
    batch_spacing: FloatProperty(
        name="Spacing",
        description=SPACING_DESCRIPTION,
        default=SPACING,
        min=0.01,
        soft_min=0.5,
        soft_max=5.0,
        subtype="DISTANCE",
    )
    place: EnumProperty(
        name="Place At",
        description="Where new objects stand",
        items=[
            ("FREE", "First Free Spot", "At the world origin, or to the right of what is there"),
            ("ORIGIN", "World Origin", "In the middle of the scene, whatever is there"),
            ("CURSOR", "3D Cursor", "At the 3D cursor"),
        ],
        default="FREE",
    )
