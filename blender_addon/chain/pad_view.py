"""The pad in the viewport: a triangle or square with prompts at its corners, dragged in."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import blf
import bpy
import gpu
from gpu_extras.batch import batch_for_shader

from ...backend.protocol.errors import Att3dError
from ..process.session import redraw, session
from ..ui.status_text import report_failure, without_middle
from .live import live
from .pad_shape import Place, corners, place_of, shares_at
from .place import pad_of

if TYPE_CHECKING:
    from bpy.types import Context, Event

SIDE, MARGIN, DOT = 180.0, 60.0, 7.0
"""Pixels: the pad's side, its distance from the region's corner, and the dot, before scaling."""
LINE, FILL, MARK = (1.0, 1.0, 1.0, 0.9), (0.1, 0.1, 0.1, 0.55), (1.0, 0.55, 0.1, 1.0)
LETTERS, BESIDE = 11.0, 30.0
"""Height of the names; how far they stand out of the pad to the left. Pixels before scaling."""


class ATT3D_OT_pad_drag(bpy.types.Operator):
    """Mix the prompts by dragging in the viewport. Right click or ESC puts the pad away"""

    bl_idname = "att3d.pad_drag"
    bl_label = "Drag in Viewport"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    _handle: object = None
    _dragging = False

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not live.running or live.scene != context.scene or not context.scene.att3d.pad:
            cls.poll_message_set("Start the live slider with the pad first")
            return False
        return True

    def invoke(self, context: Context, event: Event) -> set[str]:
        area = next((area for area in context.screen.areas if area.type == "VIEW_3D"), None)
        try:
            pad_of(context.scene)
        except Att3dError as error:
            session.error = error
            report_failure(self, error)
            return {"CANCELLED"}
        if area is None:
            self.report({"ERROR"}, "There is no 3D viewport in this window")
            return {"CANCELLED"}
        draw = bpy.types.SpaceView3D.draw_handler_add
        self._handle = draw(_draw, (), "WINDOW", "POST_PIXEL")
        context.window_manager.modal_handler_add(self)
        redraw(views=True)
        return {"RUNNING_MODAL"}

    def modal(self, context: Context, event: Event) -> set[str]:
        gone = not live.running or not context.scene.att3d.pad
        if gone or (event.type in {"ESC", "RIGHTMOUSE"} and event.value == "PRESS"):
            self.cancel(context)
            return {"FINISHED"}
        place = _place_under(context, event)
        if event.type == "LEFTMOUSE" and event.value == "PRESS" and place is not None:
            self._dragging = -0.1 <= min(place) and max(place) <= 1.1
        elif event.type == "LEFTMOUSE" and event.value == "RELEASE":
            self._dragging = False
        if not self._dragging or place is None:
            return {"PASS_THROUGH"}
        if event.type in {"LEFTMOUSE", "MOUSEMOVE"}:
            settings = context.scene.att3d
            settings.set_shares(shares_at(place, settings.pad_prompts))
            redraw(views=True)
        return {"RUNNING_MODAL"}

    def cancel(self, context: Context) -> None:
        """Put the drawing away."""
        if self._handle is not None:
            bpy.types.SpaceView3D.draw_handler_remove(self._handle, "WINDOW")
            self._handle = None
        redraw(views=True)


def _scale() -> float:
    return bpy.context.preferences.system.ui_scale


def _place_under(context: Context, event: Event) -> Place | None:
    """Where the mouse is on the pad, in its unit square; None outside of every viewport."""
    for area in context.screen.areas:
        region = next((r for r in area.regions if r.type == "WINDOW"), None)
        if area.type != "VIEW_3D" or region is None:
            continue
        x, y = event.mouse_x - region.x, event.mouse_y - region.y
        if 0 <= x < region.width and 0 <= y < region.height:
            side, margin = SIDE * _scale(), MARGIN * _scale()
            return (x - margin) / side, (y - margin) / side
    return None


def _draw() -> None:
    """The pad, its prompts, and the dot; in every viewport."""
    scene = bpy.context.scene
    try:
        prompts, shares = pad_of(scene)
    except Att3dError:
        return
    scale = _scale()

    def pixel(place: Place) -> Place:
        return (MARGIN + SIDE * place[0]) * scale, (MARGIN + SIDE * place[1]) * scale

    points = [pixel(corner) for corner in corners(len(prompts))]
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    gpu.state.blend_set("ALPHA")
    for kind, places, color in (
        ("TRI_FAN", points, FILL),
        ("LINE_STRIP", [*points, points[0]], LINE),
        ("TRI_FAN", _circle(pixel(place_of(shares)), DOT * scale), MARK),
    ):
        shader.uniform_float("color", color)
        batch_for_shader(shader, kind, {"pos": places}).draw(shader)
    gpu.state.blend_set("NONE")
    blf.size(0, LETTERS * scale)
    blf.color(0, *LINE)
    for point, prompt, share in zip(points, prompts, shares, strict=True):
        above = point[1] > points[0][1]
        blf.position(0, point[0] - BESIDE * scale, point[1] + (8 if above else -18) * scale, 0)
        # As wide as the pad at most: the name at the next corner begins there.
        blf.draw(0, without_middle(f"{100 * share:.0f}% {prompt}", (SIDE - 6) * scale))


def _circle(center: Place, radius: float) -> list[Place]:
    angles = [2.0 * math.pi * step / 24 for step in range(24)]
    return [(center[0] + radius * math.cos(a), center[1] + radius * math.sin(a)) for a in angles]


CLASSES = (ATT3D_OT_pad_drag,)
