"""What operators that ask the backend have in common.

``execute()`` blocks (scripts, background, redo) and ``invoke()`` is modal, so Blender stays usable
and ESC cancels. Both end in the same ``finish()``.
"""

# bpy has no type stubs.
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import bpy
from bpy.app.translations import pgettext_rpt as rpt_

from ...backend.protocol.errors import Att3dError, Cancelled, InternalError
from ..ui.preferences import preferences
from ..ui.status_text import told
from .session import Job, redraw, session

if TYPE_CHECKING:
    from bpy.types import Context, Event

POLL_SECONDS = 0.1

_timers: list[bpy.types.Timer] = []
"""Of the operators that run; an operator that Blender drops cannot remove its own."""


def remove_timers() -> None:
    """When the extension is disabled while something runs."""
    while _timers:
        bpy.context.window_manager.event_timer_remove(_timers.pop())


class BackendOperator:
    """An operator that sends one request to the backend and uses its answer."""

    _job: Job | None = None
    _timer: bpy.types.Timer | None = None
    _seen: tuple[object, ...] = ()

    def request(self, context: Context) -> Job:
        """Send the request. Raises Att3dError when it cannot be sent."""
        raise NotImplementedError

    def finish(self, context: Context, job: Job) -> None:
        """Use the answer; ``job.result()`` raises Att3dError when there is none."""
        raise NotImplementedError

    @classmethod
    def poll(cls, context: Context) -> bool:
        if session.busy:
            cls.poll_message_set("Something is being generated. Wait for it, or press ESC")
            return False
        return context.scene is not None

    def execute(self, context: Context) -> set[str]:
        try:
            job = self.request(context)
            try:
                session.wait(job)
            except KeyboardInterrupt:
                session.cancel()
                raise Cancelled from None
            self.finish(context, job)
        except Exception as error:
            return self._failed(error)
        self._remember(context)
        return {"FINISHED"}

    def invoke(self, context: Context, event: Event) -> set[str]:
        if bpy.app.background or context.window is None:
            return self.execute(context)
        try:
            self._job = self.request(context)
        except Att3dError as error:
            return self._failed(error)
        manager = context.window_manager
        self._timer = manager.event_timer_add(POLL_SECONDS, window=context.window)
        _timers.append(self._timer)
        manager.modal_handler_add(self)
        redraw()
        return {"RUNNING_MODAL"}

    def modal(self, context: Context, event: Event) -> set[str]:
        job = self._job
        if job is None:
            return {"CANCELLED"}
        if event.type == "ESC" and event.value == "PRESS":
            session.cancel()
        elif event.type != "TIMER":
            return {"PASS_THROUGH"}
        if not job.done:
            self._show()
            return {"PASS_THROUGH"}
        self._end(context)
        try:
            self.finish(context, job)
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
            self.report({"ERROR"}, told(error))
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
