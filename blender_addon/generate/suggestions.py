"""Hints below the prompt: which words the checkpoint never saw, and what to say instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_tip as tip_
from bpy.props import IntProperty, StringProperty

from ...backend.protocol.errors import BadPrompt
from ..checkpoints.inverted import is_own
from ..checkpoints.prompt_search import known_by, others_that_know
from ..process.session import redraw, session
from ..ui.status_text import draw_text

if TYPE_CHECKING:
    from bpy.types import Context


def draw_unknown(layout: bpy.types.UILayout, context: Context, prompt: str, row: int = -1) -> bool:
    """Say which words of the prompt are unknown, with known prompts to use instead.

    Args:
        layout: to draw in.
        context: of Blender.
        prompt: that is judged.
        row: of the chain that has it; -1: the prompt field.

    Returns:
        Whether there was anything to say.
    """
    checkpoint = context.scene.att3d.checkpoint
    if not prompt.strip() or is_own(context.scene, prompt):
        return False
    known = known_by(checkpoint, context, prompt=prompt)
    if known is None:
        return False
    about = known.familiarity(prompt)
    named = known.knows_subject(prompt)
    if named and not about.note:
        return False
    box = layout.box()
    width = context.region.width
    words = ", ".join(f"“{word}”" for word in about.unknown_words[:4])
    for word, as_known in about.heard_as.items():
        text = iface_("{word}: heard as {known}")
        said = text.format(word=f"“{word}”", known=f"“{as_known}”")
        draw_text(box, said, width, "INFO")
    if named and not words:
        if not about.heard_as:
            draw_text(box, about.note, width, "INFO")
        return True
    if not words:
        draw_text(box, iface_("Names nothing that this model knows"), width, "INFO")
    elif named:
        draw_text(box, iface_("{words}: never seen, ignored").format(words=words), width, "INFO")
    else:
        text = iface_("This model knows nothing called {words}").format(words=words)
        draw_text(box, text, width, "INFO")
    if not named:
        for choice in others_that_know(context, prompt)[:2]:
            text = iface_("Use {checkpoint}").format(checkpoint=choice.label)
            button = box.operator(
                "att3d.use_checkpoint", text=text, icon="FILE_3D", translate=False
            )
            button.checkpoint = choice.identifier
    alike = known.spelled_alike(prompt)
    offered = [alike] if alike is not None else about.nearest
    for other in offered or [found.prompt for found in known.suggest("", 3)]:
        button = box.operator("att3d.set_prompt", text=other, icon="FORWARD", translate=False)
        button.prompt, button.row = other, row
    return True


def refuse_unknown(context: Context, prompt: str, checkpoint: str) -> None:
    """Raise BadPrompt for a prompt about a thing that the checkpoint does not know.

    The model would answer all the same, with some object under the prompt's name.
    """
    if is_own(context.scene, prompt):
        return
    known = known_by(checkpoint, context, prompt=prompt)
    if known is None or known.knows_subject(prompt):
        return
    unknown = known.familiarity(prompt).unknown_words
    if unknown:
        words = ", ".join(f"“{word}”" for word in unknown[:4])
        raise BadPrompt(
            f"This model knows nothing called {words}.",
            "Choose a prompt that it knows, or a model that knows the word.",
        )


class ATT3D_OT_set_prompt(bpy.types.Operator):
    """Put this prompt into the panel"""

    bl_idname = "att3d.set_prompt"
    bl_label = "Set Prompt"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO", "INTERNAL"}

    prompt: StringProperty(name="Prompt", description="What to make, in a few words")
    row: IntProperty(
        name="Row",
        description="Which row of the chain gets it; -1: the prompt field",
        default=-1,
        min=-1,
        options={"SKIP_SAVE"},
    )

    @classmethod
    def description(cls, context: Context, operator: ATT3D_OT_set_prompt) -> str:
        return tip_("Put this prompt into the panel: “{prompt}”").format(prompt=operator.prompt)

    def execute(self, context: Context) -> set[str]:
        settings = context.scene.att3d
        if self.row < 0:
            settings.fill_in({"prompt": self.prompt})
        elif self.row < len(settings.chain):
            settings.chain[self.row].prompt = self.prompt
        redraw()
        return {"FINISHED"}


class ATT3D_OT_use_checkpoint(bpy.types.Operator):
    """Use this model, which knows what the prompt is about"""

    bl_idname = "att3d.use_checkpoint"
    bl_label = "Use Model"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO", "INTERNAL"}

    checkpoint: StringProperty(
        name="Model", description="Its name, or the path of its file", options={"SKIP_SAVE"}
    )

    def execute(self, context: Context) -> set[str]:
        context.scene.att3d.fill_in({"checkpoint": self.checkpoint})
        session.settle()
        redraw()
        return {"FINISHED"}


CLASSES = (ATT3D_OT_set_prompt, ATT3D_OT_use_checkpoint)
