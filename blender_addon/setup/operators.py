"""What can be done about the backend: set it up, cancel that, delete it, restart it, mend it."""

# bpy has no type stubs.
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import bpy
from bpy.app.translations import pgettext_rpt as rpt_

from ...backend.protocol.errors import Att3dError, Cancelled, MissingDependency, NotDownloaded
from ..process.launch import EXTENSION_ROOT, clean_environment, extension_version
from ..process.operator import idle
from ..process.session import redraw, session
from ..ui.preferences import preferences
from ..ui.status_text import report_failure
from . import builds, folders
from .control import control
from .plan import Plan, check_index
from .properties import AUTO

if TYPE_CHECKING:
    from bpy.types import Context

_TICK_SECONDS = 0.25
_SMALLEST = {"resolution": 64, "texture_size": 256, "faces": 1000}


def blender_prefix() -> Path | None:
    """The folder of the Python that this Blender brings; None where it uses the system's."""
    prefix = Path(sys.base_prefix)
    local = bpy.utils.resource_path("LOCAL")
    return prefix if local and Path(local) in prefix.parents else None


def forbidden() -> list[Path]:
    """Folders that go with a Blender version or with the extension."""
    named = [bpy.utils.resource_path(kind) for kind in ("LOCAL", "USER", "SYSTEM")]
    return [Path(path) for path in named if path] + [EXTENSION_ROOT]


def make_plan(context: Context, suggestion: builds.Suggestion) -> Plan:
    """What the preferences ask for.

    Raises:
        Att3dError: it cannot be done here, or not now.
    """
    chosen = preferences(context).setup
    build = suggestion.build if chosen.build == AUTO else builds.BUILDS[chosen.build]
    if build is None:
        raise MissingDependency(
            f"{suggestion.reason}.",
            "Use another computer: its command goes into Command in the preferences.",
        )
    wheels = bpy.path.abspath(chosen.wheels) if chosen.wheels else ""
    index = chosen.torch_index.strip() or build.index
    if not wheels:
        check_index(index)
        if not bpy.app.online_access:
            overridden = getattr(bpy.app, "online_access_override", False)
            raise NotDownloaded(
                "Setting up downloads packages, and Blender is offline.",
                "Start Blender without --offline-mode"
                if overridden
                else "Turn on Allow Online Access in the preferences (System), or choose a folder "
                "of packages in the advanced options.",
            )
    folder = chosen.folder_path
    folders.check(folder, forbidden())
    prefix = blender_prefix()
    return Plan(
        folder=str(folder),
        build=build.identifier,
        torch_index=index,
        wheels=wheels,
        python=bpy.path.abspath(chosen.python) if chosen.python else "",
        blender_prefix=str(prefix) if prefix else "",
        extension=extension_version(),
        needed_mb=build.needed_mb,
        environment=clean_environment(_environ(), online=False),
    )


def _environ() -> dict[str, str]:
    return dict(os.environ) | {"PYTHONDONTWRITEBYTECODE": "1"}


def _tick() -> float | None:
    ended = control.tick()
    redraw()
    if ended:
        _ended()
    return _TICK_SECONDS if control.running or control.deleting else None


def _ended() -> None:
    """A set-up or a deletion is over: show how it went; after a set-up start what was set up."""
    error = control.error
    session.error = None if isinstance(error, Cancelled) else error
    chosen = preferences()
    if error is not None or not chosen.setup.environment:
        return
    if chosen.backend_python and isinstance(chosen.missing, MissingDependency):
        chosen.backend_python = ""  # a path that leads nowhere gives way to what is set up now
    if not bpy.app.background:
        try:
            session.restart(chosen.launch)
        except Att3dError as failure:
            session.error = failure


def watch() -> None:
    if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=_TICK_SECONDS, persistent=True)


def register() -> None:
    session.setting_up = lambda: control.running
    session.setup_error = lambda: control.error


def unregister() -> None:
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    control.close()
    session.setting_up = lambda: False
    session.setup_error = lambda: None


class ATT3D_OT_set_up(bpy.types.Operator):
    """Make an environment with PyTorch, outside Blender. Goes on where it broke off"""

    bl_idname = "att3d.set_up"
    bl_label = "Set Up Accelerator"

    @classmethod
    def poll(cls, context: Context) -> bool:
        if control.running or control.deleting:
            cls.poll_message_set("The engine is being set up or deleted")
            return False
        return idle(cls)

    def execute(self, context: Context) -> set[str]:
        session.error = None
        session.close(wait=bpy.app.background)  # a running one would keep files of the old one open
        control.start(lambda suggestion: make_plan(bpy.context, suggestion))
        if bpy.app.background:
            control.wait()
            _ended()
        if control.error is not None:
            session.error = control.error
            report_failure(self, control.error)
            redraw()
            return {"CANCELLED"}
        watch()
        redraw()
        return {"FINISHED"}


class ATT3D_OT_set_up_from_pypi(bpy.types.Operator):
    """Continue with the PyTorch of pypi.org, as the chosen build's own address cannot be reached"""

    bl_idname = "att3d.set_up_from_pypi"
    bl_label = "Take PyTorch from PyPI"

    @classmethod
    def poll(cls, context: Context) -> bool:
        return ATT3D_OT_set_up.poll(context)

    def execute(self, context: Context) -> set[str]:
        preferences(context).setup.torch_index = builds.PYPI
        return ATT3D_OT_set_up.execute(self, context)


class ATT3D_OT_cancel_set_up(bpy.types.Operator):
    """Stop setting up. What was downloaded is kept, so that it can go on later"""

    bl_idname = "att3d.cancel_set_up"
    bl_label = "Cancel Set-Up"

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not control.running:
            cls.poll_message_set("Nothing is being set up")
        return control.running

    def execute(self, context: Context) -> set[str]:
        control.cancel()
        redraw()
        return {"FINISHED"}


class ATT3D_OT_delete_backend(bpy.types.Operator):
    """Delete the environment that was set up here, with all its packages, and free the disk"""

    bl_idname = "att3d.delete_backend"
    bl_label = "Delete Engine"

    @classmethod
    def poll(cls, context: Context) -> bool:
        if control.running or control.deleting or session.busy:
            cls.poll_message_set("The engine is at work. Cancel that first")
            return False
        if folders.read_marker(preferences(context).setup.folder_path) is None:
            cls.poll_message_set("There is no engine in the folder that is chosen")
            return False
        return True

    def invoke(self, context: Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: Context) -> set[str]:
        folder = preferences(context).setup.folder_path
        session.close(wait=bpy.app.background)
        control.delete(folder)
        if bpy.app.background:
            control.wait()
            session.error = control.error
            if control.error is not None:
                report_failure(self, control.error)
                return {"CANCELLED"}
        watch()
        redraw()
        return {"FINISHED"}


class ATT3D_OT_open_setup_log(bpy.types.Operator):
    """Open what uv and the others said while setting up"""

    bl_idname = "att3d.open_setup_log"
    bl_label = "Open Set-Up Log"

    def execute(self, context: Context) -> set[str]:
        log = preferences(context).setup.folder_path / folders.LOG
        if not log.is_file():
            text = rpt_("There is no log yet ({path})")
            self.report({"WARNING"}, text.format(path=log))
            return {"CANCELLED"}
        bpy.ops.wm.path_open(filepath=str(log))
        return {"FINISHED"}


class ATT3D_OT_restart_backend(bpy.types.Operator):
    """End the engine at once, even if it hangs, and start it again"""

    bl_idname = "att3d.restart_backend"
    bl_label = "Restart Engine"

    @classmethod
    def poll(cls, context: Context) -> bool:
        if control.running or control.deleting:
            cls.poll_message_set("The engine is being set up or deleted")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        try:
            session.restart(preferences(context).launch)
        except Att3dError as error:
            session.error = error
            report_failure(self, error)
            return {"CANCELLED"}
        finally:
            redraw()
        return {"FINISHED"}


class ATT3D_OT_smaller(bpy.types.Operator):
    """Halve detail, texture size and faces, so that the object needs less memory"""

    bl_idname = "att3d.smaller"
    bl_label = "Use Smaller Settings"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        settings = context.scene.att3d
        if all(getattr(settings, name) <= least for name, least in _SMALLEST.items()):
            cls.poll_message_set("Detail, texture size and faces are at their smallest")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        settings = context.scene.att3d
        for name, least in _SMALLEST.items():
            value = getattr(settings, name)
            setattr(settings, name, max(min(value, least), value // 2))
        session.error = None
        redraw()
        text = rpt_("Detail {detail}, texture {texture}, faces {faces}: generate again").format(
            detail=settings.resolution, texture=settings.texture_size, faces=settings.faces
        )
        self.report({"INFO"}, text)
        return {"FINISHED"}


class ATT3D_OT_use_triangles(bpy.types.Operator):
    """Make triangles instead of quads: they hold parts of any thinness"""

    bl_idname = "att3d.use_triangles"
    bl_label = "Use Triangles"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: Context) -> set[str]:
        context.scene.att3d.topology = "triangles"
        session.error = None
        redraw()
        self.report({"INFO"}, rpt_("Triangles: generate again"))
        return {"FINISHED"}


class ATT3D_OT_open_network_settings(bpy.types.Operator):
    """Open Blender's preferences where Allow Online Access is"""

    bl_idname = "att3d.open_network_settings"
    bl_label = "Network Settings"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    def execute(self, context: Context) -> set[str]:
        bpy.ops.screen.userpref_show(section="SYSTEM")
        return {"FINISHED"}


CLASSES = (
    ATT3D_OT_set_up,
    ATT3D_OT_set_up_from_pypi,
    ATT3D_OT_cancel_set_up,
    ATT3D_OT_delete_backend,
    ATT3D_OT_open_setup_log,
    ATT3D_OT_restart_backend,
    ATT3D_OT_smaller,
    ATT3D_OT_use_triangles,
    ATT3D_OT_open_network_settings,
)
