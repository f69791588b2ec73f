"""How the state of the backend, errors and notes look, wherever they are drawn."""

# bpy has no type stubs.
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

from __future__ import annotations

from pathlib import Path

import blf
import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_rpt as rpt_

from ...backend.protocol.errors import Att3dError
from ..checkpoints import catalog
from ..process.backend_state import State
from ..process.session import Session

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
}

_BETWEEN = "  ·  "

STAGES = {
    "queued": "Waiting",
    "starting": "Starting the backend",
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
    "keys": "Fitting the shape to every key",
    "quality": "Measuring",
}
"""Words for the backend's stages. One that is not here is shown as it is."""


def stage_text(stage: str) -> str:
    return iface_(STAGES.get(stage, stage.replace("_", " ").capitalize()))


def made_text(ob: bpy.types.Object, seconds: float) -> str:
    """What is reported when an object is there."""
    return rpt_("“{name}”: {faces} faces in {seconds} s").format(
        name=ob.name, faces=f"{len(ob.data.polygons):,}", seconds=f"{seconds:.1f}"
    )


def told(error: Att3dError) -> str:
    """What went wrong and what to do about it, as one report."""
    end = "" if error.message.endswith((".", "!", "?")) else "."
    return f"{rpt_(error.message)}{end} {rpt_(error.remedy)}".strip()


def wrap(text: str, width: float) -> list[str]:
    """``text`` in lines of at most ``width`` pixels, as Blender's panels would draw it.

    Blender's labels do not wrap. A word that is longer than a line is broken.
    """
    preferences = bpy.context.preferences
    size = preferences.ui_styles[0].widget.points * preferences.system.ui_scale
    blf.size(0, size)
    lines: list[str] = []
    line = ""
    for word in text.split():
        while blf.dimensions(0, word)[0] > width and len(word) > 1:
            fit = next(n for n in range(len(word), 0, -1) if n == 1 or _fits(word[:n], width))
            lines += [line, word[:fit]] if line else [word[:fit]]
            line, word = "", word[fit:]
        longer = f"{line} {word}".strip()
        if line and not _fits(longer, width):
            lines.append(line)
            line = word
        else:
            line = longer
    return [*lines, line] if line else lines


def _fits(text: str, width: float) -> bool:
    return blf.dimensions(0, text)[0] <= width


def draw_text(layout: bpy.types.UILayout, text: str, region_width: int, icon: str) -> None:
    """A paragraph with an icon before its first line."""
    scale = bpy.context.preferences.system.ui_scale
    column = layout.column(align=True)
    column.scale_y = 0.8
    for index, line in enumerate(wrap(text, region_width - 90 * scale)):
        column.label(text=line, icon=icon if index == 0 else "BLANK1", translate=False)


def draw_status(layout: bpy.types.UILayout, session: Session, region_width: int) -> None:
    """What the backend is doing, in one line; a narrow sidebar gets a second for the figures."""
    state = session.state
    text = bpy.app.translations.pgettext_iface(state.value)
    process = session.process
    figures: list[str] = []
    if state is State.READY and process.device:
        text = f"{text} ({process.device.upper()})"
        if process.checkpoint:
            text = f"{text}{_BETWEEN}{catalog.name_of(Path(process.checkpoint))}"
        if process.memory_bytes:
            figures.append(f"{process.memory_bytes / 1e9:.1f} GB")
        if session.seconds is not None:
            figures.append(f"{session.seconds:.1f} s")
    whole = _BETWEEN.join([text, *figures])
    scale = bpy.context.preferences.system.ui_scale
    lines = [whole] if _fits(whole, region_width - 90 * scale) else [text, _BETWEEN.join(figures)]
    column = layout.column(align=True)
    column.scale_y = 0.8 if len(lines) > 1 else 1.0
    column.active = state is not State.STOPPED
    column.label(text=lines[0], icon=ICONS[state], translate=False)
    for line in filter(None, lines[1:]):
        row = column.row()
        row.active = False
        row.label(text=line, icon="BLANK1", translate=False)


def draw_problem(layout: bpy.types.UILayout, error: Att3dError, region_width: int) -> None:
    """What went wrong, and what to do about it."""
    box = layout.box()
    red = box.column()
    red.alert = True
    draw_text(red, iface_(error.message), region_width, "ERROR")
    if error.remedy:
        draw_text(box, iface_(error.remedy), region_width, "FORWARD")
