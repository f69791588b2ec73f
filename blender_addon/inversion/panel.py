"""The panel of one's own objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import bpy
from bpy.app.translations import pgettext_iface as iface_

from ..process.session import session
from ..process.status_panel import stage_text

if TYPE_CHECKING:
    from bpy.types import Context


class ATT3D_PT_inversion(bpy.types.Panel):
    """Objects of one's own that stand in prompts by their names."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "ATT3D"
    bl_label = "Own Objects"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        layout, settings = self.layout, context.scene.att3d
        for model in settings.inverted:
            entry = layout.column(align=True)
            row = entry.row(align=True)
            row.label(text=model.name, icon="MESH_DATA", translate=False)
            row.operator("att3d.generate", text="", icon="ADD").prompt = model.name
            row.operator("att3d.chain_add", text="", icon="ANIM").prompt = model.name
            row.operator("att3d.inverted_forget", text="", icon="X").model_name = model.name
            about = entry.row()
            about.active = False
            text = iface_("{psnr} dB, overlap {iou}%")
            text = text.format(psnr=f"{model.psnr:.1f}", iou=f"{100 * model.iou:.0f}")
            about.label(text=text, icon="BLANK1", translate=False)
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        active = context.active_object
        named = active.name if active is not None else ""
        column.prop(settings, "inversion_name", placeholder=named)
        row = column.row(heading="Set Turn")
        row.prop(settings, "inversion_turned", text="")
        turn = row.row()
        turn.active = settings.inversion_turned
        turn.prop(settings, "inversion_turn", text="")
        if session.method == "invert":
            row = layout.row(align=True)
            row.progress(factor=session.fraction, text=stage_text(session.stage), type="BAR")
            row.operator("att3d.cancel", text="", icon="X")
        else:
            layout.operator("att3d.invert", icon="EYEDROPPER")


CLASSES = (ATT3D_PT_inversion,)
