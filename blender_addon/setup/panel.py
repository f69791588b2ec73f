"""How the set-up looks, in the sidebar and in the preferences."""

# bpy has no type stubs.
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

from __future__ import annotations

import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import bpy

from ...backend.protocol.errors import Att3dError, Cancelled, NotDownloaded
from ..process import backend_state, launch
from ..process.backend_state import State
from ..process.session import session
from ..process.watchdog import SILENT_SECONDS
from ..ui.status_text import draw_text
from . import builds, folders, pins
from .control import control
from .properties import AUTO

if TYPE_CHECKING:
    from .properties import SetupSettings

STEPS = {
    "look": "Looking at this machine",
    "python": "Looking for a Python",
    "environment": "Making the environment",
    "packages": "Installing packages",
    "torch": "Installing PyTorch",
    "check": "Testing the engine",
}


OPTIONAL = "Optional: PyTorch, for graphics cards and for models that need it"
"""Where the extension carries a backend."""


def say(text: str) -> str:
    """Translate a text into the language of the interface."""
    return bpy.app.translations.pgettext_iface(text)


def gigabytes(megabytes: int) -> str:
    return f"{megabytes / 1000:.1f} GB"


def draw_set_up(layout: bpy.types.UILayout, settings: SetupSettings, width: int) -> None:
    """The choices of a set-up, and its button; or how far it is."""
    if control.running:
        draw_progress(layout)
        return
    if control.deleting:
        layout.label(text="Deleting the engine", icon="TRASH")
        return
    control.look()
    folder = settings.folder_path
    marker = folders.read_marker(folder)
    box = layout.box()
    if launch.carries_backend():
        draw_text(box, say(OPTIONAL), width, "INFO")
    column = box.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(settings, "build")
    build = _build(settings)
    if settings.build == AUTO:
        suggestion = control.suggestion
        if suggestion is None:
            text = say("Looking at this machine")
        else:
            label = suggestion.build.label if suggestion.build is not None else say("None")
            text = f"{label}: {say(suggestion.reason).format(card=suggestion.card)}"
        draw_text(column, text, width, "INFO")
    column.prop(settings, "folder", placeholder=str(folder))
    if build is not None:
        free = control.free_mb(folder)
        text = say("Needs {needed}").format(needed=gigabytes(build.needed_mb))
        if free is not None:
            text += say(", {free} free").format(free=gigabytes(free))
        row = column.row()
        row.alert = free is not None and free < build.needed_mb and marker is None
        row.label(text=text, icon="DISK_DRIVE", translate=False)
    _draw_failure(box, settings, build, width)
    action = box.row()
    action.scale_y = 1.5
    label = set_up_label(marker, launch.carries_backend())
    action.operator("att3d.set_up", text=say(label), icon="IMPORT", translate=False)


def _draw_failure(
    box: bpy.types.UILayout, settings: SetupSettings, build: builds.Build | None, width: int
) -> None:
    """Why the last set-up failed, even when something else has gone wrong since."""
    error = control.error
    if error is None or isinstance(error, Cancelled):
        return
    if session.error is not error:  # which is shown above
        draw_text(box, f"{error.message} {error.remedy}", width, "ERROR")
    if build is None or settings.torch_index or not isinstance(error, NotDownloaded):
        return
    host = urlsplit(build.index).hostname
    if host and host in error.message and builds.elsewhere(build, sys.platform):
        box.operator("att3d.set_up_from_pypi", text="Take PyTorch from PyPI", icon="URL")


def set_up_label(marker: folders.Marker | None, carried: bool = False) -> str:
    """What the button does now; ``carried``: the extension has a backend of its own already."""
    if marker is None:
        return "Set Up Accelerator" if carried else "Set Up Engine"
    if marker.state == "incomplete":
        return "Continue Set-Up"
    if carried and marker.pins != pins.read().fingerprint:
        return "Update Accelerator"
    return "Update Engine" if marker.pins != pins.read().fingerprint else "Set Up Again"


def draw_progress(layout: bpy.types.UILayout) -> None:
    """How far the set-up is, with its cancel button."""
    step, text = control.step
    words = say(STEPS.get(step, step))
    row = layout.row(align=True)
    row.scale_y = 1.4
    row.progress(factor=control.fraction, text=f"{words}: {text}" if text else words, type="BAR")
    row.operator("att3d.cancel_set_up", text="", icon="X")
    layout.operator("att3d.open_setup_log", icon="TEXT")


def draw_managed(layout: bpy.types.UILayout, settings: SetupSettings, width: int) -> None:
    """Draw in the preferences what is set up, and everything that can be done about it."""
    marker = folders.read_marker(settings.folder_path)
    if marker is not None and marker.state == "complete" and not control.running:
        build = builds.BUILDS.get(marker.build)
        label = build.label if build is not None else marker.build
        text = f"{label}, Python {marker.python}, {gigabytes(marker.size_mb)}"
        layout.label(text=text, icon="CHECKMARK", translate=False)
    draw_set_up(layout, settings, width)
    row = layout.row()
    row.operator("att3d.restart_backend", icon="FILE_REFRESH")
    row.operator("att3d.delete_backend", icon="TRASH")
    row.operator("att3d.open_setup_log", icon="TEXT")


def draw_advanced(layout: bpy.types.UILayout, settings: SetupSettings) -> None:
    layout.prop(settings, "python", placeholder="One that is found on this machine")
    layout.prop(settings, "wheels", placeholder="Packages are downloaded")
    layout.prop(settings, "torch_index", placeholder=_index(settings))


def draw_mends(
    layout: bpy.types.UILayout, state: State, error: Att3dError | None, set_up: bool = True
) -> None:
    """The buttons that mend this state."""
    column = layout.column(align=True)
    for mend in backend_state.mends(state, error, set_up):
        column.operator(mend.operator, icon=mend.icon)


def draw_hung(layout: bpy.types.UILayout, width: int) -> None:
    """A backend that does not answer: what that means, and the way out."""
    box = layout.box()
    seconds = f"{SILENT_SECONDS:.0f}"
    draw_text(
        box,
        say("The engine has said nothing for more than {seconds} s").format(seconds=seconds),
        width,
        "ERROR",
    )
    draw_mends(box, State.HUNG, None)


def _build(settings: SetupSettings) -> builds.Build | None:
    if settings.build != AUTO:
        return builds.BUILDS[settings.build]
    suggestion = control.suggestion
    return suggestion.build if suggestion is not None else None


def _index(settings: SetupSettings) -> str:
    build = _build(settings)
    return build.index if build is not None else builds.PYPI
