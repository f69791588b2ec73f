"""What a scene remembers: the prompt and how to make it (``scene.att3d``)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty

from . import checkpoints
from .preferences import preferences

if TYPE_CHECKING:
    from bpy.types import Context

FACES = 8000
TEXTURE_SIZE = 1024
RESOLUTION = 128

EnumItem = tuple[str, str, str, str, int]
_items: list[EnumItem] = []
"""Blender keeps no reference to the texts of a dynamic enum; without ours they turn to garbage."""


def _checkpoint_items(owner: object, context: Context | None) -> list[EnumItem]:
    """The choices now: the default, those of the extension, those in the person's folder."""
    del owner
    folder = preferences(context).checkpoint_folder_path if context else ""
    _items[:] = [
        (
            checkpoints.DEFAULT,
            "Default",
            "The checkpoint that comes with the extension",
            "PACKAGE",
            0,
        ),
        *(
            (choice.identifier, choice.label, choice.description, "FILE_3D", choice.number)
            for choice in checkpoints.choices(folder)
        ),
    ]
    return _items


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
    # Not from within the property's own update: Blender is still closing the text field.
    bpy.app.timers.register(_generate_from_field, first_interval=0.01)


def _generate_from_field() -> None:
    if bpy.ops.att3d.generate.poll():
        bpy.ops.att3d.generate("INVOKE_DEFAULT")


class Settings(bpy.types.PropertyGroup):
    """The contents of the panel, saved with the .blend."""

    prompt: StringProperty(
        name="Prompt",
        description="What to make, in a few words. Press Enter to generate it",
        update=_prompt_confirmed,
    )
    checkpoint: EnumProperty(
        name="Checkpoint",
        description="The trained model that turns the prompt into an object",
        items=_checkpoint_items,
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
