"""*Browse* in the "ATT3D" tab: what the model knows, as pictures; a click fills the prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.props import EnumProperty, IntProperty, StringProperty

from ..checkpoints import catalog
from ..checkpoints.automatic import MOST
from ..ui.icons import icon_of
from ..ui.preferences import preferences
from ..ui.status_text import shortened
from .listing import Item, found, listed
from .thumbnails import picture_of, thumbnails

if TYPE_CHECKING:
    from bpy.types import Context

PAGE = 12
"""Pictures shown at a time."""
WIDE = 120
"""Pixels that a picture takes, before Blender's own scale."""
MARGIN = 40
"""Pixels of a button that its text leaves free."""
ALL = "ALL"

EnumItem = tuple[str, str, str]
_items: list[EnumItem] = []
"""Blender keeps no reference to the texts of a dynamic enum; without ours they turn to garbage."""


def choices(context: Context) -> list[catalog.Choice]:
    """The models that are browsed: the chosen one, or on Automatic all."""
    folder = preferences(context).checkpoint_folder_path
    checkpoint = context.scene.att3d.checkpoint
    if not checkpoint:
        return catalog.choices(folder)[:MOST]
    choice = catalog.find(checkpoint, folder)
    return [choice] if choice is not None else []


def _category_items(view: BrowseView, context: Context | None) -> list[EnumItem]:
    names = dict.fromkeys(one.name for one, _ in listed(choices(context or bpy.context)))
    items = [(ALL, iface_("Everything"), "")]
    items += [(name, name.title(), "") for name in names]
    _items[:] = items
    return _items


def _first_page(view: BrowseView, context: Context) -> None:
    view.page = 1


class BrowseView(bpy.types.PropertyGroup):
    """What the panel shows (``window_manager.att3d_browse``); not saved."""

    search: StringProperty(
        name="Search",
        description="Show only prompts with words that begin so",
        options={"SKIP_SAVE", "TEXTEDIT_UPDATE"},
        update=_first_page,
    )
    category: EnumProperty(
        name="Category",
        description="Show only prompts of this kind",
        items=_category_items,
        options={"SKIP_SAVE"},
        update=_first_page,
    )
    page: IntProperty(
        name="Page", description="Which prompts are shown", default=1, min=1, options={"SKIP_SAVE"}
    )


class ATT3D_PT_browse(bpy.types.Panel):
    """What can be made."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "ATT3D"
    bl_label = "Browse"
    bl_parent_id = "ATT3D_PT_create"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        layout = self.layout
        view = context.window_manager.att3d_browse
        column = layout.column(align=True)
        column.prop(view, "search", text="", icon="VIEWZOOM", placeholder="Search")
        column.prop(view, "category", text="")
        category = "" if view.category in (ALL, "") else view.category
        items = found(choices(context), category, view.search)
        if not items:
            layout.label(text="Nothing has these words", icon="INFO")
            return
        pages = -(-len(items) // PAGE)
        page = min(view.page, pages)
        shown = items[PAGE * (page - 1) : PAGE * page]
        columns = max(1, int(context.region.width / (WIDE * _ui_scale(context))))
        grid = layout.grid_flow(row_major=True, columns=columns, even_columns=True, align=False)
        for item in shown:
            _draw_item(grid, item, context.region.width / columns - MARGIN * _ui_scale(context))
        thumbnails.want(shown)
        row = layout.row(align=True)
        row.active = False
        row.label(text=iface_("{count} prompts").format(count=f"{len(items):,}"), translate=False)
        if pages > 1:
            text = iface_("Page (of {pages})").format(pages=pages)
            layout.prop(view, "page", text=text)


def _draw_item(layout: bpy.types.UILayout, item: Item, width: float) -> None:
    column = layout.column(align=True)
    column.template_icon(icon_value=icon_of(picture_of(item)), scale=5)
    text = shortened(item.prompt, width)
    button = column.operator("att3d.set_prompt", text=text, translate=False)
    button.prompt = item.prompt


def _ui_scale(context: Context) -> float:
    return context.preferences.system.ui_scale or 1.0  # 0 without a window


CLASSES = (BrowseView, ATT3D_PT_browse)


def register() -> None:
    bpy.types.WindowManager.att3d_browse = bpy.props.PointerProperty(
        type=BrowseView, name="ATT3D Browse", description="What the browse panel shows"
    )


def unregister() -> None:
    del bpy.types.WindowManager.att3d_browse
