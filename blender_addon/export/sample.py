"""What a chain object's shape keys are at every frame, and keyframes that say the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import bpy
import numpy as np

from ..scene.keyframes import curve_lists
from ..scene.shape_keys import place_of_colors

TOLERANCE = 1e-5
"""How far a key's value may be from its sample; a thousandth of a millimetre on a metre."""


@dataclass(frozen=True)
class Samples:
    """The animation, frame by frame, with everything that moves it: keyframes, NLA, drivers."""

    frames: np.ndarray
    """i64[T], one after another."""
    colors: np.ndarray
    """f64[T]: where the colors are, by Texture or Interpolation."""
    values: np.ndarray
    """f64[T, K]: of every shape key; the basis has 0."""


def sample(scene: bpy.types.Scene, ob: bpy.types.Object, first: int, last: int) -> Samples:
    """Step through the frames ``first`` to ``last`` and return to the current one."""
    frames = np.arange(first, last + 1)
    colors, values = [], []
    before = scene.frame_current, scene.frame_subframe
    layer = next(
        (layer for layer in scene.view_layers if ob.name in layer.objects), scene.view_layers[0]
    )
    manager = bpy.context.window_manager
    manager.progress_begin(0, len(frames))
    try:
        for index, frame in enumerate(frames):
            scene.frame_set(int(frame))
            graph = layer.depsgraph
            graph.update()
            keys = ob.data.shape_keys.evaluated_get(graph)
            colors.append(float(place_of_colors(ob.evaluated_get(graph))))
            values.append([0.0, *(float(key.value) for key in keys.key_blocks[1:])])
            manager.progress_update(index)
    finally:
        manager.progress_end()
        scene.frame_set(before[0], subframe=before[1])
    return Samples(frames, np.array(colors), np.array(values))


def key_values(keys: bpy.types.Key, samples: Samples, title: str) -> None:
    """Key every shape key so that it has the sampled value at every frame.

    Args:
        keys: without animation.
        samples: of these keys.
        title: name of the new action.
    """
    # An action of its own: from 4.4 on, Blender would put the keys into the action of the object
    # that uses them, which other objects may use too.
    keys.animation_data_create().action = bpy.data.actions.new(title)
    for index, block in enumerate(keys.key_blocks[1:], start=1):
        values = samples.values[:, index]
        wanted = np.array(needed(samples.frames, values))
        block.value = float(values[0])
        block.keyframe_insert("value", frame=float(samples.frames[wanted[0]]))
        curve = next(
            curve
            for curves in curve_lists(keys)
            for curve in curves
            if curve.data_path == block.path_from_id("value")
        )
        points = curve.keyframe_points
        points.add(len(wanted) - len(points))
        corners = np.stack([samples.frames[wanted], values[wanted]], -1).astype(np.float32)
        points.foreach_set("co", corners.reshape(-1))
        for point in points:
            point.interpolation = "LINEAR"
        curve.update()


def needed(frames: Sequence[int] | np.ndarray, values: np.ndarray) -> list[int]:
    """Which samples are enough: straight lines between them pass all others.

    Returns:
        Indices, rising, always with the first; with the last unless nothing changes.
    """
    if np.ptp(values) <= TOLERANCE:
        return [0]
    kept = [0]
    while kept[-1] < len(values) - 1:
        start = kept[-1]
        end = start + 1
        while end + 1 < len(values) and _straight(frames, values, start, end + 1):
            end += 1
        kept.append(end)
    return kept


def _straight(frames: Sequence[int] | np.ndarray, values: np.ndarray, start: int, end: int) -> bool:
    between = slice(start + 1, end)
    line = np.interp(frames[between], [frames[start], frames[end]], [values[start], values[end]])
    return bool(np.abs(line - values[between]).max() <= TOLERANCE)
