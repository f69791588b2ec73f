"""Which colors Solid viewports show: those of a texture, of a preview's vertices, of a mix."""

from __future__ import annotations

from collections.abc import Iterator

import bpy

_before: dict[int, str] = {}
"""What each viewport showed, by its address."""


def _solid_viewports() -> Iterator[bpy.types.View3DShading]:
    manager = bpy.context.window_manager
    for window in manager.windows if manager is not None else ():
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                yield area.spaces.active.shading


def show_vertex_colors() -> None:
    """Switch viewports that show materials or textures, as far as the preferences allow."""
    for shading in _solid_viewports():
        if shading.type == "SOLID" and shading.color_type in ("MATERIAL", "TEXTURE"):
            _before[shading.as_pointer()] = shading.color_type
            shading.color_type = "VERTEX"


def show_texture(context: bpy.types.Context) -> None:
    """Make the texture visible in Solid viewports that still show the default grey."""
    screen = context.screen
    for area in screen.areas if screen is not None else ():
        if area.type == "VIEW_3D":
            shading = area.spaces.active.shading
            if shading.type == "SOLID" and shading.color_type == "MATERIAL":
                shading.color_type = "TEXTURE"


def show_mixed_colors(context: bpy.types.Context) -> None:
    """Switch Solid viewports to Material Preview: Solid shows one texture, which does not change.

    Viewports whose colors a person has chosen (attributes, random ...) stay as they are.
    """
    screen = context.screen
    for area in screen.areas if screen is not None else ():
        if area.type == "VIEW_3D":
            shading = area.spaces.active.shading
            if shading.type == "SOLID" and shading.color_type in ("MATERIAL", "TEXTURE"):
                shading.type = "MATERIAL"


def restore() -> None:
    """Switch back those that nobody has switched since."""
    for shading in _solid_viewports():
        color_type = _before.get(shading.as_pointer())
        if color_type is not None and shading.color_type == "VERTEX":
            shading.color_type = color_type
    _before.clear()
