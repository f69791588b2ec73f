"""The "ATT3D" tab in the 3D viewport's sidebar."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import bpy
from bpy.app.translations import pgettext_iface as iface_

from ...backend.protocol.errors import BadPrompt
from ..checkpoints import catalog
from ..checkpoints.automatic import draw_answering
from ..checkpoints.conditions import draw_sliders
from ..checkpoints.prompt_search import example_prompt, familiarity
from ..process.backend_state import State
from ..process.launch import carries_backend
from ..process.session import session
from ..process.status_panel import draw_backend, draw_status, stage_text
from ..scene import provenance
from ..setup.panel import draw_hung, draw_mends, draw_progress, draw_set_up
from ..ui.help import draw_manual
from ..ui.preferences import preferences
from ..ui.status_text import draw_problem, draw_text
from .queue import draw_queue
from .result_operator import MESH_OPTIONS
from .suggestions import draw_unknown

if TYPE_CHECKING:
    from bpy.types import Context


class _Tab:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "ATT3D"


class ATT3D_PT_create(_Tab, bpy.types.Panel):
    """Prompt, button, and how it is going."""

    bl_label = "Text to 3D"
    draw_header_preset = draw_manual

    def draw(self, context: Context) -> None:
        layout = self.layout
        settings = context.scene.att3d
        width = context.region.width

        column = layout.column(align=True)
        field = column.row(align=True)
        field.scale_y = 1.3
        field.prop(settings, "prompt", text="", placeholder=example_prompt(context))
        field.operator("att3d.suggest", text="", icon="LIGHT")
        action = column.row(align=True)
        action.scale_y = 1.6
        if session.busy:
            action.progress(factor=session.fraction, text=stage_text(session.stage), type="BAR")
            action.operator("att3d.cancel", text="", icon="X")
            action.operator("att3d.queue_add", text="", icon="ADD")
        else:
            action.operator("att3d.generate", icon="SHADERFX")
        draw_queue(layout)

        unknown = not session.busy and draw_unknown(layout, context, settings.prompt)
        layout.prop(settings, "checkpoint_choice", text="")
        draw_answering(layout, context, [settings.prompt])
        draw_sliders(layout, settings)
        chosen = preferences(context)
        state, problem = session.state, chosen.problem
        if unknown and isinstance(problem, BadPrompt):
            problem = None  # it is said above, with what helps
        else:
            draw_status(layout, width, catalog.name_of)
        if state is State.READY:
            draw_backend(layout, width)
        if state is State.SETTING_UP:
            draw_progress(layout)
        elif state is State.HUNG:
            draw_hung(layout, width)
        elif chosen.missing is not None and not session.busy:
            named = chosen.backend_python or chosen.backend_command or carries_backend()
            if problem is not None and (named or session.error is not None):
                draw_problem(layout, problem, width)
                draw_mends(layout, state, session.error, set_up=False)
            draw_set_up(layout, chosen.setup, width)
            another = "Another Python or Computer"
            layout.operator("att3d.open_preferences", text=another, icon="PREFERENCES")
        elif problem is not None and not session.busy:
            draw_problem(layout, problem, width)
            draw_mends(layout, state, problem)
        elif not session.busy:
            about = familiarity(context, settings.prompt) if unknown else None
            notes = [note for note in session.notes if about is None or note != about.note]
            box = layout.box() if notes else layout
            for note in notes:
                draw_text(box, note, width, "INFO")


class ATT3D_PT_mesh(_Tab, bpy.types.Panel):
    """How the object is made."""

    bl_label = "Mesh"
    bl_parent_id = "ATT3D_PT_create"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = context.scene.att3d
        presets = layout.row(align=True)
        presets.menu("ATT3D_MT_mesh_presets")
        presets.operator("att3d.mesh_preset_add", text="", icon="ADD")
        remove = presets.operator("att3d.mesh_preset_add", text="", icon="REMOVE")
        remove.remove_active = True
        column = layout.column()
        for option in MESH_OPTIONS:
            column.prop(settings, option.name)


class ATT3D_PT_place(_Tab, bpy.types.Panel):
    """Where new objects stand, and how tall they are."""

    bl_label = "Place"
    bl_parent_id = "ATT3D_PT_create"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = context.scene.att3d
        layout.prop(settings, "place", text="At")
        height = layout.row()
        height.active = settings.height > 0
        height.prop(settings, "height")
        layout.prop(settings, "frame_new", text="Frame")


class ATT3D_PT_object(_Tab, bpy.types.Panel):
    """Where the active object came from."""

    bl_label = "Active Object"
    bl_parent_id = "ATT3D_PT_create"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        return provenance.is_made(context.active_object)

    def draw(self, context: Context) -> None:
        layout = self.layout
        ob = context.active_object
        prompt = provenance.prompt_of(ob)  # None: made of several
        title = f"“{prompt}”" if prompt is not None else ob.name
        draw_text(layout, title, context.region.width, "OUTLINER_DATA_FONT")
        faces = len(ob.data.polygons) if ob.type == "MESH" else 0
        column = layout.column(align=True)
        column.active = False
        text = iface_("{count} faces").format(count=f"{faces:,}")
        column.label(text=text, icon="MESH_DATA", translate=False)
        checkpoint = f"{ob.get(provenance.CHECKPOINT, '')}"
        column.label(text=checkpoint, icon="FILE_3D", translate=False)
        if prompt is not None:
            row = layout.row(align=True)
            row.operator("att3d.regenerate", icon="FILE_REFRESH")
            row.menu("ATT3D_MT_variants", text="Variant", icon="DUPLICATE")
            layout.operator("att3d.use_prompt", icon="EYEDROPPER")
        layout.operator("att3d.mark_asset", icon="ASSET_MANAGER")


CLASSES = (ATT3D_PT_create, ATT3D_PT_mesh, ATT3D_PT_place, ATT3D_PT_object)
