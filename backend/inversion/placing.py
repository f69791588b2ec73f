"""Where a model stands in a checkpoint's world: turn, size and place."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..protocol.errors import BadRequest
from ..shapes import Float
from .colored_mesh import ColoredMesh

RADIUS = 0.95
"""Radius of the ball that a model is read in: the truth's lattice ends at one."""
TURNS = (0.0, 90.0, 180.0, 270.0)
"""Degrees about the vertical that are tried."""


@dataclass(frozen=True)
class Placement:
    """``scale * turn(point) + offset``; the turn is about z, counter-clockwise seen from above."""

    turn: float = 0.0
    """Turn in degrees."""
    scale: float = 1.0
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def matrix(self) -> Float[np.ndarray, "3 3"]:
        c, s = math.cos(math.radians(self.turn)), math.sin(math.radians(self.turn))
        return self.scale * np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])

    def apply(self, points: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, "points 3"]:
        return points @ self.matrix.T + np.array(self.offset)

    def after(self, first: Placement) -> Placement:
        """One placement after another, as one."""
        moved = self.apply(np.array([first.offset]))[0]
        x, y, z = (float(number) for number in moved)
        return Placement((self.turn + first.turn) % 360.0, self.scale * first.scale, (x, y, z))


@dataclass(frozen=True)
class Box:
    """An axis-aligned box, metres."""

    low: Float[np.ndarray, "3"]
    high: Float[np.ndarray, "3"]

    @classmethod
    def around(cls, points: Float[np.ndarray, "points 3"]) -> Box:
        return cls(points.min(axis=0), points.max(axis=0))

    @property
    def size(self) -> Float[np.ndarray, "3"]:
        return self.high - self.low

    @property
    def foot(self) -> Float[np.ndarray, "3"]:
        """The middle of its floor."""
        middle = 0.5 * (self.low + self.high)
        return np.array([middle[0], middle[1], self.low[2]])


def into_ball(mesh: ColoredMesh) -> Placement:
    """The placement that puts the model's box into the middle of the unit ball.

    Raises:
        BadRequest: the model has no size.
    """
    used = mesh.vertices[np.unique(mesh.faces)]
    box = Box.around(used)
    middle = 0.5 * (box.low + box.high)
    radius = float(np.linalg.norm(used - middle, axis=1).max())
    if not math.isfinite(radius) or radius <= 0.0 or not math.isfinite(1.0 / radius):
        raise BadRequest(
            "the object has no size: all its corners are in one place, or without end",
            "choose a model with an extent",
        )
    scale = RADIUS / radius
    x, y, z = (float(number) for number in -scale * middle)
    return Placement(0.0, scale, (x, y, z))


def candidates(
    points: Float[np.ndarray, "points 3"],
    into: Placement,
    worlds: Sequence[Box],
    bound: float,
    turns: Sequence[float] = TURNS,
) -> Iterator[Placement]:
    """Placements of a model that was put into the ball, as the checkpoint's objects stand.

    As it is in its file comes first, if it lies in the checkpoint's ball; then on the floor of the
    checkpoint's objects, as it is, as high as they are, and as large as they are altogether.

    Args:
        points: of the model's surface, in the ball.
        into: what put it there.
        worlds: boxes of objects that the checkpoint knows.
        bound: radius of the checkpoint's ball.
    """
    back = 1.0 / into.scale
    offset = -back * np.array(into.offset)
    as_is = Placement(0.0, back, (float(offset[0]), float(offset[1]), float(offset[2])))
    own = as_is.apply(points)
    height = float(np.median([box.size[2] for box in worlds]))
    extent = float(np.median([np.linalg.norm(box.size) for box in worlds]))
    floor = np.median([box.foot for box in worlds], axis=0)
    usual = 0.5 * extent < float(np.linalg.norm(Box.around(own).size)) < 2.0 * extent
    for turn in turns:
        turned = Placement(turn)
        if usual and np.linalg.norm(own, axis=1).max() <= bound:
            yield turned.after(as_is)
        box = Box.around(turned.apply(points))
        scales = [height / max(float(box.size[2]), 1e-6), extent / float(np.linalg.norm(box.size))]
        if usual:
            scales.insert(0, back)
        for scale in scales:
            x, y, z = (float(number) for number in floor - scale * box.foot)
            placed = Placement(turn, scale, (x, y, z))
            if np.linalg.norm(placed.apply(points), axis=1).max() <= 1.05 * bound:
                yield placed
