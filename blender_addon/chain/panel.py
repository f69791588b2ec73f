"""The chain editor in the "ATT3D" tab: list, Animate, live slider."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import bpy
from bpy.app.translations import pgettext_iface as iface_

from ...backend.prompts.mixes import mix_name
from ...backend.protocol.errors import Att3dError
from ..checkpoints.automatic import draw_answering
from ..checkpoints.prompt_search import example_chain, familiarity
from ..generate.suggestions import draw_unknown
from ..process.session import session
from ..process.status_panel import stage_text
from ..scene.animation import chain_of
from ..scene.shape_keys import PATH, TEXTURE, TEXTURE_PATH
from ..ui.preferences import preferences
from ..ui.status_text import draw_text, duration_text, range_text
from .estimate import Experience, remaining_seconds
from .live import live
from .place import place_of
from .settings import KEY_OPTIONS

if TYPE_CHECKING:
    from bpy.types import Context

NARROW, WIDE = 220, 360
"""Pixels before Blender's own scale: a sidebar below the first gives frames more of a row; from the
second on the buttons stand beside the list, and below it else, where prompts want all its width."""


def is_below(context: Context, pixels: int) -> bool:
    """Whether the sidebar is narrower than this, before Blender's own scale."""
    return context.region.width < pixels * bpy.context.preferences.system.ui_scale


class ATT3D_UL_chain(bpy.types.UIList):
    """A prompt a row, with its frame. A click selects a row; the selected row's prompt is a field.

    In a list, Blender opens a field with suggestions at Ctrl-click alone, and such a field takes
    the clicks that would select its row.
    """

    bl_idname = "ATT3D_UL_chain"

    def draw_item(
        self, context, layout, data, item, icon, active_data, active_property, index=0, flt_flag=0
    ) -> None:
        split = layout.split(factor=0.6 if is_below(context, NARROW) else 0.8, align=True)
        examples = example_chain(context)
        example = examples[index] if index < len(examples) else ""
        strange = familiarity(context, item.prompt)
        icon = "QUESTION" if strange is not None and strange.unknown_words else "NONE"
        if index == getattr(active_data, active_property):
            split.prop(item, "prompt", text="", placeholder=example, icon=icon)
        else:
            shown = split.row()
            shown.active = bool(item.prompt)
            shown.label(text=item.prompt or example, icon=icon, translate=False)
        split.prop(item, "frame", text="", emboss=False)


class _Tab:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "ATT3D"


class ATT3D_PT_chain(_Tab, bpy.types.Panel):
    """Prompts, and the object that goes through them."""

    bl_label = "Chain"

    def draw(self, context: Context) -> None:
        layout = self.layout
        settings = context.scene.att3d

        below = is_below(context, WIDE)
        row = layout.column(align=True) if below else layout.row()
        row.template_list("ATT3D_UL_chain", "", settings, "chain", settings, "chain_index", rows=3)
        buttons = row.row(align=True) if below else row.column(align=True)
        buttons.operator("att3d.chain_add", text="", icon="ADD")
        buttons.operator("att3d.chain_remove", text="", icon="REMOVE")
        buttons.separator()
        buttons.operator("att3d.chain_move", text="", icon="TRIA_UP").direction = "UP"
        buttons.operator("att3d.chain_move", text="", icon="TRIA_DOWN").direction = "DOWN"
        if not session.busy:
            _draw_hints(layout, context)

        examples = len(example_chain(context))  # an empty row means its example
        prompts = sum(
            bool(row.prompt.strip()) or index < examples for index, row in enumerate(settings.chain)
        )
        experience = Experience.from_json(preferences(context).chain_experience)
        options = settings.chain_options
        action = layout.row(align=True)
        action.scale_y = 1.6
        if session.method == "interpolate":
            action.progress(factor=session.fraction, text=stage_text(session.stage), type="BAR")
            action.operator("att3d.cancel", text="", icon="X")
            unlike = "segments" in session.began
            expected = experience.expected(prompts, options, unlike=unlike)
            left = remaining_seconds(expected, session.began, session.elapsed)
            text = iface_("{duration} left").format(duration=duration_text(left))
            layout.label(text=text, icon="TIME")
        else:
            action.operator("att3d.animate", icon="ANIM").rebuild = False
            if prompts >= 2:
                takes = layout.row()
                takes.active = False
                text = range_text(*experience.range(prompts, options))
                draw_text(takes, text, context.region.width, "TIME")
        layout.operator(
            "att3d.in_between", text="12 in Between", icon="OUTLINER_OB_GROUP_INSTANCE"
        ).count = 12
        said = [row.prompt for row in settings.chain if row.prompt.strip()]
        draw_answering(layout, context, said)

        if chain_of(context.active_object) is not None:
            _draw_object(layout, context)


def _draw_hints(layout: bpy.types.UILayout, context: Context) -> None:
    """What the selected row has that the model does not know, else what the first such row has."""
    settings = context.scene.att3d
    rows = list(settings.chain)
    order = sorted(range(len(rows)), key=lambda index: index != settings.chain_index)
    for index in order:
        if draw_unknown(layout, context, rows[index].prompt, index):
            return


def _draw_object(layout: bpy.types.UILayout, context: Context) -> None:
    """What can be done with the active object, which was made from a chain."""
    ob = context.active_object
    box = layout.box()
    draw_text(box, ob.name, context.region.width, "OUTLINER_OB_MESH")
    box.prop(ob, PATH, text="Interpolation", slider=True)
    if TEXTURE in ob:
        box.prop(ob, TEXTURE_PATH, text="Texture", slider=True)
    row = box.row(align=True)
    row.operator("att3d.chain_load", icon="IMPORT")
    row.operator("att3d.animate", text="Rebuild", icon="FILE_REFRESH").rebuild = True


class ATT3D_PT_chain_options(_Tab, bpy.types.Panel):
    """How the animated object is made; the mesh settings above count too."""

    bl_label = "Keys"
    bl_parent_id = "ATT3D_PT_chain"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = context.scene.att3d
        for option in KEY_OPTIONS:
            layout.prop(settings, f"chain_{option.name}")


class ATT3D_PT_slider(_Tab, bpy.types.Panel):
    """The true object between the prompts, while a slider is dragged."""

    bl_label = "Live Slider"
    bl_parent_id = "ATT3D_PT_chain"

    def draw(self, context: Context) -> None:
        layout = self.layout
        settings = context.scene.att3d
        if not live.running:
            layout.operator("att3d.slider_start", icon="PLAY")
            return
        column = layout.column(align=True)
        slider = column.row(align=True)
        slider.scale_y = 1.3
        if settings.pad:
            slider.label(text="The pad is below", icon="MESH_CIRCLE")
        else:
            slider.prop(settings, "blend", slider=True)
        slider.operator("att3d.slider_stop", text="", icon="X")
        if session.busy and session.method == "generate":
            column.progress(factor=session.fraction, text=stage_text(session.stage), type="BAR")
        else:
            column.operator("att3d.slider_keep", icon="CHECKMARK")
        draw_text(layout, place_text(context.scene), context.region.width, "ARROW_LEFTRIGHT")
        if live.empty:
            layout.label(text="There is no surface here", icon="INFO")
        row = layout.row()
        row.prop(settings, "preview_resolution")
        if live.rate is not None:
            row.active = True
            row.label(text=f"{live.rate:.0f} / s", translate=False)


def place_text(scene: bpy.types.Scene) -> str:
    """Where the slider is: "30% oak chair, 70% stone throne"."""
    try:
        prompts, place = place_of(scene)
    except Att3dError:
        return ""
    if "weights" in place:
        return mix_name(prompts, place["weights"])
    first = min(int(place["alpha"]), len(prompts) - 2)
    share = place["alpha"] - first
    return mix_name(prompts[first : first + 2], [1.0 - share, share])


CLASSES = (
    ATT3D_UL_chain,
    ATT3D_PT_chain,
    ATT3D_PT_chain_options,
    ATT3D_PT_slider,
)
