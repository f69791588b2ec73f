"""The checkpoint that is chosen: its picture, what it knows, and how to get others."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import bpy
from bpy.app.translations import pgettext_iface as iface_

from ..ui.icons import icon_of
from ..ui.preferences import preferences
from ..ui.status_text import draw_text
from . import catalog
from .card import picture_of, read_card
from .prompt_search import chosen, known_by

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bpy.types import Context


class ATT3D_PT_checkpoint(bpy.types.Panel):
    """What the model knows."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "ATT3D"
    bl_label = "Model"
    bl_parent_id = "ATT3D_PT_create"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        layout = self.layout
        settings = context.scene.att3d
        width = context.region.width
        layout.template_icon_view(settings, "checkpoint_choice", show_labels=True, scale=6)
        choice = chosen(context)
        if choice is None:
            draw_text(layout, iface_("Not on this machine"), width, "ERROR")
        else:
            card = read_card(choice.path)
            draw_text(layout, card.name, width, "FILE_3D")
            if card.summary:
                draw_text(layout, card.summary, width, "BLANK1")
            known = known_by(settings.checkpoint, context)
            if known is not None:
                text = iface_("Knows {prompts} prompts and {words} words").format(
                    prompts=f"{len(known.prompts):,}", words=f"{len(known.vocabulary.words):,}"
                )
                draw_text(layout, text, width, "INFO")
                if len(known.prompts) <= catalog.FEW:
                    _draw_prompts(layout, known.prompts)
            if not icon_of(picture_of(choice.path, preferences(context).pictures_path)):
                layout.operator("att3d.checkpoint_picture", icon="IMAGE_DATA")
        row = layout.row(align=True)
        row.operator("att3d.checkpoint_card", icon="TEXT")
        row.operator("att3d.check_checkpoint", icon="CHECKMARK")
        layout.operator("att3d.open_checkpoint", icon="ADD")


def _draw_prompts(layout: bpy.types.UILayout, prompts: Iterable[str]) -> None:
    """Everything that the model makes, where that is little; a click puts it into the field."""
    column = layout.column(align=True)
    for prompt in prompts:
        button = column.operator("att3d.set_prompt", text=prompt, icon="FORWARD", translate=False)
        button.prompt = prompt


CLASSES = (ATT3D_PT_checkpoint,)
