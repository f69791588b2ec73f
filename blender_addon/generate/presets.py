"""Sets of mesh options by name: ours, and those that a person keeps with Blender's presets."""

# bpy has no type stubs.
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportMissingImports=false

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import bpy
from bl_operators.presets import AddPresetBase
from bpy.props import EnumProperty

from .properties import FACES, RESOLUTION, TEXTURE_SIZE
from .request import MESH_OPTIONS

if TYPE_CHECKING:
    from bpy.types import Context

PRESETS: dict[str, tuple[str, str, tuple[int, int, int, bool]]] = {
    "STANDARD": (
        "Standard",
        "What the extension begins with: 8,000 faces, a 1024 texture",
        (FACES, TEXTURE_SIZE, RESOLUTION, False),
    ),
    "DRAFT": ("Draft", "To look at many ideas quickly", (1500, 512, 96, False)),
    "GAME": (
        "Game Asset",
        "Few faces, with a normal map for the fine shape",
        (2000, 1024, 128, True),
    ),
    "DETAILED": (
        "Detailed",
        "For close views; takes several times longer",
        (20_000, 2048, 192, True),
    ),
}
"""Label, tooltip, and values in the order of MESH_OPTIONS."""


class ATT3D_OT_mesh_preset(bpy.types.Operator):
    """Use one of the extension's sets of mesh options"""

    bl_idname = "att3d.mesh_preset"
    bl_label = "Mesh Preset"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    preset: EnumProperty(
        name="Preset",
        description="Which options to use",
        items=[(key, label, tip) for key, (label, tip, _) in PRESETS.items()],
    )

    @classmethod
    def description(cls, context: Context, operator: ATT3D_OT_mesh_preset) -> str:
        return bpy.app.translations.pgettext_tip(PRESETS[operator.preset][1])

    def execute(self, context: Context) -> set[str]:
        settings = context.scene.att3d
        for name, value in zip(MESH_OPTIONS, _values(self.preset), strict=True):
            setattr(settings, name, value)
        return {"FINISHED"}


class ATT3D_MT_mesh_presets(bpy.types.Menu):
    """The extension's sets of mesh options, then the person's own."""

    bl_idname = "ATT3D_MT_mesh_presets"
    bl_label = "Presets"
    preset_subdir = "att3d/mesh"
    preset_operator = "script.execute_preset"

    def draw(self, context: Context) -> None:
        layout = self.layout
        current = tuple(getattr(context.scene.att3d, name) for name in MESH_OPTIONS)
        for key, (label, _, values) in PRESETS.items():
            icon = "CHECKMARK" if values == current else "BLANK1"
            layout.operator("att3d.mesh_preset", text=label, icon=icon).preset = key
        if any(bpy.utils.preset_paths(self.preset_subdir)):
            layout.separator()
            bpy.types.Menu.draw_preset(self, context)


class ATT3D_OT_mesh_preset_add(AddPresetBase, bpy.types.Operator):
    """Keep the mesh options under a name, or remove the preset that was used last"""

    bl_idname = "att3d.mesh_preset_add"
    bl_label = "Add Mesh Preset"
    preset_menu = "ATT3D_MT_mesh_presets"
    preset_subdir = "att3d/mesh"
    preset_defines: ClassVar[list[str]] = ["settings = bpy.context.scene.att3d"]
    preset_values: ClassVar[list[str]] = [f"settings.{name}" for name in MESH_OPTIONS]


def _values(preset: str) -> tuple[int, int, int, bool]:
    return PRESETS[preset][2]


CLASSES = (ATT3D_OT_mesh_preset, ATT3D_MT_mesh_presets, ATT3D_OT_mesh_preset_add)
