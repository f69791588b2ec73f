"""Sets of mesh options by name: ours, and those that a person keeps with Blender's presets."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import bpy
from bl_operators.presets import AddPresetBase
from bpy.app.translations import pgettext_tip as tip_
from bpy.props import EnumProperty

from ...backend.protocol.options import MeshOptions
from ...backend.protocol.presets import PRESETS, Preset
from .result_operator import MESH_OPTIONS

if TYPE_CHECKING:
    from bpy.types import Context

DEFAULTS = {option.name: option.default for option in MESH_OPTIONS}


def tip(preset: Preset) -> str:
    """What a preset is for, and what it takes."""
    purpose = tip_(preset.purpose)
    if preset.options == MeshOptions():
        return purpose
    text = tip_("{purpose}. Takes about {times} times Standard's time")
    return text.format(purpose=purpose, times=preset.times)


class ATT3D_OT_mesh_preset(bpy.types.Operator):
    """Use one of the extension's sets of mesh options"""

    bl_idname = "att3d.mesh_preset"
    bl_label = "Mesh Preset"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    preset: EnumProperty(
        name="Preset",
        description="Which options to use",
        items=[(key, preset.label, preset.purpose) for key, preset in PRESETS.items()],
    )

    @classmethod
    def description(cls, context: Context, operator: ATT3D_OT_mesh_preset) -> str:
        return tip(PRESETS[operator.preset])

    def execute(self, context: Context) -> set[str]:
        context.scene.att3d.fill_in(PRESETS[self.preset].values)
        return {"FINISHED"}


class ATT3D_MT_mesh_presets(bpy.types.Menu):
    """The extension's sets of mesh options, then the person's own."""

    bl_idname = "ATT3D_MT_mesh_presets"
    bl_label = "Presets"
    preset_subdir = "att3d/mesh"
    preset_operator = "script.execute_preset"

    def draw(self, context: Context) -> None:
        layout = self.layout
        current = {name: getattr(context.scene.att3d, name) for name in DEFAULTS}
        for key, preset in PRESETS.items():
            icon = "CHECKMARK" if preset.values == current else "BLANK1"
            layout.operator("att3d.mesh_preset", text=preset.label, icon=icon).preset = key
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
    preset_values: ClassVar[list[str]] = [f"settings.{name}" for name in DEFAULTS]


CLASSES = (ATT3D_OT_mesh_preset, ATT3D_MT_mesh_presets, ATT3D_OT_mesh_preset_add)
