"""Before a prompt is sent: which of its words the checkpoint never saw, and what to say instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.props import StringProperty

from ..checkpoints.prompt_search import familiarity
from ..process.session import redraw
from ..ui.status_text import draw_text

if TYPE_CHECKING:
    from bpy.types import Context


def draw_unknown(layout: bpy.types.UILayout, context: Context, prompt: str) -> bool:
    """Say which words of the prompt are unknown, with known prompts to use instead.

    Returns:
        Whether there was anything to say.
    """
    about = familiarity(context, prompt)
    if about is None or not about.note:
        return False
    box = layout.box()
    width = context.region.width
    if about.unknown_words:
        words = ", ".join(f"“{word}”" for word in about.unknown_words[:4])
        draw_text(box, iface_("{words}: never seen, ignored").format(words=words), width, "INFO")
    else:
        draw_text(box, iface_("Names nothing that this checkpoint knows"), width, "INFO")
    alike = {word: close for word, close in about.suggestions.items() if close}
    for word, close in list(alike.items())[:3]:
        instead = _with_word(prompt, word, close[0])
        if instead != prompt:
            button = box.operator("att3d.set_prompt", text=instead, icon="FORWARD", translate=False)
            button.prompt = instead
    if not alike:
        for nearest in about.nearest:
            button = box.operator("att3d.set_prompt", text=nearest, icon="FORWARD", translate=False)
            button.prompt = nearest
    return True


def _with_word(prompt: str, word: str, other: str) -> str:
    """The prompt with one word in place of another, whatever its case."""
    split = prompt.split()
    return " ".join(
        other if part.strip(".,;:!?").casefold() == word.casefold() else part for part in split
    )


class ATT3D_OT_set_prompt(bpy.types.Operator):
    """Put this prompt into the panel"""

    bl_idname = "att3d.set_prompt"
    bl_label = "Set Prompt"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO", "INTERNAL"}

    prompt: StringProperty(name="Prompt", description="What to make, in a few words")

    def execute(self, context: Context) -> set[str]:
        context.scene.att3d.fill_in({"prompt": self.prompt})
        redraw()
        return {"FINISHED"}


CLASSES = (ATT3D_OT_set_prompt,)
