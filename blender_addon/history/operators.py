"""What can be done with a result of the history: ``bpy.ops.att3d.history_*``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import StringProperty

from ...backend.protocol.errors import Att3dError
from ...backend.protocol.options import ChainOptions, MeshOptions, options_of
from ..process.session import redraw
from ..scene import provenance
from ..scene.animation import add_animated_object
from ..scene.arrays import ChainArrays, MeshArrays
from ..scene.build import add_object
from ..scene.collection import frame_selected, select_only, why_hidden
from ..scene.viewport_colors import show_mixed_colors, show_texture
from ..ui.icons import icon_of
from ..ui.preferences import preferences
from ..ui.status_text import told, wrap
from .record import history
from .store import Entry

if TYPE_CHECKING:
    from bpy.types import Context, Event


WIDTH, NAMES = 560, 0.2
"""Pixels of the comparison, before Blender's own scale; the share of it that the names take."""
_OPTIONS = options_of(ChainOptions) + options_of(MeshOptions)
_CHOICES = {choice for option in _OPTIONS for choice in option.choices}


class _OnEntry:
    """An operator on one result, the newest when none is named."""

    identifier: StringProperty(
        name="Result",
        description="Which result of the history; empty: the newest",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not history().entries():
            cls.poll_message_set("The history is empty. Generate something first")
            return False
        return True

    def entry(self) -> Entry | None:
        """The result, or None after a report that says that it is gone."""
        found = history().find(self.identifier) if self.identifier else history().entries()[0]
        if found is None:
            self.report({"ERROR"}, rpt_("This result is not in the history any more"))
        return found


class ATT3D_OT_history_restore(_OnEntry, bpy.types.Operator):
    """Put this result into the scene again, exactly as it was made. Needs no engine"""

    bl_idname = "att3d.history_restore"
    bl_label = "Restore"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: Context) -> set[str]:
        entry = self.entry()
        if entry is None:
            return {"CANCELLED"}
        try:
            arrays = entry.read()
        except Att3dError as error:
            self.report({"ERROR"}, told(error))
            return {"CANCELLED"}
        scene, chain = context.scene, entry.chain
        placement = scene.att3d.placement
        if isinstance(arrays, ChainArrays) and chain is not None:
            names = entry.key_names
            ob = add_animated_object(scene, arrays, names, chain, entry.origin, placement)
        elif isinstance(arrays, MeshArrays):
            ob = add_object(scene, arrays, entry.origin, placement)
        else:
            raise TypeError(f"{entry.mesh} holds {type(arrays).__name__}")
        if preferences(context).show_colors:
            show = show_texture if entry.chain is None else show_mixed_colors
            show(context)
        selected = select_only(context, ob)
        if reason := why_hidden(context, ob):
            self.report({"INFO"}, reason)
        elif selected and scene.att3d.frame_new:
            frame_selected(context)
        return {"FINISHED"}


class ATT3D_OT_history_use(_OnEntry, bpy.types.Operator):
    """Put the prompt, model and mesh settings of this result into the panel"""

    bl_idname = "att3d.history_use"
    bl_label = "Use This Result's Prompt"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: Context) -> set[str]:
        entry = self.entry()
        if entry is None:
            return {"CANCELLED"}
        settings = context.scene.att3d
        settings.fill_in({"checkpoint": entry.checkpoint_choice, **entry.options})
        if entry.prompt:
            settings.fill_in({"prompt": entry.prompt})
        if entry.chain is not None:
            settings.show_chain(entry.chain)
        return {"FINISHED"}


class ATT3D_OT_history_remove(_OnEntry, bpy.types.Operator):
    """Remove this result from the history. Objects in the scene stay"""

    bl_idname = "att3d.history_remove"
    bl_label = "Remove from the History"

    def execute(self, context: Context) -> set[str]:
        entry = self.entry()
        if entry is None:
            return {"CANCELLED"}
        try:
            history().remove(entry.identifier)
        except Att3dError as error:
            self.report({"ERROR"}, told(error))
            return {"CANCELLED"}
        redraw()
        return {"FINISHED"}


class ATT3D_OT_history_clear(bpy.types.Operator):
    """Remove all results from the history and free their disk space. Objects in the scene stay"""

    bl_idname = "att3d.history_clear"
    bl_label = "Clear the History"

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not history().entries():
            cls.poll_message_set("The history is empty already")
            return False
        return True

    def invoke(self, context: Context, event: Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: Context) -> set[str]:
        try:
            count = history().clear()
        except Att3dError as error:
            self.report({"ERROR"}, told(error))
            return {"CANCELLED"}
        self.report({"INFO"}, rpt_("{count} results removed").format(count=count))
        redraw()
        return {"FINISHED"}


class ATT3D_OT_history_compare(_OnEntry, bpy.types.Operator):
    """Show two results beside each other, with what they were made from and what differs"""

    bl_idname = "att3d.history_compare"
    bl_label = "Compare"

    other: StringProperty(
        name="Other Result",
        description="Compared with; empty: that of the active object, else the next older one",
        options={"SKIP_SAVE"},
    )
    _pair: tuple[Entry, Entry] | None = None

    @classmethod
    def poll(cls, context: Context) -> bool:
        if len(history().entries()) < 2:
            cls.poll_message_set("There are not two results in the history to compare")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        pair = self._find(context)
        if pair is None:
            return {"CANCELLED"}
        lines = [
            f"{name}: {one} | {other}" for name, one, other, same in compare(*pair) if not same
        ]
        self.report({"INFO"}, "; ".join(lines) or rpt_("Both were made in the same way"))
        return {"FINISHED"}

    def invoke(self, context: Context, event: Event) -> set[str]:
        self._pair = self._find(context)
        if self._pair is None:
            return {"CANCELLED"}
        return context.window_manager.invoke_popup(self, width=WIDTH)

    def draw(self, context: Context) -> None:
        pair = self._pair
        if pair is None:
            return
        layout = self.layout
        layout.label(text="Compare Results", icon="IMAGE_DATA")
        pictures = layout.row()
        for entry in pair:
            column = pictures.column()
            column.template_icon(icon_value=icon_of(entry.picture), scale=11)
            column.operator("att3d.history_restore", icon="IMPORT").identifier = entry.identifier
        scale = bpy.context.preferences.system.ui_scale or 1.0  # 0 without a window
        for name, one, other, same in compare(*pair):
            row = layout.split(factor=NAMES)
            row.label(text=name)
            values = row.split(factor=0.5)
            for value in (one, other):
                cell = values.column(align=True)
                cell.active = not same
                lines = wrap(value, (WIDTH * (1 - NAMES) / 2 - 20) * scale)
                cell.scale_y = 0.8 if len(lines) > 1 else 1.0
                for line in lines or [""]:
                    cell.label(text=line, translate=False)

    def _find(self, context: Context) -> tuple[Entry, Entry] | None:
        first = self.entry()
        if first is None:
            return None
        second = history().find(self.other) if self.other else None
        if second is None:
            second = entry_of(context.active_object)
        if second is None or second == first:
            entries = history().entries()
            place = entries.index(first)
            second = entries[place + 1] if place + 1 < len(entries) else entries[place - 1]
        return first, second


def compare(one: Entry, other: Entry) -> list[tuple[str, str, str, bool]]:
    """What two results were made from: name, both values, and whether they are the same."""
    rows = [
        ("Prompt", one.name, other.name),
        ("Model", _checkpoint(one), _checkpoint(other)),
        *(
            (label, _shown(one.options.get(name, "")), _shown(other.options.get(name, "")))
            for name, label in _labels().items()
            if name in one.options or name in other.options
        ),
        ("Faces Made", f"{one.faces:,}", f"{other.faces:,}"),
        ("Seconds", f"{one.seconds:.1f}", f"{other.seconds:.1f}"),
    ]
    return [(name, a, b, a == b) for name, a, b in rows]


def _checkpoint(entry: Entry) -> str:
    return f"{entry.checkpoint} ({entry.checkpoint_hash[:8]})"


def _shown(value: object) -> str:
    """An option's value as the panel shows it: "8000", "On", "Quads"."""
    if isinstance(value, bool):
        return iface_("On") if value else iface_("Off")
    if isinstance(value, str) and value in _CHOICES:
        return iface_(value.title())
    return str(value)


def _labels() -> dict[str, str]:
    """The options of meshes and of chains, with their labels, and the conditions."""
    return {option.name: option.label for option in _OPTIONS} | {"conditions": "Conditions"}


def entry_of(ob: bpy.types.Object | None) -> Entry | None:
    """The newest result that was made as this object says it was."""
    if ob is None or provenance.CHECKPOINT_HASH not in ob:
        return None
    wanted = (ob[provenance.CHECKPOINT_HASH], provenance.options_of(ob))
    for entry in history().entries():
        if (entry.checkpoint_hash, dict(entry.options)) == wanted and entry.origin.made(ob):
            return entry
    return None


CLASSES = (
    ATT3D_OT_history_restore,
    ATT3D_OT_history_use,
    ATT3D_OT_history_remove,
    ATT3D_OT_history_clear,
    ATT3D_OT_history_compare,
)
