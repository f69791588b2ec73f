"""The pop-up that asks for a prompt and generates it, for those who do not open the sidebar."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import bpy
from bpy.props import StringProperty

from ..checkpoints.prompt_search import example_prompt, known_by, search_prompts
from ..process.session import session
from .queue import queue
from .settings import generate_soon, is_quiet, quietly

if TYPE_CHECKING:
    from bpy.types import Context, Event


def _confirmed(asked: AskedPrompt, context: Context) -> None:
    """Enter in the pop-up's field: the prompt goes into the panel and is generated."""
    if asked.prompt.strip() and not is_quiet():
        context.scene.att3d.fill_in({"prompt": asked.prompt})
        generate_soon()


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

    def invoke(self, context: Context, event: Event) -> set[str]:
        if self.prompt or bpy.app.background:
            return self.execute(context)
        settings = context.scene.att3d
        known_by(settings.checkpoint, context)  # read while the pop-up opens
        with quietly():
            context.window_manager.att3d_ask.prompt = settings.prompt
        return bpy.ops.wm.call_panel(name="ATT3D_PT_ask", keep_open=False)

    def execute(self, context: Context) -> set[str]:
        context.scene.att3d.fill_in({"prompt": self.prompt})
        if session.busy:
            queue.add(context)
            return {"FINISHED"}
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
        row.prop(
            context.window_manager.att3d_ask, "prompt", text="", placeholder=example_prompt(context)
        )


CLASSES = (AskedPrompt, ATT3D_OT_ask_prompt, ATT3D_PT_ask)


def register() -> None:
    bpy.types.WindowManager.att3d_ask = bpy.props.PointerProperty(
        type=AskedPrompt, name="ATT3D Prompt", description="What the pop-up asks for"
    )


def unregister() -> None:
    del bpy.types.WindowManager.att3d_ask
