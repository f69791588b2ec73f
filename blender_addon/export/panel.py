"""The export of an animated object in the "ATT3D" tab, below the chain."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import bpy

from ..scene.animation import chain_of
from ..scene.shape_keys import place_of_colors
from ..ui.status_text import draw_text
from .bake import Colors
from .formats import FORMATS, losses

if TYPE_CHECKING:
    from bpy.types import Context


class ATT3D_PT_export(bpy.types.Panel):
    """Baking for programs that know neither drivers nor mixed textures."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "ATT3D"
    bl_label = "Bake for Export"
    bl_parent_id = "ATT3D_PT_chain"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        layout = self.layout
        settings = context.scene.att3d
        ob = context.active_object
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(settings, "export_format")
        column.prop(settings, "export_colors")
        if settings.export_colors == "VALUE":
            column.prop(settings, "export_value")
        row = layout.row(align=True)
        for name, text, icon in (
            ("att3d.export_animation", "Export...", "EXPORT"),
            ("att3d.bake_for_export", "Bake a Copy", "KEYFRAME_HLT"),
        ):
            operator = row.operator(name, text=text, icon=icon)
            operator.colors = settings.export_colors
            operator.value = settings.export_value
        if chain_of(ob) is None:
            return
        value = place_of_colors(ob) if settings.export_colors == "NOW" else settings.export_value
        kept = ("SEQUENCE", "VERTEX")
        kind = settings.export_colors if settings.export_colors in kept else "VALUE"
        wanted = next(f for f in FORMATS if f.identifier == settings.export_format)
        box = layout.box()
        box.label(text="Not in the file:")
        for line in losses(wanted, ob, Colors(kind, value)):
            draw_text(box, line, context.region.width, "DOT")


CLASSES = (ATT3D_PT_export,)
