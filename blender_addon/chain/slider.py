"""The live slider's buttons: start, keep what it shows, put it away."""

# bpy has no type stubs.
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportMissingImports=false

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import bpy

from ...backend.protocol.errors import Att3dError
from ...backend.protocol.messages import GenerateParams, GenerateResult
from ..checkpoints import catalog
from ..process.launch import extension_version
from ..process.operator import BackendOperator
from ..process.safetensors_reader import read_mesh
from ..process.session import Job, redraw, session
from ..scene import preview
from ..scene.build import add_object
from ..scene.collection import select_only
from ..scene.provenance import PROMPT, Provenance
from ..ui.preferences import preferences
from ..ui.status_text import made_text, told
from .live import live, prompts_of

if TYPE_CHECKING:
    from bpy.types import Context

BLEND = "att3d_blend"
"""Custom property of a kept object: prompts and alpha, as JSON."""


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
                self.report({"ERROR"}, told(error))
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


class ATT3D_OT_slider_keep(BackendOperator, bpy.types.Operator):
    """Make the object at the slider's place in full quality, and put the live one away"""

    bl_idname = "att3d.slider_keep"
    bl_label = "Keep"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    _options: ClassVar[tuple[str, ...]] = ("faces", "texture_size", "resolution", "normal_map")

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not super().poll(context):
            return False
        if not live.running or live.scene != context.scene:
            cls.poll_message_set("The slider is not live")
            return False
        return True

    def request(self, context: Context) -> Job:
        settings, chosen = context.scene.att3d, preferences(context)
        self._prompts = prompts_of(context.scene)
        self._alpha = settings.blend * (len(self._prompts) - 1)
        self._values = {name: getattr(settings, name) for name in self._options}
        params = GenerateParams(
            prompt="",
            chain=self._prompts,
            alpha=self._alpha,
            checkpoint=catalog.path_of(settings.checkpoint, chosen.checkpoint_folder_path),
            **self._values,
        )
        return session.submit(chosen.launch, "generate", params)

    def finish(self, context: Context, job: Job) -> None:
        result = job.result(GenerateResult)
        file = Path(result.mesh)
        arrays = read_mesh(file)
        file.unlink(missing_ok=True)  # the backend's folder holds only what is on its way
        path = Path(result.checkpoint)
        origin = Provenance(
            prompt=result.prompt,
            checkpoint=catalog.name_of(path),
            checkpoint_hash=result.checkpoint_hash,
            extension_version=extension_version(),
            backend_version=result.version,
            options=self._values,
            notes=tuple(result.notes),
        )
        shown = preview.previews()
        place = shown[0].matrix_world.copy() if live.running and shown else None
        scene = live.scene or context.scene
        ob = add_object(scene, arrays, origin, scene.att3d.place)
        # It is between prompts: generating from its name would make something else.
        del ob[PROMPT]
        ob[BLEND] = json.dumps({"prompts": self._prompts, "alpha": self._alpha}, ensure_ascii=False)
        if place is not None:
            ob.matrix_world = place
        live.stop()
        seconds = result.timings.get("total", job.seconds)
        session.succeed(result.notes, seconds)
        self.report({"INFO"}, made_text(ob, seconds))
        if scene == context.scene:
            select_only(context, ob)


CLASSES = (ATT3D_OT_slider_start, ATT3D_OT_slider_stop, ATT3D_OT_slider_keep)
