"""The list's buttons, and Animate: ``bpy.ops.att3d.chain_*`` and ``bpy.ops.att3d.animate``."""

# bpy has no type stubs.
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportMissingImports=false

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.app.translations import pgettext_tip
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty

from ...backend.protocol.errors import BadRequest
from ...backend.protocol.messages import InterpolateParams, InterpolateResult
from ..checkpoints import catalog
from ..generate import properties
from ..process.launch import extension_version
from ..process.operator import BackendOperator
from ..process.session import Job, session
from ..scene import animation, provenance
from ..scene.collection import select_only
from ..ui.preferences import preferences
from . import live
from .chain_arrays import read_chain
from .settings import next_frame, rows_of, show_chain
from .store import Chain, check
from .topology_changes import describe_changes
from .viewport_colors import show_mixed_colors

if TYPE_CHECKING:
    from bpy.types import Context

OPTIONS = ("checkpoint", "faces", "texture_size", "resolution", "keys", "quality")


class ATT3D_OT_chain_add(bpy.types.Operator):
    """Add a prompt to the chain, after the last one"""

    bl_idname = "att3d.chain_add"
    bl_label = "Add Prompt"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    prompt: StringProperty(
        name="Prompt",
        description="What the object becomes; empty: for the first row, the prompt of the panel",
        options={"SKIP_SAVE"},
    )

    def execute(self, context: Context) -> set[str]:
        settings = context.scene.att3d
        frame = next_frame(context.scene)
        row = settings.chain.add()
        row.frame = frame
        row.prompt = self.prompt or (settings.prompt if len(settings.chain) == 1 else "")
        settings.chain_index = len(settings.chain) - 1
        return {"FINISHED"}


class ATT3D_OT_chain_remove(bpy.types.Operator):
    """Remove the selected prompt from the chain"""

    bl_idname = "att3d.chain_remove"
    bl_label = "Remove Prompt"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not len(context.scene.att3d.chain):
            cls.poll_message_set("The chain is empty")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        settings = context.scene.att3d
        index = min(max(settings.chain_index, 0), len(settings.chain) - 1)
        settings.chain.remove(index)
        settings.chain_index = max(min(index, len(settings.chain) - 1), 0)
        live.prompts_changed(context.scene)
        return {"FINISHED"}


class ATT3D_OT_chain_move(bpy.types.Operator):
    """Move the selected prompt to an earlier or later frame of the chain. The frames stay"""

    bl_idname = "att3d.chain_move"
    bl_label = "Move Prompt"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    direction: EnumProperty(
        name="Direction",
        description="Which neighbour it changes places with",
        items=[
            ("UP", "Earlier", "Change places with the prompt before"),
            ("DOWN", "Later", "Change places with the prompt after"),
        ],
    )

    @classmethod
    def poll(cls, context: Context) -> bool:
        if len(context.scene.att3d.chain) < 2:
            cls.poll_message_set("There are not two prompts that could change places")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        settings = context.scene.att3d
        rows, here = settings.chain, settings.chain_index
        there = here + (-1 if self.direction == "UP" else 1)
        if not (0 <= here < len(rows) and 0 <= there < len(rows)):
            return {"CANCELLED"}
        rows[here].prompt, rows[there].prompt = rows[there].prompt, rows[here].prompt
        settings.chain_index = there
        return {"FINISHED"}


class ATT3D_OT_chain_load(bpy.types.Operator):
    """Put the chain and the mesh settings of the active object into the list, to edit it"""

    bl_idname = "att3d.chain_load"
    bl_label = "Load Chain"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if animation.chain_of(context.active_object) is None:
            cls.poll_message_set("The active object was not made from a chain")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        settings = context.scene.att3d
        ob = context.active_object
        chain = animation.chain_of(ob)
        if chain is None:  # poll says so too
            return {"CANCELLED"}
        show_chain(context.scene, chain)
        for name, value in provenance.options_of(ob).items():
            if name in ("faces", "texture_size", "resolution"):
                setattr(settings, name, value)
            elif name == "keys":
                settings.chain_keys = value
        return {"FINISHED"}


class ATT3D_OT_animate(BackendOperator, bpy.types.Operator):
    """Turn the chain of prompts into one animated object"""

    bl_idname = "att3d.animate"
    bl_label = "Animate"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    rebuild: BoolProperty(
        name="Rebuild",
        description=(
            "Build into the active object, which keeps its place, modifiers and edited keyframes"
        ),
        options={"SKIP_SAVE"},
    )
    checkpoint: StringProperty(
        name="Checkpoint",
        description="Name or path of the trained model; empty: the scene's choice",
        options={"SKIP_SAVE"},
    )
    faces: IntProperty(
        name="Faces",
        description="At most this many triangles",
        default=properties.FACES,
        soft_min=500,
        soft_max=40_000,
        options={"SKIP_SAVE"},
    )
    texture_size: IntProperty(
        name="Texture Size",
        description="Width and height of each color texture, in pixels",
        default=properties.TEXTURE_SIZE,
        soft_min=64,
        soft_max=4096,
        options={"SKIP_SAVE"},
    )
    resolution: IntProperty(
        name="Detail",
        description="How finely the shape is sampled, in steps along each side",
        default=properties.RESOLUTION,
        soft_min=48,
        soft_max=256,
        options={"SKIP_SAVE"},
    )
    keys: IntProperty(
        name="Keys",
        description=properties.KEYS_DESCRIPTION,
        default=properties.KEYS,
        soft_min=2,
        soft_max=9,
        options={"SKIP_SAVE"},
    )
    quality: BoolProperty(
        name="Measure",
        description=properties.MEASURE_DESCRIPTION,
        options={"SKIP_SAVE"},
    )

    _scene_uid = 0
    _object_uid = 0
    _chain: Chain | None = None

    @classmethod
    def description(cls, context: Context, operator: ATT3D_OT_animate) -> str:
        if operator.rebuild:
            return pgettext_tip(
                "Build the chain into the active object. It keeps its place, modifiers and "
                "keyframes"
            )
        return pgettext_tip("Turn the chain of prompts into one animated object")

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not super().poll(context):
            return False
        if len(context.scene.att3d.chain) < 2:
            cls.poll_message_set("A chain needs at least two prompts. Add them to the list")
            return False
        return True

    def request(self, context: Context) -> Job:
        scene = context.scene
        settings = scene.att3d
        for name in OPTIONS:
            if not self.properties.is_property_set(name):
                source = {"keys": "chain_keys", "quality": "chain_quality"}.get(name, name)
                setattr(self, name, getattr(settings, source))
        self._chain = check(rows_of(scene))
        self._scene_uid = scene.session_uid
        self._object_uid = 0
        if self.rebuild:
            ob = context.active_object
            if animation.chain_of(ob) is None or ob.library is not None:
                raise BadRequest(
                    "There is no animated object to rebuild: the active one is not made from a "
                    "chain.",
                    "Select one, or use Animate without Rebuild to make a new object.",
                )
            self._object_uid = ob.session_uid
        chosen = preferences(context)
        params = InterpolateParams(
            prompts=list(self._chain.stops),
            checkpoint=catalog.path_of(self.checkpoint, chosen.checkpoint_folder_path),
            faces=self.faces,
            texture_size=self.texture_size,
            resolution=self.resolution,
            keys=self.keys,
            quality=self.quality,
        )
        return session.submit(chosen.launch, "interpolate", params)

    def finish(self, context: Context, job: Job) -> None:
        result = job.result(InterpolateResult)
        chain = self._chain
        assert chain is not None
        file = Path(result.mesh)
        arrays = read_chain(file, len(chain.stops))
        file.unlink(missing_ok=True)  # the backend's folder holds only what is on its way
        names = [key.name for key in result.keys]
        notes = [*result.notes, *describe_changes(result.changes, chain.stops)]
        origin = provenance.Provenance(
            prompt="",
            checkpoint=catalog.name_of(Path(result.checkpoint)),
            checkpoint_hash=result.checkpoint_hash,
            extension_version=extension_version(),
            backend_version=result.version,
            options={name: getattr(self, name) for name in OPTIONS[1:5]},
            notes=tuple(notes),
        )
        # The scene may have been deleted, or another be in front, since the request was made.
        scene = next(
            (s for s in bpy.data.scenes if s.session_uid == self._scene_uid), context.scene
        )
        ob = self._target()
        if ob is not None:
            if not animation.rebuild(ob, scene, arrays, names, chain, origin):
                notes.append(
                    "The frames of the list have changed, but the keyframes are in the NLA and "
                    "were left as they are."
                )
        else:
            ob = animation.add_animated_object(
                scene, arrays, names, chain, origin, scene.att3d.place
            )
        before = rows_of(scene)
        show_chain(scene, chain)
        if rows_of(scene) != before and sorted(rows_of(scene)) == sorted(before):
            notes.append("The rows of the list were put in the order of their frames.")
        if chain.frames[-1] > scene.frame_end:
            notes.append(
                f"The chain ends at frame {chain.frames[-1]}, after the end of the scene "
                f"({scene.frame_end})."
            )
        worst = max((q.chamfer_mean_pct for q in (*result.quality, *result.between)), default=None)
        if worst is not None:
            notes.append(f"Largest mean distance from the true object: {worst:.2f}% of its size.")
        seconds = result.timings.get("total", job.seconds)
        session.succeed(notes, seconds)
        text = rpt_("“{name}”: {prompts} prompts, {keys} keys, {seconds} s").format(
            name=ob.name, prompts=len(chain.stops), keys=len(names), seconds=f"{seconds:.1f}"
        )
        self.report({"INFO"}, text)
        if self.rebuild and ob.session_uid != self._object_uid:
            text = rpt_("The object to rebuild is not there now; “{name}” is new")
            self.report({"WARNING"}, text.format(name=ob.name))
        if scene == context.scene and not select_only(context, ob):
            self.report(
                {"INFO"},
                rpt_("“{name}” is there; leave this mode to select it").format(name=ob.name),
            )
        if preferences(context).show_colors:
            show_mixed_colors(context)

    def _target(self) -> bpy.types.Object | None:
        """The object to build into, if it is still there and not being edited."""
        found = next((o for o in bpy.data.objects if o.session_uid == self._object_uid), None)
        return found if found is not None and found.mode == "OBJECT" else None


CLASSES = (
    ATT3D_OT_chain_add,
    ATT3D_OT_chain_remove,
    ATT3D_OT_chain_move,
    ATT3D_OT_chain_load,
    ATT3D_OT_animate,
)
