"""Everything also in Blender's menus, so that F3 finds it and no mouse is needed."""

# bpy has no type stubs.
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportMissingImports=false

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import bpy
from bpy.props import StringProperty

from ..generate import properties
from ..generate.panel import EXAMPLE
from ..generate.prompt_search import known_by, search_prompts
from ..process.session import session

if TYPE_CHECKING:
    from bpy.types import Context, Event


def _confirmed(asked: AskedPrompt, context: Context) -> None:
    """Enter in the pop-up's field: the prompt goes into the panel and is generated."""
    if asked.prompt.strip() and not properties.is_quiet():
        with properties.quietly():
            context.scene.att3d.prompt = asked.prompt
        properties.generate_soon()


class AskedPrompt(bpy.types.PropertyGroup):
    """The field of the pop-up (``window_manager.att3d_ask``); not saved."""

    prompt: StringProperty(
        name="Prompt",
        description="What to make, in a few words. Press Enter to generate it",
        search=search_prompts,
        search_options={"SUGGESTION"},
        update=_confirmed,
        options={"SKIP_SAVE"},
    )


class ATT3D_OT_ask_prompt(bpy.types.Operator):
    """Ask for a prompt, then generate it"""

    bl_idname = "att3d.ask_prompt"
    bl_label = "Text to 3D"

    prompt: StringProperty(
        name="Prompt", description="What to make, in a few words", options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: Context) -> bool:
        if session.busy:
            cls.poll_message_set("Something is being generated. Wait for it, or press ESC")
            return False
        return True

    def invoke(self, context: Context, event: Event) -> set[str]:
        if self.prompt or bpy.app.background:
            return self.execute(context)
        settings = context.scene.att3d
        known_by(settings.checkpoint, context)  # read while the pop-up opens
        with properties.quietly():
            context.window_manager.att3d_ask.prompt = settings.prompt
        return bpy.ops.wm.call_panel(name="ATT3D_PT_ask", keep_open=False)

    def execute(self, context: Context) -> set[str]:
        with properties.quietly():
            context.scene.att3d.prompt = self.prompt
        return bpy.ops.att3d.generate("INVOKE_DEFAULT", prompt=self.prompt)


class ATT3D_PT_ask(bpy.types.Panel):
    """The pop-up of ask_prompt: one field, with the cursor in it."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "HEADER"  # in no sidebar
    bl_label = "Text to 3D"
    bl_options: ClassVar[set[str]] = {"INSTANCED"}
    bl_ui_units_x = 20

    def draw(self, context: Context) -> None:
        row = self.layout.row()
        row.activate_init = True
        row.prop(context.window_manager.att3d_ask, "prompt", text="", placeholder=EXAMPLE)


class ATT3D_MT_add(bpy.types.Menu):
    """What makes new objects; in the viewport's Add menu."""

    bl_idname = "ATT3D_MT_add"
    bl_label = "ATT3D"

    def draw(self, context: Context) -> None:
        layout = self.layout
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator("att3d.ask_prompt", icon="SHADERFX")
        layout.operator("att3d.batch", icon="IMGDISPLAY")
        layout.operator("att3d.animate", icon="ANIM").rebuild = False
        layout.operator("att3d.slider_start", icon="PLAY")
        layout.operator("att3d.history_restore", text="Restore the Last Result", icon="IMPORT")


class ATT3D_MT_object(bpy.types.Menu):
    """What is done with an object of ours; in the viewport's Object menu."""

    bl_idname = "ATT3D_MT_object"
    bl_label = "ATT3D"

    def draw(self, context: Context) -> None:
        layout = self.layout
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator("att3d.regenerate", icon="FILE_REFRESH")
        layout.operator("att3d.variant", icon="DUPLICATE")
        layout.operator("att3d.use_prompt", icon="EYEDROPPER")
        layout.operator("att3d.mark_asset", icon="ASSET_MANAGER")
        layout.separator()
        layout.operator("att3d.chain_load", icon="IMPORT")
        layout.operator("att3d.animate", text="Rebuild", icon="FILE_REFRESH").rebuild = True
        layout.operator("att3d.bake_for_export", icon="ACTION")
        layout.operator("att3d.export_animation", icon="EXPORT")
        layout.separator()
        layout.operator("att3d.history_compare", text="Compare Results", icon="IMAGE_DATA")
        layout.operator("att3d.checkpoint_card", icon="TEXT")
        layout.operator("att3d.open_checkpoint", icon="ADD")
        layout.separator()
        layout.operator("att3d.set_up", icon="IMPORT")
        layout.operator("att3d.restart_backend", icon="FILE_REFRESH")
        layout.operator("att3d.open_preferences", icon="PREFERENCES")


def _in_add(menu: bpy.types.Menu, context: Context) -> None:
    menu.layout.menu("ATT3D_MT_add", icon="SHADERFX")


def _in_object(menu: bpy.types.Menu, context: Context) -> None:
    menu.layout.separator()
    menu.layout.menu("ATT3D_MT_object", icon="SHADERFX")


PLACES = (("VIEW3D_MT_add", _in_add), ("VIEW3D_MT_object", _in_object))


def register() -> None:
    bpy.types.WindowManager.att3d_ask = bpy.props.PointerProperty(
        type=AskedPrompt, name="ATT3D Prompt", description="What the pop-up asks for"
    )
    for name, draw in PLACES:
        getattr(bpy.types, name).append(draw)


def unregister() -> None:
    for name, draw in PLACES:
        getattr(bpy.types, name).remove(draw)
    del bpy.types.WindowManager.att3d_ask


CLASSES = (AskedPrompt, ATT3D_OT_ask_prompt, ATT3D_PT_ask, ATT3D_MT_add, ATT3D_MT_object)
