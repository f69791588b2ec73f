"""Keyframes of an object's property, wherever this Blender keeps them.

Up to 4.3 an action has F-curves; from 4.4 an action has layers, strips and a bag of F-curves for
each slot, and from 5.0 nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from .shape_keys import INTERPOLATION, PATH

if TYPE_CHECKING:
    import bpy


def curve_lists(block: bpy.types.ID) -> Iterator[bpy.types.bpy_prop_collection]:
    """The F-curve collections of this data-block's active action."""
    data = block.animation_data
    if data is None or data.action is None:
        return
    slot = getattr(data, "action_slot", None)
    if slot is None:
        if hasattr(data.action, "fcurves"):
            yield data.action.fcurves
        return
    for layer in data.action.layers:
        for strip in layer.strips:
            bag = strip.channelbag(slot)
            if bag is not None:
                yield bag.fcurves


def find_curve(block: bpy.types.ID, path: str) -> bpy.types.FCurve | None:
    """The F-curve of a property in the active action."""
    for curves in curve_lists(block):
        for curve in curves:
            if curve.data_path == path:
                return curve
    return None


def remove_curves(block: bpy.types.ID, path: str) -> None:
    """Take the property's F-curves out of the active action; an action left empty goes too."""
    data = block.animation_data
    if data is None or data.action is None:
        return
    for curves in curve_lists(block):
        for curve in [curve for curve in curves if curve.data_path == path]:
            curves.remove(curve)
    if not any(len(curves) for curves in curve_lists(block)):
        data.action = None


def animated_range(block: bpy.types.ID, path: str) -> tuple[int, int] | None:
    """First and last frame with a keyframe of a property; None where its action has none."""
    curve = find_curve(block, path)
    if curve is None or len(curve.keyframe_points) < 2:
        return None
    first, last = curve.range()
    return math.floor(first), math.ceil(last)


def in_nla(block: bpy.types.ID) -> bool:
    """Whether the object is animated by strips: keyframes are then not in the active action."""
    data = block.animation_data
    return data is not None and any(track.strips for track in data.nla_tracks)


def set_keyframes(ob: bpy.types.Object, frames: Sequence[int], values: Sequence[int]) -> None:
    """Key Interpolation to these values at these frames, replacing the keyframes that it has.

    The keyframes get the interpolation that the person's preferences give to new ones.
    """
    curve = find_curve(ob, PATH)
    if curve is not None:
        while curve.keyframe_points:
            curve.keyframe_points.remove(curve.keyframe_points[0], fast=True)
        curve.update()
    shown = ob[INTERPOLATION]
    for value, frame in zip(values, frames, strict=True):
        ob[INTERPOLATION] = float(value)
        ob.keyframe_insert(PATH, frame=frame)
    ob[INTERPOLATION] = shown
