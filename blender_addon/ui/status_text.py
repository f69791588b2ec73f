"""How errors, notes and long texts look, wherever they are drawn."""

from __future__ import annotations

import blf
import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_rpt as rpt_

from ...backend.protocol.errors import Att3dError

TAB = "ATT3D"
"""The sidebar's tab, as ``bl_category`` of the panels names it."""


def made_text(ob: bpy.types.Object, seconds: float) -> str:
    """What is reported when an object is there."""
    return rpt_("“{name}”: {faces} faces in {seconds} s").format(
        name=ob.name, faces=f"{len(ob.data.polygons):,}", seconds=f"{seconds:.1f}"
    )


def duration_text(seconds: float) -> str:
    """A duration as a person says it: "about 20 seconds", "about 2 minutes"."""
    if seconds < 7.5:
        return iface_("a few seconds")
    if seconds < 52.5:
        return iface_("about {count} seconds").format(count=5 * round(seconds / 5))
    if seconds < 90:
        return iface_("about a minute")
    return iface_("about {count} minutes").format(count=round(seconds / 60))


def range_text(least: float, most: float) -> str:
    """How long something takes that takes from ``least`` to ``most`` seconds."""
    if most < 7.5:
        return iface_("Takes a few seconds")
    low, high = (5 * max(round(seconds / 5), 1) for seconds in (least, most))
    if most < 90.0:
        return iface_("Takes {low} to {high} seconds").format(low=low, high=high)
    minutes = round(most / 60)
    if least < 45.0:
        return iface_("Takes {low} seconds to {high} minutes").format(low=low, high=minutes)
    low = round(least / 60)
    return iface_("Takes {low} to {high} minutes").format(low=low, high=max(minutes, low + 1))


def told(error: Att3dError) -> str:
    """What went wrong and what to do about it, as one report."""
    end = "" if error.message.endswith((".", "!", "?")) else "."
    return f"{rpt_(error.message)}{end} {rpt_(error.remedy)}".strip()


def report_failure(operator: bpy.types.Operator, error: Att3dError) -> None:
    """Report what went wrong, and why.

    Blender shows an error as a pop-up below the mouse, which lies over the prompt. So where a
    person has asked and the tab is on show, which says the same with its remedy, it is a warning in
    the status bar. Scripts get an exception.
    """
    by_hand = not bpy.app.background and operator.options.is_invoke
    operator.report({"WARNING"} if by_hand and is_tab_shown() else {"ERROR"}, told(error))


def is_tab_shown() -> bool:
    """Whether a sidebar shows our tab now."""
    manager = bpy.context.window_manager
    return any(
        region.type == "UI" and region.width > 1 and region.active_panel_category == TAB
        for window in (manager.windows if manager is not None else ())
        for area in window.screen.areas
        if area.type == "VIEW_3D" and area.spaces.active.show_region_ui
        for region in area.regions
    )


def wrap(text: str, width: float) -> list[str]:
    """``text`` in lines of at most ``width`` pixels, as Blender's panels would draw it.

    Blender's labels do not wrap. A word that is longer than a line is broken.
    """
    _as_in_panels()
    lines: list[str] = []
    line = ""
    for word in text.split():
        while blf.dimensions(0, word)[0] > width and len(word) > 1:
            fit = next(n for n in range(len(word), 0, -1) if n == 1 or fits(word[:n], width))
            lines += [line, word[:fit]] if line else [word[:fit]]
            line, word = "", word[fit:]
        longer = f"{line} {word}".strip()
        if line and not fits(longer, width):
            lines.append(line)
            line = word
        else:
            line = longer
    return [*lines, line] if line else lines


def shortened(text: str, width: float) -> str:
    """``text`` on one line of at most ``width`` pixels in a panel: its middle is left out.

    Blender cuts a button's text at its end, where prompts differ.
    """
    _as_in_panels()
    return without_middle(text, width)


def without_middle(text: str, width: float) -> str:
    """``text``, or both its ends with an ellipsis, in the size that ``blf`` has."""
    if fits(text, width):
        return text
    for left_out in range(1, len(text)):
        start = (len(text) - left_out) // 2
        cut = f"{text[:start].rstrip()}…{text[start + left_out :].lstrip()}"
        if fits(cut, width):
            return cut
    return "…"


def _as_in_panels() -> None:
    preferences = bpy.context.preferences
    blf.size(0, preferences.ui_styles[0].widget.points * preferences.system.ui_scale)


def fits(text: str, width: float) -> bool:
    """Whether Blender's panels draw ``text`` in at most ``width`` pixels."""
    return blf.dimensions(0, text)[0] <= width


def draw_text(layout: bpy.types.UILayout, text: str, region_width: int, icon: str) -> None:
    """A paragraph with an icon before its first line."""
    scale = bpy.context.preferences.system.ui_scale
    column = layout.column(align=True)
    column.scale_y = 0.8
    for index, line in enumerate(wrap(text, region_width - 90 * scale)):
        column.label(text=line, icon=icon if index == 0 else "BLANK1", translate=False)


def draw_problem(layout: bpy.types.UILayout, error: Att3dError, region_width: int) -> None:
    """What went wrong, and what to do about it."""
    box = layout.box()
    red = box.column()
    red.alert = True
    draw_text(red, iface_(error.message), region_width, "ERROR")
    if error.remedy:
        draw_text(box, iface_(error.remedy), region_width, "FORWARD")
