"""The pad's panel: sliders that add up to one, and the path."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import bpy
from bpy.app.translations import pgettext_iface as iface_

from ...backend.protocol.errors import Att3dError
from ..process.session import session
from ..process.status_panel import stage_text
from ..ui.status_text import draw_text
from .live import live
from .place import pad_of

if TYPE_CHECKING:
    from bpy.types import Context


class ATT3D_PT_pad(bpy.types.Panel):
    """Three or four prompts mixed at once, and a path between them."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "ATT3D"
    bl_label = "Pad"
    bl_parent_id = "ATT3D_PT_chain"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw_header(self, context: Context) -> None:
        self.layout.prop(context.scene.att3d, "pad", text="")

    def draw(self, context: Context) -> None:
        layout, settings = self.layout, context.scene.att3d
        layout.active = settings.pad
        try:
            prompts, _ = pad_of(context.scene)
        except Att3dError:
            text = iface_("The pad needs three or four prompts in the list")
            draw_text(layout, text, context.region.width, "INFO")
            return
        column = layout.column(align=True)
        for index, prompt in enumerate(prompts):
            column.prop(settings, "pad_shares", index=index, text=prompt, slider=True)
        if settings.pad:
            if live.running:
                layout.operator("att3d.pad_drag", icon="MESH_CIRCLE")
            else:
                layout.operator("att3d.slider_start", icon="PLAY")
        row = layout.row(align=True)
        row.operator("att3d.pad_stop_add", icon="KEY_HLT")
        row.operator("att3d.pad_clear", text="", icon="X")
        if len(settings.pad_path):
            frames = ", ".join(str(stop.frame) for stop in settings.pad_path)
            text = iface_("At frames {frames}").format(frames=frames)
            draw_text(layout, text, context.region.width, "KEYFRAME")
        if session.method == "interpolate":
            layout.progress(factor=session.fraction, text=stage_text(session.stage), type="BAR")
        else:
            layout.operator("att3d.animate_path", icon="ANIM")


CLASSES = (ATT3D_PT_pad,)
