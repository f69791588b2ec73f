"""Where a new object stands, and how tall it is: in rows, never inside what is already there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import bpy
from mathutils import Matrix, Vector

GAP = 0.25
"""Distance between neighbours, metres."""
FLAT = 0.05
"""Metres: what rises no higher over the floor (a ground plane) may be stood on."""
HUGE = 12.0
"""Metres: what is wider than this (a room, a sky) is around everything and cannot be avoided."""

ROW = 8.0
"""Metres: how long a row of objects gets before the next one begins behind it."""
NEIGHBOUR = 4 * GAP
"""Metres: objects that are no farther apart stand in one row."""

Spot: TypeAlias = tuple[float, float, float]

SOLID = {"MESH", "CURVE", "SURFACE", "META", "FONT"}


@dataclass(frozen=True)
class Box:
    """An axis-aligned box in the world, metres."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]

    def moved(self, x: float, y: float = 0.0, z: float = 0.0) -> Box:
        low, high = self.low, self.high
        return Box((low[0] + x, low[1] + y, low[2] + z), (high[0] + x, high[1] + y, high[2] + z))

    def scaled(self, factor: float) -> Box:
        """The box of an object at the origin that is scaled."""
        low, high = self.low, self.high
        return Box(
            (low[0] * factor, low[1] * factor, low[2] * factor),
            (high[0] * factor, high[1] * factor, high[2] * factor),
        )

    @property
    def size(self) -> Spot:
        """Width, depth and height."""
        low, high = self.low, self.high
        return (high[0] - low[0], high[1] - low[1], high[2] - low[2])

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
    return [box_of(ob) for ob in scene.objects if ob != without and _is_obstacle(ob)]


def _is_obstacle(ob: bpy.types.Object) -> bool:
    if ob.type not in SOLID or ob.hide_viewport:
        return False
    box = box_of(ob)
    return box.high[2] > FLAT and max(box.size[:2]) < HUGE


def free_spot(size: Box, others: Iterable[Box]) -> float:
    """How far along +x ``size`` must move from where it is.

    0 where it stands free; else just right of whatever is in the way, until nothing is.
    """
    others = list(others)
    x = 0.0
    while True:
        place = size.moved(x)
        blocking = [other.high[0] for other in others if place.meets(other)]
        if not blocking:
            return x
        x = max(blocking) + GAP - size.low[0]


def spot_in_rows(size: Box, others: Sequence[Box], start: Spot) -> Spot:
    """The first free place in rows that begin at ``start``.

    A row goes along +x and is at most :data:`ROW` long, unless one object is longer; the next one
    begins behind it, along +y.

    Args:
        size: of an object that stands at the world's origin.
        others: what is in the way.
        start: where an object in the first place of the first row stands.
    """
    x, y, z = start
    while True:
        right = free_spot(size.moved(x, y, z), others)
        if right == 0 or right + size.size[0] <= ROW:
            return (x + right, y, z)
        y += size.size[1] + GAP


def row_start(size: Box, others: Sequence[Box], beside: Box, y: float, z: float) -> Spot:
    """Where a new object would stand first in the row that ``beside`` is in: at its left end."""
    left = beside
    while True:
        neighbours = [
            box
            for box in others
            if box.low[0] < left.low[0] <= box.high[0] + NEIGHBOUR
            and Box((left.low[0], *box.low[1:]), (left.high[0], *box.high[1:])).meets(left)
        ]
        if not neighbours:
            return (left.low[0] - size.low[0], y, z)
        left = min(neighbours, key=lambda box: box.low[0])


Where: TypeAlias = Literal["FREE", "ORIGIN", "CURSOR"]


@dataclass(frozen=True)
class Placement:
    """What the scene's settings say about where new objects stand."""

    where: Where = "ORIGIN"
    height: float = 0.0
    """Metres; 0: as the model makes them."""

    def apply(self, ob: bpy.types.Object, scene: bpy.types.Scene) -> None:
        """Scale an object that is not in the scene yet, and put it in its place."""
        size = box_of(ob)
        if self.height and size.size[2] > 0:
            factor = self.height / size.size[2]
            ob.scale = (factor, factor, factor)
            size = size.scaled(factor)
        ob.location = self.location(scene, size)

    def location(self, scene: bpy.types.Scene, size: Box) -> Spot:
        """Where an object goes whose box, at the origin, is ``size``."""
        if self.where == "CURSOR":
            return scene.cursor.location[:]
        if self.where == "ORIGIN":
            return (0.0, 0.0, 0.0)
        others = obstacles(scene)
        active = active_obstacle(scene)
        if active is None:
            return spot_in_rows(size, others, scene.cursor.location[:])
        box = box_of(active)
        # On the floor, unless the active object is all above or below it.
        floor = 0.0 if box.low[2] <= 0.0 <= box.high[2] else box.low[2]
        start = row_start(size, others, box, active.matrix_world.translation.y, floor)
        return spot_in_rows(size, others, start)


def active_obstacle(scene: bpy.types.Scene) -> bpy.types.Object | None:
    """The active object that new ones stand beside: selected, solid, and no room around all."""
    layer = bpy.context.view_layer if bpy.context.scene == scene else scene.view_layers[0]
    ob = layer.objects.active
    if ob is None or not ob.select_get(view_layer=layer) or not _is_obstacle(ob):
        return None
    return ob


def put_beside(ob: bpy.types.Object, other: bpy.types.Object, scene: bpy.types.Scene) -> None:
    """Give a new object the rotation and scale of another, and the next free place in its row."""
    ob.rotation_mode = other.rotation_mode
    # A parent of the other may shear it; what stands alone is not sheared.
    ob.matrix_world = Matrix.LocRotScale(*other.matrix_world.decompose())
    place = ob.location.copy()
    size = box_of(ob).moved(*(-place))
    others = obstacles(scene, without=ob)
    start = row_start(size, others, box_of(other), place.y, place.z)
    ob.location = spot_in_rows(size, others, start)
