"""Prompts that wait: what is typed while something is being made is made after it.

A prompt waits with the model and the options that the panel had when it was typed. What cannot be
made stays at the front, and the queue with it, until it is tried again or removed; so nothing that
was typed is lost. The queue belongs to this Blender, not to the file: opening another empties it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import bpy
from bpy.app.handlers import persistent
from bpy.app.translations import pgettext_iface as iface_
from bpy.props import IntProperty

from ..process.session import redraw, session
from .result_operator import panel_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpy.types import Context

SHOWN = 6
"""Prompts that the panel lists; the others are counted."""
LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Waiting:
    """A prompt that waits for its turn."""

    prompt: str
    values: Mapping[str, object]
    """The operator's properties as the panel had them, with the prompt."""


class Queue:
    """See the module. There is one, :data:`queue`."""

    def __init__(self) -> None:
        self.waiting: list[Waiting] = []
        self._making: Waiting | None = None
        self._stopped = False

    @property
    def stopped(self) -> bool:
        """Whether the first one could not be made, so that the others do not begin."""
        return self._stopped and bool(self.waiting)

    def add(self, context: Context) -> None:
        """Let the panel's prompt wait; the options are those of now."""
        values = {**panel_values(context), "conditions": context.scene.att3d.conditions}
        self.waiting.append(Waiting(str(values["prompt"]).strip(), values))
        self._watch()
        redraw()

    def remove(self, index: int) -> None:
        """Take one out; -1: all."""
        if index < 0:
            self.waiting.clear()
        elif index < len(self.waiting):
            del self.waiting[index]
        self._stopped = self._stopped and bool(self.waiting)
        redraw()

    def go_on(self) -> None:
        """Try the first one again."""
        self._stopped = False
        self._watch()

    def forget(self) -> None:
        """Another file: nothing waits for it."""
        self.waiting.clear()
        self._making, self._stopped = None, False

    def tick(self) -> float | None:
        """Begin the next one when nothing is being made. Seconds to the next look; None: done."""
        if session.busy:
            return LOOK_SECONDS
        made, self._making = self._making, None
        if made is not None and session.error is not None:
            self.waiting.insert(0, made)
            self._stopped = True
            redraw()
        if not self.waiting or self._stopped:
            return None
        self._making = self.waiting.pop(0)
        with suppress(RuntimeError):  # the operator has reported it, and the panel shows it
            bpy.ops.att3d.generate("INVOKE_DEFAULT", **self._making.values)
        redraw()
        return LOOK_SECONDS

    def _watch(self) -> None:
        if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
            bpy.app.timers.register(_tick, first_interval=LOOK_SECONDS)


queue = Queue()


def draw_queue(layout: bpy.types.UILayout) -> None:
    """What waits, each with a button that takes it out; nothing where nothing waits."""
    if not queue.waiting:
        return
    column = layout.box().column(align=True)
    head = column.row()
    text = iface_("{count} waiting").format(count=len(queue.waiting))
    head.label(text=text, icon="SORTTIME", translate=False)
    if queue.stopped:
        head.operator("att3d.queue_go_on", text="", icon="PLAY", emboss=False)
    head.operator("att3d.queue_remove", text="", icon="TRASH", emboss=False).index = -1
    for index, waiting in enumerate(queue.waiting[:SHOWN]):
        row = column.row()
        row.alert = queue.stopped and index == 0
        row.label(text=waiting.prompt, icon="BLANK1", translate=False)
        row.operator("att3d.queue_remove", text="", icon="X", emboss=False).index = index
    if len(queue.waiting) > SHOWN:
        text = iface_("and {count} more").format(count=len(queue.waiting) - SHOWN)
        column.label(text=text, icon="BLANK1", translate=False)


class ATT3D_OT_queue_add(bpy.types.Operator):
    """Make the prompt in the field as soon as what is being made now is done"""

    bl_idname = "att3d.queue_add"
    bl_label = "Add to Queue"

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not context.scene.att3d.prompt.strip():
            cls.poll_message_set("The prompt is empty. Write a few words")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        queue.add(context)
        return {"FINISHED"}


class ATT3D_OT_queue_remove(bpy.types.Operator):
    """Take this prompt out of the queue"""

    bl_idname = "att3d.queue_remove"
    bl_label = "Remove from Queue"

    index: IntProperty(
        name="Index", description="Which one, 0 is the next; -1: all of them", default=-1, min=-1
    )

    @classmethod
    def description(cls, context: Context, operator: ATT3D_OT_queue_remove) -> str:
        text = "Empty the queue" if operator.index < 0 else "Take this prompt out of the queue"
        return bpy.app.translations.pgettext_tip(text)

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not queue.waiting:
            cls.poll_message_set("Nothing is waiting")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        queue.remove(self.index)
        return {"FINISHED"}


class ATT3D_OT_queue_go_on(bpy.types.Operator):
    """Try the first prompt of the queue again, then the others"""

    bl_idname = "att3d.queue_go_on"
    bl_label = "Continue the Queue"

    @classmethod
    def poll(cls, context: Context) -> bool:
        return ATT3D_OT_queue_remove.poll.__func__(cls, context)

    def execute(self, context: Context) -> set[str]:
        queue.go_on()
        return {"FINISHED"}


CLASSES = (ATT3D_OT_queue_add, ATT3D_OT_queue_remove, ATT3D_OT_queue_go_on)


def _tick() -> float | None:
    return queue.tick()


@persistent
def _before_load(*_: object) -> None:
    queue.forget()


def register() -> None:
    bpy.app.handlers.load_pre.append(_before_load)


def unregister() -> None:
    bpy.app.handlers.load_pre.remove(_before_load)
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    queue.forget()
