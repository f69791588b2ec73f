"""The live slider's buttons: start, keep what it shows, put it away."""

# bpy has no type stubs.
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportMissingImports=false

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import bpy

from ...backend.protocol.errors import Att3dError
from ..session import redraw, session
from .live import live

if TYPE_CHECKING:
    from bpy.types import Context


class ATT3D_OT_slider_start(bpy.types.Operator):
    """Show the true object at any place of the chain while the slider is dragged"""

    bl_idname = "att3d.slider_start"
    bl_label = "Live Slider"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if session.busy:
            cls.poll_message_set("Something is being generated. Wait for it, or press ESC")
            return False
        rows = context.scene.att3d.chain
        if sum(1 for row in rows if row.prompt.strip()) < 2:
            cls.poll_message_set("The chain needs at least two prompts. Add them to the list")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        try:
            live.start(context.scene)
            if bpy.app.background:
                live.wait()
        except Att3dError as error:
            session.error = error
        redraw()
        if not live.running:
            error = session.error
            if error is not None:
                self.report({"ERROR"}, f"{error.message} {error.remedy}".strip())
            return {"CANCELLED"}
        return {"FINISHED"}


class ATT3D_OT_slider_stop(bpy.types.Operator):
    """Put the live object away. The slider stays where it is"""

    bl_idname = "att3d.slider_stop"
    bl_label = "Stop the Slider"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not live.running:
            cls.poll_message_set("The slider is not live")
        return live.running

    def execute(self, context: Context) -> set[str]:
        live.stop()
        redraw(views=True)
        return {"FINISHED"}


CLASSES = (ATT3D_OT_slider_start, ATT3D_OT_slider_stop)
