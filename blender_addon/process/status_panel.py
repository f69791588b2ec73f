"""The state of the backend, as panels show it: the header's line, and words for its stages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import bpy
from bpy.app.translations import pgettext_iface as iface_

from ..ui.status_text import draw_text, fits
from . import backend_state
from .backend_state import State
from .launch import Launch
from .session import session

ICONS = {
    State.NOT_SET_UP: "TOOL_SETTINGS",
    State.SETTING_UP: "IMPORT",
    State.STOPPED: "RADIOBUT_OFF",
    State.STARTING: "SORTTIME",
    State.LOADING: "IMPORT",
    State.READY: "CHECKMARK",
    State.GENERATING: "RENDER_ANIMATION",
    State.HUNG: "ERROR",
    State.FAILED: "ERROR",
    State.SETUP_FAILED: "ERROR",
}

_BETWEEN = "  ·  "

STAGES = {
    "queued": "Waiting",
    "starting": "Starting the engine",
    "load": "Loading the model",
    "text": "Reading the prompt",
    "grid": "Imagining",
    "density": "Shaping",
    "contour": "Finding the surface",
    "clean": "Cleaning up",
    "decimate": "Simplifying",
    "uv": "Unwrapping",
    "bake": "Painting",
    "fields": "Imagining what is between",
    "template": "Finding one shape for all",
    "model": "Reading the object",
    "place": "Finding where it stands",
    "fit": "Finding the nearest",
    "pictures": "Comparing pictures",
    "keys": "Fitting the shape to every key",
    "segments": "Fitting shapes to parts of the way",
    "quality": "Measuring",
}
"""Words for the backend's stages. One that is not here is shown as it is."""


PLACES = {
    "command": "by the command of the preferences",
    "preference": "in the Python of the preferences",
    "variable": "in the Python that ATT3D_PYTHON names",
    "accelerator": "in the accelerator",
    "blender": "in Blender's own Python",
    "remembered": "in the Python that worked last",
}
"""Words for where a launch's Python is from."""

REASONS = {
    "no_torch": "PyTorch is not installed there",
    "processor_build": "this PyTorch is for processors, where numpy is as fast",
    "no_gpu": "PyTorch finds no GPU",
    "broken": "PyTorch cannot be loaded",
    "gpu": "PyTorch finds a GPU",
    "checkpoint": "this model needs PyTorch",
    "asked": "as asked for",
}
"""Words for why the backend computes with numpy or with PyTorch."""


def stage_text(stage: str) -> str:
    return iface_(STAGES.get(stage, stage.replace("_", " ").capitalize()))


def draw_status(
    layout: bpy.types.UILayout, region_width: int, name_of: Callable[[Path], str]
) -> None:
    """What the backend is doing, in one line; a narrow sidebar gets a second for the figures.

    Args:
        layout: to draw in.
        region_width: pixels.
        name_of: what the checkpoint file at a path is called.
    """
    state = session.state
    text = bpy.app.translations.pgettext_iface(state.value)
    process = session.process
    figures: list[str] = []
    if state is State.READY and process.device:
        text = f"{text} ({process.device.upper()})"
        if process.checkpoint:
            text = f"{text}{_BETWEEN}{name_of(Path(process.checkpoint))}"
        if process.memory_bytes:
            figures.append(f"{process.memory_bytes / 1e9:.1f} GB")
        if session.seconds is not None:
            figures.append(f"{session.seconds:.1f} s")
    whole = _BETWEEN.join([text, *figures])
    scale = bpy.context.preferences.system.ui_scale
    lines = [whole] if fits(whole, region_width - 90 * scale) else [text, _BETWEEN.join(figures)]
    column = layout.column(align=True)
    column.scale_y = 0.8 if len(lines) > 1 else 1.0
    column.active = state is not State.STOPPED
    column.label(text=lines[0], icon=ICONS[state], translate=False)
    for line in filter(None, lines[1:]):
        row = column.row()
        row.active = False
        row.label(text=line, icon="BLANK1", translate=False)


def draw_backend(
    layout: bpy.types.UILayout, region_width: int, planned: Launch | None = None
) -> None:
    """What computes, where, and why; and what is wrong with a PyTorch that was passed over.

    Args:
        layout: to draw in.
        region_width: pixels.
        planned: how the backend would be started, to say where while it does not run.
    """
    process, started = session.process, session.launch
    column = layout.column()
    column.active = False
    if started is not None and process.library:
        text = iface_("{library} on {device}, {place}: {reason}").format(
            library={"torch": "PyTorch"}.get(process.library, process.library),
            device=process.device.upper(),
            place=iface_(PLACES[started.source]),
            reason=iface_(REASONS.get(process.reason, process.reason)),
        )
        draw_text(column, text, region_width, "BLANK1")
    elif planned is not None:
        text = iface_("Runs {place}").format(place=iface_(PLACES[planned.source]))
        draw_text(column, text, region_width, "BLANK1")
    if process.broken:
        draw_text(layout, process.broken, region_width, "ERROR")
        mend = backend_state.SET_UP
        layout.operator(mend.operator, icon=mend.icon)
