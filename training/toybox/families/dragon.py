"""A dragon growing up: hatching, baby, young, mighty."""

from __future__ import annotations

import itertools
import math

from ..figure import BLUSH, DARK, SIDES, WHITE, Figure, plain
from ..primitives import Layer, Material, Primitive, Vector, ball, capsule, ellipsoid
from .dragon_ages import AGES, Dragon
from .family import Family, between, darker, grown, placed

SHELL, SPOT, IVORY = (0.96, 0.91, 0.79), (0.38, 0.72, 0.66), (0.97, 0.93, 0.82)
EGG, EGG_RADII = (0.0, 0.0, -0.50), (0.36, 0.35, 0.35)
SKIN, SHELL_LAYER, WING = Layer.TORSO, Layer.CLOTH, Layer.ITEM
SHARDS = 8


TAIL: tuple[tuple[Vector, float], ...] = (
    ((0.00, 0.12, -0.64), 0.140),
    ((0.03, 0.34, -0.70), 0.105),
    ((0.18, 0.44, -0.69), 0.080),
    ((0.35, 0.40, -0.66), 0.058),
    ((0.45, 0.22, -0.58), 0.036),
)
"""Its course and thickness, fully grown."""
ELBOW, WRIST = (0.40, 0.20, 0.06), (0.52, 0.20, 0.46)
FINGERS = ((0.86, 0.24, 0.22), (0.74, 0.26, -0.14), (0.47, 0.26, -0.26))
SHOULDER = (0.12, 0.14, -0.22)
"""Shoulder of the left wing, fully grown."""


def assemble(age: Dragon) -> Figure:
    figure = Figure()
    _add_body(figure, age)
    _add_head(figure, age)
    for side in SIDES:
        _add_wing(figure, age, side)
    _add_egg(figure, age.egg)
    return figure


def _add_body(figure: Figure, age: Dragon) -> None:
    skin = plain(age.skin)
    trunk = (0.0, 0.03, age.trunk_z)
    head = (0.0, age.head_y, age.head_z)
    nape = (0.0, 0.03, age.trunk_z + 0.16 * age.trunk)
    figure.add(
        ellipsoid(
            trunk,
            [age.trunk * r for r in (0.225, 0.21, 0.28)],
            material=skin,
            layer=SKIN,
            soft=True,
        ),
        capsule(nape, head, 0.15 * age.trunk, 0.13, material=skin, layer=Layer.LEG, soft=True),
    )
    plates = Material(age.belly, darker(age.belly, 0.86), wave=(0.0, 0.0, 9.0), sharpness=3.0)
    figure.paint(
        ellipsoid(
            (0.0, -0.2 * age.trunk, age.trunk_z - 0.02),
            [age.trunk * r for r in (0.155, 0.13, 0.225)],
            material=plates,
            paints=(SKIN,),
        )
    )
    for side in SIDES:
        shoulder = (0.15 * side * age.trunk, -0.08, age.trunk_z + 0.12 * age.trunk)
        hand = (side * age.hand_x, age.hand_y, age.hand_z)
        figure.add(
            capsule(shoulder, hand, 0.075, 0.06, material=skin, layer=Layer.ARM, soft=True),
            ball(hand, 0.072, material=skin, layer=Layer.ARM),
        )
        hip = (0.17 * side, 0.03, -0.64)
        foot = (0.20 * side, -0.15, -0.79)
        figure.add(
            *grown(
                hip,
                age.leg,
                ellipsoid(hip, (0.125, 0.165, 0.165), material=skin, layer=Layer.LEG, soft=True),
            ),
            ellipsoid(
                between((hip[0], hip[1], -0.75), foot, age.leg),
                [extent * age.leg for extent in (0.10, 0.15)] + [0.06],
                material=skin,
                layer=Layer.ARM,
            ),
        )
        for turn in (-0.5, 0.0, 0.5):
            toe = (
                foot[0] + 0.09 * math.sin(turn),
                foot[1] - 0.135 * math.cos(turn) * age.leg,
                -0.80,
            )
            figure.paint(
                *grown(toe, age.leg, ball(toe, 0.036, material=plain(IVORY), paints=(Layer.ARM,)))
            )
    _add_tail(figure, age)
    for share, back in ((0.85, 0.15), (0.35, 0.17)):
        root = between(nape, head, share)
        figure.add(*_spike((root[0], root[1] + 0.6 * back, root[2]), (0.0, 1.0, 0.45), age))
    for rise in (0.10, -0.06):
        figure.add(
            *_spike(
                (0.0, 0.03 + 0.17 * age.trunk, age.trunk_z + rise * age.trunk), (0, 1, 0.3), age
            )
        )


def _spike(root: Vector, way: Vector, age: Dragon, size: float = 1.0) -> list[Primitive]:
    length = 0.19 * size / math.sqrt(sum(w * w for w in way))
    tip = [r + length * w for r, w in zip(root, way, strict=True)]
    spike = capsule(root, tip, 0.075 * size, 0.018, material=plain(age.wing_color), layer=Layer.EAR)
    return grown(root, age.spike, spike)


def _add_tail(figure: Figure, age: Dragon) -> None:
    skin = plain(age.skin)
    root = TAIL[0][0]
    course = [(between(root, point, age.tail), radius) for point, radius in TAIL]
    thick = 0.55 + 0.45 * age.tail
    for (start, first), (end, last) in itertools.pairwise(course):
        figure.add(
            capsule(
                start,
                end,
                first * thick,
                last * thick,
                material=skin,
                layer=Layer.TAIL,
                soft=True,
            )
        )
    tip, before = course[-1][0], course[-2][0]
    way = [a - b for a, b in zip(tip, before, strict=True)]
    end = [t + 0.55 * w for t, w in zip(tip, way, strict=True)]
    figure.add(
        capsule(
            tip,
            end,
            0.095 * age.tail,
            0.02 * age.tail,
            flat=0.5,
            material=plain(age.wing_color),
            layer=Layer.EAR,
        )
    )
    for index in (1, 2):
        (x, y, z), radius = course[index]
        figure.add(*_spike((x, y, z + 0.6 * radius * thick), (0.0, 0.2, 1.0), age, 0.7))


def _add_head(figure: Figure, age: Dragon) -> None:
    """Drawn around its own centre at scale 1, then placed."""
    skin = plain(age.skin)
    parts = [
        ellipsoid((0, 0, 0), (0.29, 0.265, 0.25), material=skin, layer=Layer.HEAD, soft=True),
        ellipsoid(
            (0.0, -0.20 - 0.05 * age.snout, -0.075),
            (0.165, 0.10 + 0.07 * age.snout, 0.11),
            material=skin,
            layer=Layer.SNOUT,
            soft=True,
        ),
    ]
    paints = []
    front = -0.295 - 0.12 * age.snout
    for side in SIDES:
        eye = (0.135 * side, -0.215, 0.07)
        parts += [
            ellipsoid(
                eye,
                (0.058, 0.038, 0.08),
                up=(0.0, -0.25, 1.0),
                side=(0.86, 0.5 * side, 0.0),
                material=plain(DARK),
                layer=Layer.EYE,
            ),
            *grown(
                (0.14 * side, 0.0, 0.12),
                age.horn,
                capsule(
                    (0.14 * side, 0.03, 0.17),
                    (0.19 * side, 0.13, 0.31),
                    0.058,
                    0.045,
                    material=plain(IVORY),
                    layer=Layer.TAIL,
                ),
                capsule(
                    (0.19 * side, 0.13, 0.31),
                    (0.20 * side, 0.25, 0.37),
                    0.045,
                    0.014,
                    material=plain(IVORY),
                    layer=Layer.TAIL,
                ),
            ),
            capsule(
                (0.23 * side, 0.04, 0.02),
                (0.39 * side, 0.12, 0.08),
                0.085,
                0.02,
                flat=0.4,
                side=(0.0, 0.3, 1.0),
                material=plain(age.wing_color),
                layer=Layer.EAR,
            ),
            *grown(
                (0.12 * side, -0.15, 0.10),
                age.fierce,
                capsule(
                    (0.045 * side, -0.245, 0.135),
                    (0.20 * side, -0.18, 0.20),
                    0.036,
                    0.028,
                    material=skin,
                    layer=Layer.LEG,
                ),
            ),
            *grown(
                (0.08 * side, front + 0.10, -0.12),
                age.fierce,
                capsule(
                    (0.085 * side, front + 0.07, -0.13),
                    (0.085 * side, front + 0.06, -0.215),
                    0.03,
                    0.008,
                    material=plain(WHITE),
                    layer=Layer.EYE,
                ),
            ),
        ]
        paints += [
            ball(
                (eye[0] - 0.02, eye[1] - 0.035, eye[2] + 0.035),
                0.034,
                material=plain((1.0, 1.0, 1.0)),
                paints=(Layer.EYE,),
            ),
            ball(
                (eye[0] + 0.022, eye[1] - 0.03, eye[2] - 0.04),
                0.02,
                material=plain((0.85, 0.88, 0.95)),
                paints=(Layer.EYE,),
            ),
            ball(
                (0.055 * side, front + 0.025, -0.035),
                0.026,
                material=plain(darker(age.skin, 0.45)),
                paints=(Layer.SNOUT,),
            ),
            capsule(
                (0.0, front + 0.01, -0.125),
                (0.10 * side, front + 0.07, -0.10),
                0.017,
                material=plain(darker(age.skin, 0.35)),
                paints=(Layer.SNOUT,),
            ),
            *grown(
                (0.22 * side, -0.15, -0.06),
                1.0 - age.fierce,
                ball(
                    (0.225 * side, -0.155, -0.06),
                    0.07,
                    material=plain(BLUSH),
                    paints=(Layer.HEAD,),
                ),
            ),
        ]
    place = (0.0, age.head_y, age.head_z)
    figure.add(*(placed(part, place, age.head) for part in parts))
    figure.paint(*(placed(paint, place, age.head) for paint in paints))
    crest = (0.0, age.head_y + 0.10, age.head_z + 0.19 * age.head)
    figure.add(*_spike(crest, (0.0, 0.5, 1.0), age))


def _add_wing(figure: Figure, age: Dragon, side: float) -> None:
    skin, membrane = plain(age.skin), plain(age.wing_color)
    root = (SHOULDER[0] * side, SHOULDER[1], age.trunk_z + 0.16)

    def point(place: Vector) -> list[float]:
        x, y, z = place
        return [side * x, y, z - SHOULDER[2] + root[2]]

    elbow, wrist = point(ELBOW), point(WRIST)
    tips = [point(finger) for finger in FINGERS]
    parts = [
        capsule(root, elbow, 0.058, 0.048, material=skin, layer=Layer.LEG),
        capsule(elbow, wrist, 0.048, 0.036, material=skin, layer=Layer.LEG),
    ]
    parts += [capsule(wrist, tip, 0.034, 0.018, material=skin, layer=Layer.LEG) for tip in tips]
    for start, end, first, last in (
        (wrist, between(tips[0], tips[1], 0.5), 0.05, 0.165),
        (wrist, between(tips[1], tips[2], 0.5), 0.06, 0.155),
        (elbow, between(between(tips[2], root, 0.55), elbow, 0.15), 0.12, 0.15),
    ):
        axis = [b - a for a, b in zip(start, end, strict=True)]
        short = between(start, end, 0.80)
        # Flat across the wing's plane, which is nearly that of x and z.
        parts.append(
            capsule(
                start,
                short,
                first,
                last,
                flat=0.15,
                side=(axis[2], 0.0, -axis[0]),
                material=membrane,
                layer=WING,
            )
        )
    figure.add(*grown(root, age.wing, *parts))


def _add_egg(figure: Figure, amount: float) -> None:
    shell, spots = plain(SHELL), plain(SPOT)
    root = (0.0, 0.02, -0.50)
    # The bowl shrinks last, so that its rim sinks into it and it does not uncover the rim.
    bowl = amount * (2.0 - amount)
    figure.add(*grown(root, bowl, ellipsoid(EGG, EGG_RADII, material=shell, layer=SHELL_LAYER)))
    parts = []
    for index in range(SHARDS):
        turn = 2 * math.pi * (index + 0.5) / SHARDS
        x, y = math.cos(turn), math.sin(turn)
        parts.append(
            capsule(
                (0.25 * x, 0.25 * y, -0.32),
                (0.335 * x, 0.325 * y, -0.15 + 0.03 * (index % 2)),
                0.10,
                0.016,
                flat=0.45,
                side=(-y, x, 0.0),
                material=shell,
                layer=SHELL_LAYER,
            )
        )
    figure.add(*grown(root, amount, *parts))
    cap = (0.02, 0.02, 0.20)
    figure.add(
        *grown(
            (0.0, 0.0, 0.0),
            amount,
            ellipsoid(
                cap, (0.20, 0.19, 0.12), up=(0.18, 0.1, 1.0), material=shell, layer=SHELL_LAYER
            ),
        )
    )
    for x, y, z, radius in (
        (0.20, -0.24, -0.55, 0.085),
        (-0.16, -0.28, -0.66, 0.075),
        (-0.30, -0.05, -0.48, 0.09),
        (0.05, -0.34, -0.42, 0.05),
        (0.24, 0.22, -0.58, 0.09),
        (-0.20, 0.26, -0.60, 0.08),
        (0.02, 0.30, -0.45, 0.07),
        (0.33, 0.0, -0.62, 0.06),
        (0.10, -0.13, 0.26, 0.06),
        (-0.08, 0.05, 0.30, 0.055),
    ):
        origin = (0.0, 0.0, 0.0) if z > 0 else root
        spot = ball((x, y, z), radius, material=spots, paints=(SHELL_LAYER,))
        figure.paint(*grown(origin, amount, spot))


DRAGON = Family(AGES, assemble)
