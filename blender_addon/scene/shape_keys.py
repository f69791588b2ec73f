"""Shape keys that follow one custom property of their object.

Each key's value is driven by the property ``Interpolation`` through the driver's own F-curve: a
tent of keyframes, 1 at the key's place and 0 at its neighbours'. No expression, so no Python: it
moves with auto-run scripts off and with the extension absent, and the Drivers editor shows it as a
curve that can be edited. The curves are constant outside, so that the ends hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import bpy

INTERPOLATION = "Interpolation"
"""The custom property; 0 is the first prompt, 1 the second ..."""
PATH = f'["{INTERPOLATION}"]'
_LINEAR = 1
"""Number of the interpolation LINEAR."""
_VECTOR = 2
"""Number of the handle type VECTOR."""
DESCRIPTION = "Which prompt the object is: 0 the first, 1 the second. Animate this"
TEXTURE = "Texture"
"""The custom property of the colors alone: a place as in Interpolation, or :data:`FOLLOWS`."""
TEXTURE_PATH = f'["{TEXTURE}"]'
TEXTURE_DESCRIPTION = (
    "Whose colors the object has, apart from its shape: 0 the first prompt's, 1 the second's. "
    "Below 0 they follow Interpolation"
)
FOLLOWS = -1.0
"""The colors are where the shape is."""


def add_properties(ob: bpy.types.Object, last: int) -> None:
    """Give the object both properties, with sliders that end at ``last``; values are kept."""
    _add(ob, INTERPOLATION, 0.0, last, 0.0, DESCRIPTION)
    _add(ob, TEXTURE, FOLLOWS, last, FOLLOWS, TEXTURE_DESCRIPTION)


def place_of_colors(ob: bpy.types.Object) -> float:
    """Where the colors of an object, or of its evaluated copy, are."""
    value = ob.get(TEXTURE, FOLLOWS)
    return float(value) if isinstance(value, int | float) and value >= 0 else ob[INTERPOLATION]


def _add(
    ob: bpy.types.Object, name: str, least: float, last: int, default: float, description: str
) -> None:
    """A property with a slider from ``least`` to ``last``. Its value is kept in range.

    A float: a property made from a whole number would step.
    """
    value = ob.get(name, default)
    value = float(value) if isinstance(value, int | float) else default
    ob[name] = min(max(value, least), float(last))
    ob.id_properties_ui(name).update(
        min=least,
        max=float(last),
        soft_min=least,
        soft_max=float(last),
        default=default,
        step=1.0,
        precision=3,
        description=description,
    )
    ob.property_overridable_library_set(f'["{name}"]', True)


def add_shape_keys(ob: bpy.types.Object, positions: np.ndarray, names: Sequence[str]) -> None:
    """Give the object's mesh relative shape keys, all with the value 0.

    Args:
        ob: its mesh has V vertices and no shape keys.
        positions: f32[K, V, 3] in the object's space; the first is the basis.
        names: of the keys; the first is called Basis whatever it says.
    """
    for index, (name, vertices) in enumerate(zip(names, positions, strict=True)):
        key = ob.shape_key_add(name=name if index else "Basis", from_mix=False)
        key.data.foreach_set("co", np.ascontiguousarray(vertices, np.float32).reshape(-1))
        key.value = 0.0  # 1 in Blender 5.2
    ob.active_shape_key_index = 0


def drive(keys: bpy.types.Key, ob: bpy.types.Object, alphas: Sequence[float]) -> None:
    """Let the property of ``ob`` choose between ``keys``, which stand at ``alphas`` (rising)."""
    for index in range(1, len(alphas)):
        corners = [(alphas[index - 1], 0.0), (alphas[index], 1.0)]
        if index + 1 < len(alphas):
            corners.append((alphas[index + 1], 0.0))
        follow(keys.key_blocks[index].driver_add("value"), ob, corners)


def follow(
    curve: bpy.types.FCurve, ob: bpy.types.Object, corners: Sequence[tuple[float, float]]
) -> None:
    """Make a new driver's value the piecewise linear function of the property with ``corners``."""
    for modifier in curve.modifiers[:]:  # 4.x starts with a generator, 5.x with two points
        curve.modifiers.remove(modifier)
    while curve.keyframe_points:
        curve.keyframe_points.remove(curve.keyframe_points[0], fast=True)
    driver = curve.driver
    driver.type = "SUM"
    variable = driver.variables.new()
    variable.name = "interpolation"
    variable.type = "SINGLE_PROP"
    variable.targets[0].id_type = "OBJECT"
    variable.targets[0].id = ob
    variable.targets[0].data_path = PATH
    curve.extrapolation = "CONSTANT"
    # Last, all at once and without an update: every update drops one of two keyframes that are
    # nearer than .01, and those around a moment at which a part goes are nearer.
    points = curve.keyframe_points
    points.add(len(corners))
    flat = [value for corner in corners for value in corner]
    for where in ("co", "handle_left", "handle_right"):
        points.foreach_set(where, flat)
    for kind, number in (
        ("interpolation", _LINEAR),
        ("handle_left_type", _VECTOR),
        ("handle_right_type", _VECTOR),
    ):
        points.foreach_set(kind, [number] * len(corners))
