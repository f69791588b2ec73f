"""The live slider's buttons: start, keep what it shows, put it away."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

import bpy

from ...backend.protocol.errors import Att3dError
from ...backend.protocol.messages import GenerateResult
from ..generate.result_operator import MeshOperator, panel_values
from ..process.operator import idle
from ..process.reply import Reply
from ..process.session import redraw, session
from ..scene import preview
from ..scene.build import add_object
from ..scene.provenance import BLEND
from ..ui.status_text import made_text, report_failure
from .live import live
from .place import place_of

if TYPE_CHECKING:
    from bpy.types import Context


class ATT3D_OT_slider_start(bpy.types.Operator):
    """Show the true object at any place of the chain while the slider is dragged"""

    bl_idname = "att3d.slider_start"
    bl_label = "Live Slider"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not idle(cls):
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
            if session.error is not None:
                report_failure(self, session.error)
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


class ATT3D_OT_slider_keep(MeshOperator, bpy.types.Operator):
    """Make the object at the slider's place in full quality, and put the live one away"""

    bl_idname = "att3d.slider_keep"
    bl_label = "Keep"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    _blend: ClassVar[dict[str, Any]] = {}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not super().poll(context):
            return False
        if not live.running or live.scene != context.scene:
            cls.poll_message_set("The slider is not live")
            return False
        return True

    def request(self, context: Context) -> Reply:
        self.fill_in(panel_values(context))
        prompts, place = place_of(context.scene)
        self._blend = {"prompts": prompts, **place}
        return self.ask_mesh(context, "", chain=prompts, **place)

    def finish(self, context: Context, reply: Reply) -> None:
        result = reply.result(GenerateResult)
        # It is between prompts: generating from its name would make something else.
        source = {BLEND: json.dumps(self._blend, ensure_ascii=False)}
        made = self.take(reply, result, title=result.prompt, source=source)
        shown = preview.previews()
        place = shown[0].location.copy() if live.running and shown else None
        scene = live.scene or context.scene
        ob = add_object(scene, made.arrays, made.origin, scene.att3d.placement)
        if place is not None:
            ob.location = place
        live.stop()
        session.succeed(made.origin.notes, made.seconds)
        self.report({"INFO"}, made_text(ob, made.seconds))
        self.show(context, ob)


CLASSES = (ATT3D_OT_slider_start, ATT3D_OT_slider_stop, ATT3D_OT_slider_keep)
