"""``bpy.ops.att3d.invert``: the selected objects become a name that stands in prompts."""

from __future__ import annotations

import base64
import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import BoolProperty, FloatProperty, StringProperty

from ...backend.protocol.errors import BadRequest
from ...backend.protocol.framing import MAX_BODY
from ...backend.protocol.messages import InvertParams, InvertResult
from ..checkpoints import catalog
from ..checkpoints.inverted import forget, remember
from ..process.operator import BackendOperator, in_object_mode
from ..process.reply import Reply
from ..process.session import redraw, session
from ..scene.data_blocks import find_by_uid
from ..scene.glb import STILL
from ..ui.preferences import preferences

if TYPE_CHECKING:
    from bpy.types import Context

SOLID = {"MESH", "CURVE", "SURFACE", "META", "FONT"}
MOST_BYTES = int(0.7 * MAX_BODY)
"""Size of a model that is sent rather than named: Base64 makes it a third longer."""
MOST_FACES = 2_000_000


class ATT3D_OT_invert(BackendOperator, bpy.types.Operator):
    """Find the selected object in what the model can make. Its name then works as a prompt"""

    bl_idname = "att3d.invert"
    bl_label = "Use Selected Object"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    model_name: StringProperty(
        name="Name",
        description="What will stand for the object in prompts; empty: the object's name",
        options={"SKIP_SAVE"},
    )
    checkpoint: StringProperty(
        name="Model",
        description="Name or path of the trained model; empty: the scene's choice, or the words'",
        options={"SKIP_SAVE"},
    )
    turned: BoolProperty(
        name="Set Turn",
        description="Turn the object by an angle of your own; else all four sides are tried",
        options={"SKIP_SAVE"},
    )
    turn: FloatProperty(
        name="Turn",
        description="Angle about the vertical; the model's objects look along -Y",
        subtype="ANGLE",
        options={"SKIP_SAVE"},
    )

    _scene_uid = 0

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not super().poll(context) or not in_object_mode(cls, context):
            return False
        if not any(ob.type in SOLID for ob in context.selected_objects):
            cls.poll_message_set("Select an object with faces")
            return False
        return True

    def request(self, context: Context) -> Reply:
        settings, chosen = context.scene.att3d, preferences(context)
        if not self.properties.is_property_set("checkpoint"):
            self.checkpoint = settings.checkpoint
        if not self.properties.is_property_set("turned"):
            self.turned, self.turn = settings.inversion_turned, settings.inversion_turn
        solid = [ob for ob in context.selected_objects if ob.type in SOLID]
        active = context.active_object if context.active_object in solid else solid[0]
        name = self.model_name or settings.inversion_name or active.name
        self._scene_uid = context.scene.session_uid
        path = _exported(context, solid)
        data = ""
        if chosen.backend_command:  # maybe on another machine, which cannot read our files
            content = path.read_bytes()
            path.unlink()
            if len(content) > MOST_BYTES:
                raise BadRequest(
                    f"The object is too large to send: {len(content) / 2**20:.0f} MiB, and "
                    f"{MOST_BYTES / 2**20:.0f} are the most.",
                    "Decimate it, or make its pictures smaller.",
                )
            data = base64.b64encode(content).decode()

        def clean(_: object) -> None:
            path.unlink(missing_ok=True)

        params = InvertParams(
            name=name,
            path="" if data else str(path),
            data=data,
            checkpoint=catalog.path_of(self.checkpoint, chosen.checkpoint_folder_path),
            turn=math.degrees(self.turn) if self.turned else None,
        )
        try:
            reply = session.submit(chosen.launch, "invert", params)
        except Exception:
            clean(None)
            raise
        reply.when_done(clean)
        return reply

    def finish(self, context: Context, reply: Reply) -> None:
        result = reply.result(InvertResult)
        scene = find_by_uid(bpy.data.scenes, self._scene_uid) or context.scene
        own = catalog.find(self.checkpoint, preferences(context).checkpoint_folder_path)
        remember(scene, result, own.identifier if own is not None else self.checkpoint)
        session.succeed(result.notes, result.timings.get("total", reply.seconds))
        text = rpt_("“{name}” is a prompt from now on: PSNR {psnr} dB, overlap {iou}%")
        line = text.format(
            name=result.name, psnr=f"{result.psnr:.1f}", iou=f"{100 * result.iou:.0f}"
        )
        self.report({"WARNING" if result.far else "INFO"}, line)
        redraw()


class ATT3D_OT_inverted_forget(bpy.types.Operator):
    """Take this object out of the scene's prompts. Its name is an ordinary prompt again"""

    bl_idname = "att3d.inverted_forget"
    bl_label = "Forget Object"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    model_name: StringProperty(
        name="Name", description="The object's name", options={"SKIP_SAVE", "HIDDEN"}
    )

    def execute(self, context: Context) -> set[str]:
        forget(context.scene, self.model_name)
        return {"FINISHED"}


def _exported(context: Context, objects: list[bpy.types.Object]) -> Path:
    """The objects as they look now, in a new .glb file.

    Raises:
        BadRequest: there is nothing in them, or too much.
    """
    graph = context.evaluated_depsgraph_get()
    faces = 0
    for ob in objects:
        evaluated = ob.evaluated_get(graph)
        mesh = evaluated.to_mesh()
        faces += 0 if mesh is None else len(mesh.loop_triangles)
        evaluated.to_mesh_clear()
    if not faces:
        raise BadRequest(
            "The object is empty: there is no face in it.", "Select an object with faces."
        )
    if faces > MOST_FACES:
        raise BadRequest(
            f"The object is too large: {faces:,} triangles, and {MOST_FACES:,} are the most.",
            "Decimate it.",
        )
    handle, name = tempfile.mkstemp(prefix="att3d-model-", suffix=".glb")
    path = Path(name)
    with open(handle, "wb"):
        pass
    try:
        bpy.ops.export_scene.gltf(filepath=str(path), use_selection=True, **STILL)
    except Exception:
        path.unlink(missing_ok=True)
        raise
    return path


CLASSES = (ATT3D_OT_invert, ATT3D_OT_inverted_forget)
