"""What a person or a script can do: ``bpy.ops.att3d.*``.

The two that ask the backend share one shape: ``execute()`` blocks (scripts, background, redo) and
``invoke()`` is modal, so Blender stays usable and ESC cancels. Both end in the same ``finish()``.
Nothing is added to the .blend before the result is there.
"""

# bpy has no type stubs.
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportMissingImports=false

from __future__ import annotations

import logging
import random
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import bpy
from bpy.props import BoolProperty, IntProperty, StringProperty

from ..backend.protocol.errors import Att3dError, Cancelled, InternalError
from ..backend.protocol.messages import GenerateParams, GenerateResult, InfoParams, InfoResult
from . import checkpoints, properties
from .arrays import read_mesh
from .launch import extension_version
from .preferences import preferences
from .scene import provenance
from .scene.build import add_object
from .scene.collection import select_only
from .session import Job, redraw, session

if TYPE_CHECKING:
    from bpy.types import Context, Event

POLL_SECONDS = 0.1


class _Backend:
    """An operator that sends one request to the backend and uses its answer."""

    _job: Job | None = None
    _timer: bpy.types.Timer | None = None

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
        redraw()
        if not job.done:
            return {"PASS_THROUGH"}
        self._end(context)
        try:
            self.finish(context, job)
        except Exception as error:
            return self._failed(error)
        self._remember(context)
        return {"FINISHED"}

    def cancel(self, context: Context) -> None:
        """Blender ends the operator by itself: another file is opened, or the window closes."""
        session.cancel()
        session.fail(Cancelled())
        self._end(context)

    def _end(self, context: Context) -> None:
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None

    def _failed(self, error: Exception) -> set[str]:
        if not isinstance(error, Att3dError):  # a mistake of ours: for the console, and one line
            logging.getLogger(__package__).exception("%s failed", self.bl_idname)
            error = InternalError(f"{self.bl_label} failed: {type(error).__name__}: {error}")
        session.fail(error)
        redraw()
        if isinstance(error, Cancelled):
            self.report({"INFO"}, "Cancelled")
        else:
            end = "" if error.message.endswith((".", "!", "?")) else "."
            self.report({"ERROR"}, f"{error.message}{end} {error.remedy}".strip())
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


class ATT3D_OT_generate(_Backend, bpy.types.Operator):
    """Turn the prompt into a textured object"""

    bl_idname = "att3d.generate"
    bl_label = "Generate"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    # Not the last values used but the scene's are the defaults, so none of these is saved. Ranges
    # are the backend's to judge: it says what is wrong, where Blender would silently clamp.
    prompt: StringProperty(
        name="Prompt", description="What to make, in a few words", options={"SKIP_SAVE"}
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
        description="Width and height of the color texture, in pixels",
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
    normal_map: BoolProperty(
        name="Normal Map",
        description="Also bake the fine shape that the faces cannot hold",
        options={"SKIP_SAVE"},
    )

    _scene_uid = 0

    def request(self, context: Context) -> Job:
        scene = context.scene
        settings = scene.att3d
        for name in ("prompt", "checkpoint", "faces", "texture_size", "resolution", "normal_map"):
            if not self.properties.is_property_set(name):
                setattr(self, name, getattr(settings, name))
        self._scene_uid = scene.session_uid
        chosen = preferences(context)
        params = GenerateParams(
            prompt=self.prompt,
            checkpoint=checkpoints.path_of(self.checkpoint, chosen.checkpoint_folder_path),
            faces=self.faces,
            texture_size=self.texture_size,
            resolution=self.resolution,
            normal_map=self.normal_map,
        )
        return session.submit(chosen.launch, "generate", params)

    def finish(self, context: Context, job: Job) -> None:
        result = job.result(GenerateResult)
        file = Path(result.mesh)
        arrays = read_mesh(file)
        file.unlink(missing_ok=True)  # the backend's folder holds only what is on its way
        # The scene may have been deleted, or another be in front, since the request was made.
        scene = next(
            (s for s in bpy.data.scenes if s.session_uid == self._scene_uid), context.scene
        )
        origin = provenance.Provenance(
            prompt=result.prompt,
            checkpoint=Path(result.checkpoint).stem,
            checkpoint_hash=result.checkpoint_hash,
            extension_version=extension_version(),
            backend_version=result.version,
            options={
                "faces": self.faces,
                "texture_size": self.texture_size,
                "resolution": self.resolution,
                "normal_map": self.normal_map,
            },
            notes=tuple(result.notes),
        )
        ob = add_object(scene, arrays, origin, scene.att3d.place)
        # Without the start of the process and the loading, which happen once.
        seconds = result.timings.get("total", job.seconds)
        session.succeed(result.notes, seconds)
        faces = len(ob.data.polygons)
        self.report({"INFO"}, f"“{ob.name}”: {faces:,} faces in {seconds:.1f} s")
        if scene == context.scene and not select_only(context, ob):
            self.report({"INFO"}, f"“{ob.name}” is there; leave this mode to select it")
        if preferences(context).show_colors:
            show_colors(context)


class ATT3D_OT_cancel(bpy.types.Operator):
    """Stop generating. The scene stays as it is"""

    bl_idname = "att3d.cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not session.busy:
            cls.poll_message_set("Nothing is being generated")
        return session.busy

    def execute(self, context: Context) -> set[str]:
        session.cancel()
        redraw()
        return {"FINISHED"}


class ATT3D_OT_test_backend(_Backend, bpy.types.Operator):
    """Start the backend and ask it what it runs on"""

    bl_idname = "att3d.test_backend"
    bl_label = "Test Backend"

    def request(self, context: Context) -> Job:
        return session.submit(preferences(context).launch, "info", InfoParams())

    def finish(self, context: Context, job: Job) -> None:
        result = job.result(InfoResult)
        session.succeed()
        where = session.process.device or "loading"
        self.report({"INFO"}, f"The backend works (version {result.server}, {where})")


class ATT3D_OT_open_log(bpy.types.Operator):
    """Open the backend's log in the system's text viewer"""

    bl_idname = "att3d.open_log"
    bl_label = "Open Log"

    def execute(self, context: Context) -> set[str]:
        log = preferences(context).log_folder_path / "backend.log"
        if not log.is_file():
            self.report({"WARNING"}, f"There is no log yet: the backend has not run ({log})")
            return {"CANCELLED"}
        bpy.ops.wm.path_open(filepath=str(log))
        return {"FINISHED"}


class ATT3D_OT_suggest(bpy.types.Operator):
    """Fill in one of the prompts that this checkpoint knows"""

    bl_idname = "att3d.suggest"
    bl_label = "Surprise Me"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: Context) -> set[str]:
        settings = context.scene.att3d
        folder = preferences(context).checkpoint_folder_path
        chosen = checkpoints.find(settings.checkpoint, folder)
        prompts = [] if chosen is None else chosen.prompts
        if not prompts:
            self.report({"WARNING"}, "This checkpoint does not say which prompts it knows")
            return {"CANCELLED"}
        with properties.quietly():
            settings.prompt = random.choice(prompts)
        return {"FINISHED"}


class ATT3D_OT_use_prompt(bpy.types.Operator):
    """Put the prompt and mesh settings of the active object into the panel"""

    bl_idname = "att3d.use_prompt"
    bl_label = "Use This Prompt"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if provenance.prompt_of(context.active_object) is None:
            cls.poll_message_set("The active object was not made from a prompt")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        ob = context.active_object
        settings = context.scene.att3d
        with properties.quietly():
            settings.prompt = provenance.prompt_of(ob)
            for name, value in provenance.options_of(ob).items():
                if name in ("faces", "texture_size", "resolution", "normal_map"):
                    setattr(settings, name, value)
        return {"FINISHED"}


def show_colors(context: Context) -> None:
    """Make the texture visible in Solid viewports that still show the default grey."""
    screen = context.screen
    for area in screen.areas if screen is not None else ():
        if area.type == "VIEW_3D":
            shading = area.spaces.active.shading
            if shading.type == "SOLID" and shading.color_type == "MATERIAL":
                shading.color_type = "TEXTURE"


CLASSES = (
    ATT3D_OT_generate,
    ATT3D_OT_cancel,
    ATT3D_OT_test_backend,
    ATT3D_OT_open_log,
    ATT3D_OT_suggest,
    ATT3D_OT_use_prompt,
)
