"""One prompt, one object: ``bpy.ops.att3d.generate``, and the buttons around the prompt field."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, ClassVar

import bpy
from bpy.app.translations import pgettext_rpt as rpt_

from ...backend.protocol.errors import BadPrompt
from ...backend.protocol.messages import InfoParams, InfoResult
from ..checkpoints import catalog
from ..checkpoints.prompt_search import example_prompt
from ..process.operator import BackendOperator
from ..process.reply import Reply
from ..process.session import redraw, session
from ..scene import provenance
from ..scene.build import add_object
from ..scene.viewport_colors import show_texture
from ..ui.preferences import preferences
from ..ui.status_text import made_text
from .last_options import remember_options
from .result_operator import PromptOperator, panel_values
from .suggestions import refuse_unknown

if TYPE_CHECKING:
    from bpy.types import Context, Event


class ATT3D_OT_generate(PromptOperator, bpy.types.Operator):
    """Turn the prompt into a textured object"""

    bl_idname = "att3d.generate"
    bl_label = "Generate"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Generate by hand: an empty field means its example, and unknown things are refused."""
        remember_options(context.scene)
        if not self.properties.is_property_set("prompt"):
            fill_in_example(context)
        self.fill_in(panel_values(context))
        try:
            refuse_unknown(context, self.prompt, self.checkpoint)
        except BadPrompt as error:
            return self._failed(error)
        return super().invoke(context, event)

    def request(self, context: Context) -> Reply:
        self.fill_in(panel_values(context))
        return self.ask_mesh(context, self.prompt)

    def finish(self, context: Context, reply: Reply) -> None:
        made = self.take_mesh(reply)
        scene = self.scene(context)
        ob = add_object(scene, made.arrays, made.origin, scene.att3d.placement)
        session.succeed(made.origin.notes, made.seconds)
        self.report({"INFO"}, made_text(ob, made.seconds))
        self.show(context, ob)
        if preferences(context).show_colors:
            show_texture(context)


def fill_in_example(context: Context) -> None:
    """Put the example that an empty prompt field shows into it."""
    settings = context.scene.att3d
    if not settings.prompt.strip():
        settings.fill_in({"prompt": example_prompt(context)})


class ATT3D_OT_cancel(bpy.types.Operator):
    """Stop generating. The scene stays as it is"""

    bl_idname = "att3d.cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not session.busy:
            cls.poll_message_set("Nothing is being generated")
        return session.busy

    def execute(self, context: Context) -> set[str]:
        session.cancel()
        redraw()
        return {"FINISHED"}


class ATT3D_OT_test_backend(BackendOperator, bpy.types.Operator):
    """Start the engine (the backend process) and ask it what it runs on"""

    bl_idname = "att3d.test_backend"
    bl_label = "Test Engine"

    def request(self, context: Context) -> Reply:
        return session.submit(preferences(context).launch, "info", InfoParams())

    def finish(self, context: Context, reply: Reply) -> None:
        result = reply.result(InfoResult)
        session.succeed()
        where = session.process.device or "loading"
        text = rpt_("The engine works (version {version}, {device})")
        self.report({"INFO"}, text.format(version=result.server, device=where))


class ATT3D_OT_open_log(bpy.types.Operator):
    """Open the engine's log in the system's text viewer"""

    bl_idname = "att3d.open_log"
    bl_label = "Open Log"

    def execute(self, context: Context) -> set[str]:
        log = preferences(context).log_folder_path / "backend.log"
        if not log.is_file():
            text = rpt_("There is no log yet: the engine has not run ({path})")
            self.report({"WARNING"}, text.format(path=log))
            return {"CANCELLED"}
        bpy.ops.wm.path_open(filepath=str(log))
        return {"FINISHED"}


class ATT3D_OT_suggest(bpy.types.Operator):
    """Fill in one of the prompts that this model knows"""

    bl_idname = "att3d.suggest"
    bl_label = "Surprise Me"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: Context) -> set[str]:
        settings = context.scene.att3d
        folder = preferences(context).checkpoint_folder_path
        if settings.checkpoint:
            chosen = catalog.find(settings.checkpoint, folder)
        else:
            chosen = random.choice(catalog.choices(folder) or [None])
        prompts = [] if chosen is None else chosen.prompts
        if not prompts:
            self.report({"WARNING"}, "This model does not say which prompts it knows")
            return {"CANCELLED"}
        settings.fill_in({"prompt": random.choice(prompts)})
        return {"FINISHED"}


class ATT3D_OT_use_prompt(bpy.types.Operator):
    """Put the prompt and mesh settings of the active object into the panel"""

    bl_idname = "att3d.use_prompt"
    bl_label = "Use This Prompt"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if provenance.prompt_of(context.active_object) is None:
            cls.poll_message_set("The active object was not made from a prompt")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        ob = context.active_object
        values = {"prompt": provenance.prompt_of(ob), **provenance.options_of(ob)}
        context.scene.att3d.fill_in(values)
        return {"FINISHED"}


CLASSES = (
    ATT3D_OT_generate,
    ATT3D_OT_cancel,
    ATT3D_OT_test_backend,
    ATT3D_OT_open_log,
    ATT3D_OT_suggest,
    ATT3D_OT_use_prompt,
)
