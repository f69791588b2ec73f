"""Rounded solids: the only shape the toybox knows, in enough guises to build everything.

One formula covers spheres, ellipsoids, capsules, round cones, rounded boxes, discs, rings and
flattened versions of them, so one branch-free kernel evaluates any asset (see ``distance.py``).
In the primitive's own frame, scaled by ``scale``, it is a core box of half-size ``half`` grown by
``radius``; ``radius`` changes by ``taper`` per unit of z along the core; a revolved primitive
replaces (x, y) by (distance from the z axis - ``major``, 0).

Lengths are metres in the toy's frame (z up, the front along -y, +x the toy's left).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Vector = Sequence[float]
Color = tuple[float, float, float]


class Layer(IntEnum):
    """What a solid belongs to: paints name the layers that they color."""

    HEAD = 0
    EAR = 1
    EYE = 2
    TORSO = 3
    ARM = 4
    LEG = 5
    TAIL = 6
    CLOTH = 7
    ITEM = 8
    HAT = 9
    SNOUT = 10
    COAT = 11
    """A trunk in clothes: the animal's belly does not show on it."""


@dataclass(frozen=True)
class Material:
    """A color, and a second one laid over it by a wave in the primitive's frame.

    The wave is ``sin(2 pi (wave . position + radial * distance from the z axis + phase))``;
    ``second`` covers where it exceeds ``threshold``, with an edge as hard as ``sharpness``.
    Positions are metres, unscaled.
    """

    color: Color
    second: Color | None = None
    wave: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Periods a metre along the primitive's axes."""
    radial: float = 0.0
    phase: float = 0.0
    sharpness: float = 6.0
    threshold: float = 0.0

    def row(self) -> list[float]:
        second = self.color if self.second is None else self.second
        return [
            *self.color,
            *second,
            *self.wave,
            self.radial,
            self.phase,
            self.sharpness,
            self.threshold,
        ]


@dataclass(frozen=True)
class Primitive:
    """One rounded solid, or one region of paint."""

    center: Vector
    rotation: NDArray[np.float64] = field(default_factory=lambda: np.eye(3))
    """Rows are the primitive's axes in the toy's frame."""
    scale: Vector = (1.0, 1.0, 1.0)
    half: Vector = (0.0, 0.0, 0.0)
    """Half-size of the core box, in scaled units."""
    radius: float = 1.0
    """Rounding, in scaled units."""
    taper: float = 0.0
    revolved: bool = False
    major: float = 0.0
    material: Material = Material((0.5, 0.5, 0.5))
    layer: Layer = Layer.ITEM
    soft: bool = False
    """Joins the other soft primitives with a fillet; the others meet with a crease."""
    paints: tuple[Layer, ...] = ()
    """Layers that this colors, where it is paint."""

    def painted(self, material: Material) -> Primitive:
        return replace(self, material=material)

    def row(self) -> list[float]:
        """Geometry as stored in the asset table, in the order of ``GEOMETRY`` of ``table.py``."""
        # Plain Python: NumPy's overhead on three numbers is most of the time to build a toy.
        scale = [float(extent) for extent in self.scale]
        matrix = [
            entry / extent
            for axis, extent in zip(self.rotation.tolist(), scale, strict=True)
            for entry in axis
        ]
        return [
            *self.center,
            *matrix,
            *(1.0 / extent for extent in scale),
            *self.half,
            self.radius,
            self.taper,
            1.0 / math.sqrt(1.0 + self.taper**2),
            float(self.revolved),
            self.major,
            float(self.soft),
        ]


def frame(direction: Vector, side: Vector | None = None) -> NDArray[np.float64]:
    """Rotation whose z axis is ``direction`` and whose x axis is as near ``side`` as can be."""
    z = _unit(direction)
    hint = (1.0, 0.0, 0.0) if side is None else tuple(float(entry) for entry in side)
    if abs(_dot(z, hint)) > 0.95 * math.sqrt(_dot(hint, hint)):
        hint = (0.0, 1.0, 0.0)
    along = _dot(z, hint)
    x = _unit([h - along * axis for h, axis in zip(hint, z, strict=True)])
    y = (z[1] * x[2] - z[2] * x[1], z[2] * x[0] - z[0] * x[2], z[0] * x[1] - z[1] * x[0])
    return np.array((x, y, z))


def _dot(a: Vector, b: Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _unit(vector: Vector) -> Vector:
    length = math.sqrt(_dot(vector, vector))
    return [float(entry) / length for entry in vector]


def ball(center: Vector, radius: float, **kind: object) -> Primitive:
    return Primitive(center, radius=radius, **kind)  # pyright: ignore[reportArgumentType]


def ellipsoid(
    center: Vector,
    radii: Vector,
    up: Vector = (0.0, 0.0, 1.0),
    side: Vector | None = None,
    **kind: object,
) -> Primitive:
    """An ellipsoid whose third radius lies along ``up`` and first along ``side`` (default +x)."""
    return Primitive(center, frame(up, side), scale=radii, **kind)  # pyright: ignore[reportArgumentType]


def capsule(
    start: Vector,
    end: Vector,
    radius: float,
    end_radius: float | None = None,
    flat: float = 1.0,
    side: Vector | None = None,
    **kind: object,
) -> Primitive:
    """A rod with round ends, thicker at one of them if ``end_radius`` differs.

    ``flat`` below 1 thins it across the direction perpendicular to ``side``.
    """
    axis = [float(b) - float(a) for a, b in zip(start, end, strict=True)]
    length = math.sqrt(_dot(axis, axis))
    final = radius if end_radius is None else end_radius
    return Primitive(
        [(float(a) + float(b)) / 2 for a, b in zip(start, end, strict=True)],
        frame(axis, side),
        scale=(1.0, flat, 1.0),
        half=(0.0, 0.0, length / 2),
        radius=(radius + final) / 2,
        taper=(final - radius) / length,
        **kind,  # pyright: ignore[reportArgumentType]
    )


def box(
    center: Vector,
    size: Vector,
    rounding: float,
    up: Vector = (0.0, 0.0, 1.0),
    side: Vector | None = None,
    **kind: object,
) -> Primitive:
    """A rounded box of full half-size ``size`` (rounding included)."""
    half = [max(extent - rounding, 0.0) for extent in size]
    return Primitive(center, frame(up, side), half=half, radius=rounding, **kind)  # pyright: ignore[reportArgumentType]


def disc(
    center: Vector,
    axis: Vector,
    radius: float,
    thickness: float,
    rounding: float = 0.02,
    taper: float = 0.0,
    **kind: object,
) -> Primitive:
    """A rounded cylinder of ``radius`` and full ``thickness`` along ``axis``."""
    half = (max(radius - rounding, 0.0), 0.0, max(thickness / 2 - rounding, 0.0))
    return Primitive(
        center,
        frame(axis),
        half=half,
        radius=rounding,
        taper=taper,
        revolved=True,
        **kind,  # pyright: ignore[reportArgumentType]
    )


def ring(
    center: Vector, axis: Vector, major: float, minor: float, width: float = 0.0, **kind: object
) -> Primitive:
    """A torus around ``axis``; ``width`` stretches its section along the axis."""
    return Primitive(
        center,
        frame(axis),
        half=(0.0, 0.0, width),
        radius=minor,
        revolved=True,
        major=major,
        **kind,  # pyright: ignore[reportArgumentType]
    )
