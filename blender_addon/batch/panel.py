"""The batch in the "ATT3D" tab."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import bpy
from bpy.app.translations import pgettext_iface as iface_

from ...backend.protocol.errors import Att3dError
from ..checkpoints.prompt_index import PromptIndex
from ..checkpoints.prompt_search import known_by
from ..ui.status_text import draw_text, told
from . import operators
from .prompt_list import parse_prompts

if TYPE_CHECKING:
    from bpy.types import Context

JUDGED = 100
"""Prompts that are looked through for unknown words; the panel is drawn often."""


class ATT3D_PT_batch(bpy.types.Panel):
    """A list of prompts, made one after another."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "ATT3D"
    bl_label = "Batch"
    bl_order = 20
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        layout = self.layout
        settings = context.scene.att3d
        width = context.region.width
        row = layout.row(align=True)
        row.template_ID(settings, "batch_text", new="text.new", open="text.open")
        row.operator("att3d.batch_paste", text="", icon="PASTEDOWN")
        row.operator("att3d.batch_examples", text="", icon="LIGHT")
        if settings.batch_text is not None:
            text = settings.batch_text.as_string()
            one = settings.checkpoint  # on Automatic each prompt may have another
            known = known_by(one, context) if one else None
            for line in summary(text, known):
                draw_text(layout, line, width, "INFO")
        options = layout.column()
        options.use_property_split = True
        options.use_property_decorate = False
        options.prop(settings, "batch_columns")
        options.prop(settings, "batch_spacing")
        action = layout.row(align=True)
        action.scale_y = 1.4
        batch = operators.running
        if batch is None:
            action.operator("att3d.batch", icon="IMGDISPLAY")
            return
        text = iface_("{index} of {count}: {prompt}").format(
            index=min(batch.index + 1, len(batch.prompts)),
            count=len(batch.prompts),
            prompt=batch.prompt,
        )
        action.progress(factor=batch.fraction, text=text, type="BAR")
        action.operator("att3d.cancel", text="", icon="X")


@lru_cache(maxsize=4)
def summary(text: str, known: PromptIndex | None) -> list[str]:
    """What a list holds, in one or two lines."""
    try:
        prompts = parse_prompts(text)
    except Att3dError as error:
        return [told(error)]
    lines = [iface_("{count} prompts").format(count=len(prompts))]
    if known is not None:
        looked = prompts[:JUDGED]
        strange = [word for p in looked for word in known.familiarity(p).unknown_words]
        words = list(dict.fromkeys(strange))
        if words:
            quoted = ", ".join(f"“{word}”" for word in words[:4])
            more = " …" if len(words) > 4 else ""
            lines.append(iface_("{words}: never seen, ignored").format(words=quoted + more))
    return lines


CLASSES = (ATT3D_PT_batch,)
