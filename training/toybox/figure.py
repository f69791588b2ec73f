"""The body that all toys share: where its parts are, and how its limbs bend.

Head and trunk keep their place in every pose and for every animal; poses move the limbs only, so
that parts combine freely.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .primitives import Color, Layer, Material, Primitive, Vector, ball, capsule, ellipsoid

HEAD = np.array((0.0, -0.02, 0.27))
HEAD_RADII = np.array((0.345, 0.31, 0.31))
TRUNK = (0.0, 0.02, -0.285)
TRUNK_RADII = (0.24, 0.22, 0.315)
SIDES = (1.0, -1.0)
"""The toy's left (+x), then its right."""

DARK = (0.07, 0.05, 0.06)
WHITE = (0.97, 0.96, 0.94)
BLUSH = (0.97, 0.55, 0.52)


@dataclass(frozen=True)
class Pose:
    """Joints of the limbs, left then right, metres."""

    elbows: tuple[Vector, Vector]
    hands: tuple[Vector, Vector]
    knees: tuple[Vector, Vector]
    feet: tuple[Vector, Vector]


def mirrored(point: Vector) -> tuple[Vector, Vector]:
    x, y, z = point
    return (x, y, z), (-x, y, z)


STANDING_LEGS = (mirrored((0.135, 0.0, -0.60)), mirrored((0.14, 0.0, -0.775)))
STANDING = Pose(mirrored((0.30, 0.0, -0.24)), mirrored((0.35, -0.07, -0.37)), *STANDING_LEGS)


@dataclass(frozen=True)
class Coat:
    """Colors of an animal's parts."""

    head: Material
    torso: Material
    arms: Material
    hands: Material
    legs: Material
    feet: Material


@dataclass(frozen=True)
class Outfit:
    """What clothes replace; ``None`` leaves the animal's own."""

    torso: Material | None = None
    arms: Material | None = None
    hands: Material | None = None
    legs: Material | None = None
    feet: Material | None = None
    bulk: float = 0.0
    """Metres that the trunk and arms grow."""


@dataclass
class Figure:
    """A toy while it is put together."""

    pose: Pose = STANDING
    solids: list[Primitive] = field(default_factory=list)
    paints: list[Primitive] = field(default_factory=list)

    def add(self, *primitives: Primitive) -> None:
        self.solids.extend(primitives)

    def paint(self, *primitives: Primitive) -> None:
        self.paints.extend(primitives)


def direction(azimuth: float, elevation: float) -> NDArray[np.float64]:
    """Unit vector; degrees, azimuth 0 to the front and growing to the toy's left."""
    a, e = math.radians(azimuth), math.radians(elevation)
    return np.array((math.sin(a) * math.cos(e), -math.cos(a) * math.cos(e), math.sin(e)))


def on_head(azimuth: float, elevation: float, out: float = 1.0) -> list[float]:
    """Point on the head's surface (``out`` = 1), or so many times as far from its centre."""
    unit = direction(azimuth, elevation)
    reach = 1.0 / math.sqrt(float(((unit / HEAD_RADII) ** 2).sum()))
    return (HEAD + unit * reach * out).tolist()


def plain(color: Color) -> Material:
    return Material(color)


def coat(fur: Color, tip: Color | None = None, **parts: Material) -> Coat:
    """One color of fur, its hands and feet in ``tip``; ``parts`` replaces some."""
    body, end = Material(fur), Material(fur if tip is None else tip)
    parts = {"head": body, "torso": body, "arms": body, "legs": body} | parts
    return Coat(**({"hands": end, "feet": end} | parts))


def add_body(figure: Figure, colors: Coat, outfit: Outfit) -> None:
    """Trunk, arms and legs in the figure's pose."""
    pose, bulk = figure.pose, outfit.bulk
    torso = outfit.torso or colors.torso
    figure.add(
        ellipsoid(
            TRUNK,
            [radius + bulk for radius in TRUNK_RADII],
            material=torso,
            layer=Layer.COAT if outfit.torso else Layer.TORSO,
            soft=True,
        )
    )
    arms, hands = outfit.arms or colors.arms, outfit.hands or colors.hands
    legs, feet = outfit.legs or colors.legs, outfit.feet or colors.feet
    for side, elbow, hand, knee, foot in zip(
        SIDES, pose.elbows, pose.hands, pose.knees, pose.feet, strict=True
    ):
        shoulder = (0.175 * side, 0.02, -0.10)
        hip = (0.12 * side, 0.01, -0.45)
        arm = 0.078 + bulk * 0.6
        figure.add(
            capsule(shoulder, elbow, arm, arm * 0.95, material=arms, layer=Layer.ARM, soft=True),
            capsule(elbow, hand, arm * 0.95, arm * 0.9, material=arms, layer=Layer.ARM, soft=True),
            ball(hand, 0.088, material=hands, layer=Layer.SNOUT),
            capsule(hip, knee, 0.115, 0.1, material=legs, layer=Layer.LEG, soft=True),
            capsule(knee, foot, 0.1, 0.092, material=legs, layer=Layer.LEG, soft=True),
            ellipsoid(
                (foot[0], foot[1] - 0.05, foot[2] - 0.005),
                (0.105, 0.145, 0.07),
                material=feet,
                layer=Layer.SNOUT,
            ),
        )


def add_head(figure: Figure, material: Material) -> None:
    figure.add(
        ellipsoid(
            HEAD.tolist(), HEAD_RADII.tolist(), material=material, layer=Layer.HEAD, soft=True
        )
    )


def add_eyes(
    figure: Figure,
    azimuth: float = 27.0,
    elevation: float = 3.0,
    radii: Sequence[float] = (0.062, 0.085, 0.04),
    color: Color = DARK,
    brow: Color | None = None,
    blush: Color | None = BLUSH,
    ring: Color | None = None,
) -> None:
    """Glossy eyes with highlights; eyebrows, cheeks and pale rings on request."""
    for side in SIDES:
        center = on_head(side * azimuth, elevation, 0.985)
        outward = direction(side * azimuth, elevation)
        if ring is not None:
            figure.paint(
                ball(center, 0.115, material=plain(ring), paints=(Layer.HEAD,)),
            )
        figure.add(
            ellipsoid(
                center,
                radii,
                up=outward.tolist(),
                side=(math.cos(math.radians(azimuth)), side * math.sin(math.radians(azimuth)), 0),
                material=plain(color),
                layer=Layer.EYE,
            )
        )
        # The light comes from the toy's right, for both eyes.
        figure.paint(
            ball(
                (center[0] - 0.022, center[1] - 0.035, center[2] + 0.038),
                0.034,
                material=plain((1.0, 1.0, 1.0)),
                paints=(Layer.EYE,),
            ),
            ball(
                (center[0] + 0.025, center[1] - 0.03, center[2] - 0.042),
                0.02,
                material=plain((0.85, 0.88, 0.95)),
                paints=(Layer.EYE,),
            ),
        )
        if brow is not None:
            figure.paint(
                capsule(
                    on_head(side * (azimuth - 9), elevation + 24),
                    on_head(side * (azimuth + 9), elevation + 22),
                    0.026,
                    material=plain(brow),
                    paints=(Layer.HEAD,),
                )
            )
        if blush is not None:
            figure.paint(
                ball(
                    on_head(side * (azimuth + 20), -17.0),
                    0.07,
                    material=plain(blush),
                    paints=(Layer.HEAD,),
                )
            )


def add_smile(figure: Figure, depth: float, height: float, width: float = 0.07) -> None:
    """A mouth painted on the snout (or head) near (0, ``depth``, ``height``)."""
    for side in SIDES:
        figure.paint(
            capsule(
                (0.0, depth, height),
                (side * width, depth + 0.02, height + 0.03),
                0.02,
                material=plain((0.25, 0.1, 0.1)),
                paints=(Layer.HEAD, Layer.SNOUT),
            )
        )
