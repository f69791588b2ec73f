"""What a person sets once: the backend's Python, folders, and how the panel behaves."""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import bpy
from bpy.props import BoolProperty, IntProperty, PointerProperty, StringProperty

from ...backend.files import atomic_write, check_source
from ...backend.protocol.errors import Att3dError
from ...backend.protocol.foreign_text import parse_json
from ..checkpoints import catalog
from ..process import launch
from ..process.session import redraw, session
from ..process.status_panel import draw_backend, draw_status
from ..ui.preferences import EXTENSION, preferences
from ..ui.status_text import draw_problem, draw_text
from ..ui.user_folders import data_folder
from . import panel
from .properties import SetupSettings

if TYPE_CHECKING:
    from bpy.types import Context


def _start_changed(chosen: Preferences, context: Context) -> None:
    """What was wrong may be right now; the next request will tell."""
    session.error = None
    redraw()


BEFORE_ACCELERATOR = {
    "command": "Command",
    "preference": "Engine Python",
    "variable": launch.VARIABLE,
}
"""Names of what is used instead of an accelerator that is set up."""


class Preferences(bpy.types.AddonPreferences):
    """The page of this extension in Blender's preferences."""

    bl_idname = EXTENSION

    setup: PointerProperty(
        type=SetupSettings, name="Set-Up", description="How the engine's environment is made"
    )
    backend_python: StringProperty(
        name="Engine Python",
        description=(
            "The Python that runs the model: an interpreter, or the folder of its environment. "
            "Empty: the environment variable ATT3D_PYTHON, then what was set up here, then "
            "Blender's own where the extension carries packages, then the one that worked last time"
        ),
        subtype="FILE_PATH",
        update=_start_changed,
    )
    backend_command: StringProperty(
        name="Command",
        description=(
            "Replaces the whole command that starts the engine. It must speak on its standard "
            "input and output, for example: ssh host python -m backend serve"
        ),
        update=_start_changed,
    )
    remembered_python: StringProperty(
        name="Last Working Python",
        description="The Python that the engine last started with",
        options={"HIDDEN"},
    )
    checkpoint_folder: StringProperty(
        name="Model Folder",
        description="A folder with more models (.safetensors), offered in the panel",
        subtype="DIR_PATH",
    )
    log_folder: StringProperty(
        name="Log Folder",
        description="Where the engine's log is written. Empty: Blender's own folder for it",
        subtype="DIR_PATH",
    )
    generate_on_enter: BoolProperty(
        name="Enter Generates",
        description="Generate as soon as the prompt is confirmed, without a click on the button",
        default=True,
    )
    keep_history: BoolProperty(
        name="Keep a History",
        description=(
            "Keep every result with its prompt and picture on this machine, so that it can be "
            "restored in any file. Nothing is sent anywhere"
        ),
        default=True,
    )
    history_folder: StringProperty(
        name="History Folder",
        description="Where the history is kept. Empty: a folder that belongs to no Blender version",
        subtype="DIR_PATH",
    )
    history_limit: IntProperty(
        name="History Size",
        description="Megabytes. When there are more, the oldest results go",
        default=500,
        min=1,
        soft_min=50,
        soft_max=10_000,
    )
    remembered_options: StringProperty(
        name="Last Mesh Options",
        description="The mesh options that were used last; new files begin with them",
        options={"HIDDEN"},
    )
    chain_experience: StringProperty(
        name="Pace of Chains",
        description="How long chains took on this machine, and how many keys they needed",
        options={"HIDDEN"},
    )
    show_colors: BoolProperty(
        name="Show Colors",
        description="Show textures in Solid viewports that still show the default grey",
        default=True,
    )

    @property
    def checkpoint_folder_path(self) -> str:
        """The folder as an absolute path; empty when there is none."""
        return bpy.path.abspath(self.checkpoint_folder) if self.checkpoint_folder else ""

    @property
    def history_folder_path(self) -> Path:
        """Where results are kept."""
        if self.history_folder:
            return Path(bpy.path.abspath(self.history_folder))
        return data_folder() / "history"

    @property
    def pictures_path(self) -> Path:
        """Pictures that can be drawn again: in Blender's folder, which goes with the extension."""
        return Path(bpy.utils.extension_path_user(EXTENSION, path="pictures"))

    @property
    def log_folder_path(self) -> Path:
        """Where ``backend.log`` goes. Never the extension's own folder, which updates replace."""
        if self.log_folder:
            return Path(bpy.path.abspath(self.log_folder))
        try:
            return Path(bpy.utils.extension_path_user(EXTENSION, path="logs", create=True))
        except OSError:  # a home that cannot be written; the log is not worth failing for
            return Path(tempfile.gettempdir()) / "att3d-logs"

    def launch(self) -> launch.Launch:
        """How to start the backend now.

        Raises:
            MissingDependency: no usable Python is set.
            BadRequest: the command cannot be read.
        """
        own = self.setup.folder_path
        remembered = self.remembered_python
        if own in Path(remembered).parents:  # only what is complete, which is ``environment``
            remembered = ""
        return launch.plan(
            python=bpy.path.abspath(self.backend_python) if self.backend_python else "",
            command=self.backend_command,
            managed=self.setup.environment,
            remembered=remembered,
            own=launch.own_python,
            log_folder=self.log_folder_path,
            online=bpy.app.online_access,
        )

    @property
    def problem(self) -> Att3dError | None:
        """Why the last request failed, or why the next one would: no Python is set up."""
        if session.problem is not None or session.pid is not None:
            return session.problem
        return self.missing

    @property
    def missing(self) -> Att3dError | None:
        """Why there is nothing to start; None: there is."""
        try:
            self.launch()
        except Att3dError as error:
            return error
        return None

    def draw(self, context: Context) -> None:
        layout = self.layout
        width = context.region.width
        problem = self.problem
        draw_status(layout, width, catalog.name_of)
        planned = self.launch() if self.missing is None else None
        draw_backend(layout, width, planned)
        if self.setup.environment and planned is not None and planned.source in BEFORE_ACCELERATOR:
            unused = panel.say("The accelerator is set up too, and not used: {chosen} comes first")
            chosen = panel.say(BEFORE_ACCELERATOR[planned.source])
            draw_text(layout, unused.format(chosen=chosen), width, "INFO")
        if problem is not None and not session.busy:
            draw_problem(layout, problem, width)
            missing = self.missing is not None
            error = session.error if missing else problem
            panel.draw_mends(layout, session.state, error, set_up=not missing)
        row = layout.row()
        row.operator("att3d.test_backend", icon="PLAY")
        row.operator("att3d.open_log", icon="TEXT")
        row.operator("att3d.manual", icon="HELP")
        if self.missing is not None or not (self.backend_python or self.backend_command.strip()):
            panel.draw_managed(layout, self.setup, width)

        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(self, "backend_python", placeholder="Instead of setting one up here")
        column.prop(self, "checkpoint_folder", placeholder="Only those of the extension")
        column.prop(self, "generate_on_enter")
        column.prop(self, "show_colors")

        header, body = layout.panel("att3d_advanced", default_closed=True)
        header.label(text="Advanced")
        if body is not None:
            body.use_property_split = True
            body.use_property_decorate = False
            panel.draw_advanced(body, self.setup)
            body.prop(self, "backend_command", placeholder="Starts Engine Python on this machine")
            body.prop(self, "keep_history")
            history = body.column()
            history.active = self.keep_history
            history.prop(self, "history_folder", placeholder="A folder of no Blender version")
            history.prop(self, "history_limit")
            body.prop(self, "log_folder", placeholder="Blender's folder for this extension")


class ATT3D_OT_open_preferences(bpy.types.Operator):
    """Open the preferences of this extension"""

    bl_idname = "att3d.open_preferences"
    bl_label = "Set Up the Engine"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    def execute(self, context: Context) -> set[str]:
        bpy.ops.preferences.addon_show(module=EXTENSION)
        return {"FINISHED"}


def _is_set_up() -> bool:
    addon = bpy.context.preferences.addons.get(EXTENSION)
    return addon is not None and addon.preferences.missing is None


CLASSES = (SetupSettings, Preferences, ATT3D_OT_open_preferences)


KEPT = (
    "backend_python", "backend_command", "remembered_python", "checkpoint_folder", "log_folder",
    "history_folder",
)  # fmt: skip
"""What is not lost when the extension is disabled, which takes its preferences out of Blender's."""


def _kept_file() -> Path:
    return Path(bpy.utils.extension_path_user(EXTENSION)) / "preferences.json"


def _restore() -> None:
    """Take what was chosen before the extension was disabled, and forget it."""
    file, chosen = _kept_file(), preferences()
    try:
        kept = parse_json(check_source(file).read_text(encoding="utf-8"))
        file.unlink()
    except (OSError, ValueError):
        return
    for name in KEPT:
        value = kept.get(name) if isinstance(kept, dict) else None
        if isinstance(value, str) and not chosen.is_property_set(name):
            setattr(chosen, name, value)


def _keep() -> None:
    """Blender is about to drop the preferences. Where nothing can be written they are lost."""
    file, chosen = _kept_file(), preferences()
    values = {name: getattr(chosen, name) for name in KEPT if chosen.is_property_set(name)}
    if values:
        with contextlib.suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(file, json.dumps(values, ensure_ascii=False).encode())


def register() -> None:
    session.is_set_up = _is_set_up
    if EXTENSION in bpy.context.preferences.addons:
        _restore()


def unregister() -> None:
    if EXTENSION in bpy.context.preferences.addons:
        _keep()
