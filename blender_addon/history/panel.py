"""The history in the "ATT3D" tab."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.props import IntProperty, StringProperty

from ..ui.icons import icon_of
from ..ui.preferences import preferences
from ..ui.status_text import draw_problem, draw_text, wrap
from . import record
from .record import history
from .store import Entry

if TYPE_CHECKING:
    from bpy.types import Context

PAGE = 6
"""Results shown at a time."""
DROPPED = 3
"""How many dropped results are named."""
LINES = 3
"""How many lines of a long prompt are shown."""

NARROW = 240
"""Pixels before Blender's own scale: below this a picture leaves no room for words beside it."""


class HistoryView(bpy.types.PropertyGroup):
    """What the panel shows of the history (``window_manager.att3d_history``); not saved."""

    search: StringProperty(
        name="Search",
        description="Show only results whose prompt or model has these words",
        options={"SKIP_SAVE", "TEXTEDIT_UPDATE"},
        update=lambda view, _: setattr(view, "page", 1),
    )
    page: IntProperty(
        name="Page", description="Which results are shown; 1 has the newest", default=1, min=1
    )


class ATT3D_PT_history(bpy.types.Panel):
    """What was made, in any file."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "ATT3D"
    bl_label = "History"
    bl_translation_context = "ATT3D"  # Blender's own "History" is a log
    bl_order = 30
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        layout = self.layout
        width = context.region.width
        if record.problem is not None:
            draw_problem(layout, record.problem, width)
        if not preferences(context).keep_history:
            layout.label(text="Switched off in the preferences", icon="INFO")
        entries = history().entries()
        if not entries:
            layout.label(text="What you make appears here", icon="TIME")
            return
        if dropped := history().dropped:
            text = iface_("Dropped to stay below {size} MB: {results}").format(
                size=preferences(context).history_limit,
                results=", ".join(f"“{name}”" for name in dropped[:DROPPED]),
            )
            draw_text(layout, text, width, "INFO")
        view = context.window_manager.att3d_history
        layout.prop(view, "search", text="", icon="VIEWZOOM", placeholder="Search")
        found = matching(entries, view.search)
        pages = max(1, -(-len(found) // PAGE))
        page = min(view.page, pages)
        for entry in found[PAGE * (page - 1) : PAGE * page]:
            self._draw_entry(entry, width)
        if not found:
            layout.label(text="No result has these words", icon="INFO")
        row = layout.row(align=True)
        if pages > 1:
            row.prop(view, "page", text=iface_("Page (of {pages})").format(pages=pages))
        row.operator("att3d.history_compare", icon="IMAGE_DATA")
        row.operator("att3d.history_clear", text="", icon="TRASH")

    def _draw_entry(self, entry: Entry, width: int) -> None:
        scale = bpy.context.preferences.system.ui_scale
        narrow = width < NARROW * scale  # then the picture stands above the words
        box = self.layout.box()
        row = box.column(align=True) if narrow else box.row()
        row.template_icon(icon_value=icon_of(entry.picture), scale=4)
        column = row.column(align=True)
        lines = wrap(entry.name, width - (70 if narrow else 150) * scale)
        if len(lines) > LINES:
            lines = [*lines[: LINES - 1], f"{lines[LINES - 1]} …"]
        text = column.column(align=True)
        text.scale_y = 0.8
        for line in lines:
            text.label(text=line, translate=False)
        about = text.row()
        about.active = False
        when = age(entry.made)
        about.label(text=when if narrow else f"{entry.checkpoint}  ·  {when}", translate=False)
        buttons = column.row(align=True)
        for operator, icon in (
            ("att3d.history_restore", "IMPORT"),
            ("att3d.history_use", "EYEDROPPER"),
            ("att3d.history_compare", "IMAGE_DATA"),
            ("att3d.history_remove", "X"),
        ):
            buttons.operator(operator, text="", icon=icon).identifier = entry.identifier


def matching(entries: tuple[Entry, ...], search: str) -> list[Entry]:
    """The results whose prompt or checkpoint has every word of ``search``."""
    words = search.casefold().split()
    return [
        entry
        for entry in entries
        if all(word in f"{entry.name} {entry.checkpoint}".casefold() for word in words)
    ]


def age(made: str, now: datetime | None = None) -> str:
    """How long ago: "now", "5 min", "3 h", or the day."""
    try:
        then = datetime.fromisoformat(made)
        minutes = int(((now or datetime.now(UTC)) - then).total_seconds() // 60)
    except (ValueError, TypeError):
        return ""
    if minutes < 1:
        return iface_("just now")
    if minutes < 60:
        return iface_("{minutes} min").format(minutes=minutes)
    if minutes < 24 * 60:
        return iface_("{hours} h").format(hours=minutes // 60)
    return f"{then.astimezone():%Y-%m-%d}"


CLASSES = (HistoryView, ATT3D_PT_history)


def register() -> None:
    bpy.types.WindowManager.att3d_history = bpy.props.PointerProperty(
        type=HistoryView, name="ATT3D History", description="What the history panel shows"
    )


def unregister() -> None:
    del bpy.types.WindowManager.att3d_history
