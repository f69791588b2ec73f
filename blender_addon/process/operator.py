"""What operators that ask the backend have in common.

``execute()`` blocks (scripts, background, redo) and ``invoke()`` is modal, so Blender stays usable
and ESC cancels. Both end in the same ``finish()``. A request belongs to the file that it was made
in: opening another cancels it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import bpy
from bpy.app.handlers import persistent
from bpy.app.translations import pgettext_rpt as rpt_

from ...backend.protocol.errors import Att3dError, Cancelled, InternalError
from ..ui.preferences import preferences
from ..ui.status_text import report_failure
from .reply import Reply
from .session import redraw, session, unwatch

if TYPE_CHECKING:
    from bpy.types import Context, Event

POLL_SECONDS = 0.1

_timers: list[bpy.types.Timer] = []
"""Timers of the operators that run; an operator that Blender drops cannot remove its own."""


def idle(cls: type[bpy.types.Operator]) -> bool:
    """Whether nothing is being generated; else the operator's button says why it is off."""
    if session.busy:
        cls.poll_message_set("Something is being generated. Wait for it, or press ESC")
    return not session.busy


def in_object_mode(cls: type[bpy.types.Operator], context: Context) -> bool:
    """Whether Blender is in Object Mode; else the operator's button says why it is off."""
    if context.mode != "OBJECT":
        cls.poll_message_set("Leave this mode first: it needs Object Mode")
    return context.mode == "OBJECT"


class BackendOperator:
    """An operator that sends one request to the backend and uses its answer."""

    _reply: Reply | None = None
    _timer: bpy.types.Timer | None = None
    _seen: tuple[object, ...] = ()

    def request(self, context: Context) -> Reply:
        """Send the request. Raises Att3dError when it cannot be sent."""
        raise NotImplementedError

    def finish(self, context: Context, reply: Reply) -> None:
        """Use the answer; ``reply.result()`` raises Att3dError when there is none."""
        raise NotImplementedError

    @classmethod
    def poll(cls, context: Context) -> bool:
        return idle(cls) and context.scene is not None

    def execute(self, context: Context) -> set[str]:
        try:
            reply = self.request(context)
            try:
                session.wait(reply)
            except KeyboardInterrupt:
                session.cancel()
                raise Cancelled from None
            self.finish(context, reply)
        except Exception as error:
            return self._failed(error)
        self._remember(context)
        return {"FINISHED"}

    def invoke(self, context: Context, event: Event) -> set[str]:
        if bpy.app.background or context.window is None:
            return self.execute(context)
        try:
            self._reply = self.request(context)
        except Att3dError as error:
            return self._failed(error)
        manager = context.window_manager
        self._timer = manager.event_timer_add(POLL_SECONDS, window=context.window)
        _timers.append(self._timer)
        manager.modal_handler_add(self)
        redraw()
        return {"RUNNING_MODAL"}

    def modal(self, context: Context, event: Event) -> set[str]:
        reply = self._reply
        if reply is None:
            return {"CANCELLED"}
        if event.type == "ESC" and event.value == "PRESS":
            session.cancel()
        elif event.type != "TIMER":
            return {"PASS_THROUGH"}
        if not reply.done():
            self._show()
            return {"PASS_THROUGH"}
        return self.answered(context, reply)

    def answered(self, context: Context, reply: Reply) -> set[str]:
        """Use the answer that has come, and end."""
        self._end(context)
        try:
            self.finish(context, reply)
        except Exception as error:
            return self._failed(error)
        self._remember(context)
        return {"FINISHED"}

    def _show(self) -> None:
        """Draw again if there is something new to see: drawing can take longer than all else."""
        seen = (session.state, session.stage, round(100 * session.fraction))
        if seen != self._seen:
            self._seen = seen
            redraw()

    def cancel(self, context: Context) -> None:
        """Blender ends the operator by itself: another file is opened, or the window closes."""
        session.cancel()
        session.fail(Cancelled())
        self._end(context)

    def _end(self, context: Context) -> None:
        if self._timer in _timers:
            _timers.remove(self._timer)
            context.window_manager.event_timer_remove(self._timer)
        self._timer = None

    def _failed(self, error: Exception) -> set[str]:
        if not isinstance(error, Att3dError):  # a mistake of ours: for the console, and one line
            logging.getLogger(__package__).exception("%s failed", self.bl_idname)
            error = InternalError(f"{self.bl_label} failed: {type(error).__name__}: {error}")
        session.fail(error)
        redraw()
        if isinstance(error, Cancelled):
            self.report({"INFO"}, rpt_("Cancelled"))
        else:
            report_failure(self, error)
        return {"CANCELLED"}

    def _remember(self, context: Context) -> None:
        """The Python that worked is used next time even where ATT3D_PYTHON is not set."""
        redraw()
        choice = preferences(context)
        if choice.backend_command or session.launch is None:
            return
        python = session.launch.command[0]
        if choice.remembered_python != python:  # assigning it marks the preferences as changed
            choice.remembered_python = python


@persistent
def _before_load(*_: object) -> None:
    """Another file is about to be opened: what is on its way would have no scene to go to."""
    session.cancel()


@persistent
def _after_load(*_: object) -> None:
    session.forget()
    redraw()


def register() -> None:
    bpy.app.handlers.load_pre.append(_before_load)
    bpy.app.handlers.load_post.append(_after_load)


def unregister() -> None:
    """Also while something runs."""
    for handlers in (bpy.app.handlers.load_pre, bpy.app.handlers.load_post):
        for handler in (_before_load, _after_load):
            if handler in handlers:
                handlers.remove(handler)
    while _timers:
        bpy.context.window_manager.event_timer_remove(_timers.pop())
    unwatch()
    session.close()
