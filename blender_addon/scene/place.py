"""Where a new object stands, so that it does not appear inside what is already there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import bpy
from mathutils import Matrix, Vector

GAP = 0.25
"""Metres between neighbours."""
FLAT = 0.05
"""Metres: what rises no higher over the floor (a ground plane) may be stood on."""
HUGE = 12.0
"""Metres: what is wider than this (a room, a sky) is around everything and cannot be avoided."""

SOLID = {"MESH", "CURVE", "SURFACE", "META", "FONT"}


@dataclass(frozen=True)
class Box:
    """An axis-aligned box in the world, metres."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]

    def shifted(self, x: float) -> Box:
        return Box((self.low[0] + x, *self.low[1:]), (self.high[0] + x, *self.high[1:]))

    def meets(self, other: Box) -> bool:
        """Whether the two share any space."""
        return all(self.low[i] < other.high[i] and other.low[i] < self.high[i] for i in range(3))


def box_of(ob: bpy.types.Object) -> Box:
    """The box around an object as it stands in the world."""
    corners = [ob.matrix_world @ Vector(corner) for corner in ob.bound_box]
    return Box(
        (min(c.x for c in corners), min(c.y for c in corners), min(c.z for c in corners)),
        (max(c.x for c in corners), max(c.y for c in corners), max(c.z for c in corners)),
    )


def obstacles(scene: bpy.types.Scene, without: bpy.types.Object | None = None) -> list[Box]:
    """What stands in this scene and could be stood inside of, but for one object."""
    for layer in scene.view_layers:  # a script may have moved things since the last evaluation
        layer.update()
    solid = (ob for ob in scene.objects if ob.type in SOLID and not ob.hide_viewport)
    boxes = (box_of(ob) for ob in solid if ob != without)
    return [
        box
        for box in boxes
        if box.high[2] > FLAT and max(box.high[i] - box.low[i] for i in range(2)) < HUGE
    ]


def free_spot(size: Box, others: Iterable[Box]) -> float:
    """How far along +x from the world origin ``size`` (an object at the origin) must move.

    0 where the origin is free; else just right of whatever is in the way, until nothing is.
    """
    others = list(others)
    x = 0.0
    while True:
        place = size.shifted(x)
        blocking = [other.high[0] for other in others if place.meets(other)]
        if not blocking:
            return x
        x = max(blocking) + GAP - size.low[0]


def location_for(place: str, scene: bpy.types.Scene, size: Box) -> tuple[float, float, float]:
    """Where an object of this size goes, by the scene's choice "FREE", "ORIGIN" or "CURSOR"."""
    if place == "CURSOR":
        return scene.cursor.location[:]
    if place == "FREE":
        return (free_spot(size, obstacles(scene)), 0.0, 0.0)
    return (0.0, 0.0, 0.0)


def put_beside(ob: bpy.types.Object, other: bpy.types.Object, scene: bpy.types.Scene) -> None:
    """Give a new object the rotation and scale of another, and the first free spot right of it."""
    ob.rotation_mode = other.rotation_mode
    # A parent of the other may shear it; what stands alone is not sheared.
    ob.matrix_world = Matrix.LocRotScale(*other.matrix_world.decompose())
    ob.location.x += free_spot(box_of(ob), obstacles(scene, without=ob))
