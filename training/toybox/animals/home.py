"""The pig, and the robot."""

from __future__ import annotations

from ..figure import (
    HEAD,
    SIDES,
    WHITE,
    Coat,
    Figure,
    add_eyes,
    add_head,
    add_smile,
    coat,
    on_head,
    plain,
)
from ..primitives import Layer, Material, ball, box, capsule, disc, ellipsoid, ring
from .parts import BODY, FACE, add_belly


def pig(figure: Figure) -> Coat:
    pink, deep, hoof = (0.98, 0.68, 0.70), (0.93, 0.47, 0.53), (0.58, 0.33, 0.33)
    add_head(figure, plain(pink))
    add_eyes(figure, brow=(0.72, 0.36, 0.38))
    figure.add(
        disc(
            (0.0, -0.335, 0.19),
            (0.0, -1.0, 0.0),
            0.115,
            0.12,
            0.045,
            material=plain(deep),
            layer=Layer.SNOUT,
        )
    )
    for side in SIDES:
        figure.paint(
            ellipsoid(
                (side * 0.045, -0.40, 0.195),
                (0.022, 0.04, 0.036),
                material=plain((0.55, 0.20, 0.25)),
                paints=(Layer.SNOUT,),
            )
        )
        base = on_head(side * 46, 48, 0.95)
        tip = [base[0] + side * 0.12, base[1] - 0.09, base[2] + 0.10]
        figure.add(
            capsule(
                base,
                tip,
                0.125,
                0.065,
                flat=0.45,
                side=(1.0, 0.3 * side, 0.0),
                material=plain(deep),
                layer=Layer.EAR,
            )
        )
    add_smile(figure, -0.31, 0.045, width=0.06)
    add_belly(figure, (1.0, 0.79, 0.79))
    figure.add(
        ring(
            (0.0, 0.31, -0.38),
            (0.5, 1.0, 0.0),
            0.065,
            0.032,
            material=plain(deep),
            layer=Layer.TAIL,
        ),
        capsule(
            (0.03, 0.30, -0.32),
            (0.07, 0.42, -0.28),
            0.032,
            0.03,
            material=plain(deep),
            layer=Layer.TAIL,
        ),
    )
    return coat(pink, hoof)


def robot(figure: Figure) -> Coat:
    shell, steel, cyan = (0.60, 0.76, 0.84), (0.42, 0.46, 0.52), (0.30, 0.95, 0.95)
    red, yellow = (0.93, 0.25, 0.20), (0.99, 0.80, 0.22)
    x, y, z = HEAD.tolist()
    figure.add(
        box((x, y, z - 0.015), (0.33, 0.28, 0.27), 0.11, material=plain(shell), layer=Layer.HEAD),
        box(
            (0.0, -0.275, 0.265),
            (0.25, 0.05, 0.175),
            0.045,
            material=plain((0.13, 0.16, 0.22)),
            layer=Layer.EAR,
        ),
        capsule((0.0, 0.0, 0.52), (0.0, 0.0, 0.74), 0.03, material=plain(steel), layer=Layer.EAR),
        ball((0.0, 0.0, 0.78), 0.07, material=plain(red), layer=Layer.EAR),
        disc(
            (0.0, -0.02, 0.27),
            (1.0, 0.0, 0.0),
            0.12,
            0.80,
            0.03,
            material=plain(yellow),
            layer=Layer.TAIL,
        ),
    )
    for side in SIDES:
        figure.add(
            ellipsoid(
                (side * 0.12, -0.32, 0.30),
                (0.065, 0.025, 0.075),
                material=plain(cyan),
                layer=Layer.EYE,
            )
        )
        figure.paint(
            ball(
                (side * 0.12 - 0.022, -0.35, 0.33),
                0.034,
                material=plain(WHITE),
                paints=(Layer.EYE,),
            ),
            capsule(
                (0.0, -0.33, 0.155),
                (side * 0.075, -0.33, 0.18),
                0.022,
                material=plain(cyan),
                paints=(Layer.EAR,),
            ),
        )
    figure.paint(
        box(
            (0.0, -0.24, -0.28),
            (0.12, 0.1, 0.10),
            0.03,
            material=plain((0.88, 0.93, 0.95)),
            paints=BODY,
        ),
        ball((-0.05, -0.24, -0.26), 0.035, material=plain(red), paints=BODY),
        ball((0.05, -0.24, -0.26), 0.035, material=plain(yellow), paints=BODY),
        ball((-0.06, 0.31, -0.2), 0.04, material=plain(red), paints=(Layer.TAIL,)),
        ball((0.06, 0.31, -0.2), 0.04, material=plain(yellow), paints=(Layer.TAIL,)),
        ball((0.0, 0.30, 0.34), 0.06, material=plain(red), paints=FACE),
        box((0.0, 0.29, 0.20), (0.16, 0.06, 0.035), 0.02, material=plain(steel), paints=FACE),
    )
    figure.add(
        box((0.0, 0.22, -0.25), (0.15, 0.09, 0.16), 0.03, material=plain(steel), layer=Layer.TAIL),
        disc(
            (0.0, 0.0, -0.04),
            (0.0, 0.0, 1.0),
            0.12,
            0.12,
            0.02,
            material=plain(steel),
            layer=Layer.TAIL,
        ),
    )
    limbs = Material(steel, (0.66, 0.70, 0.75), wave=(0.0, 0.0, 9.0), sharpness=6.0)
    return coat(shell, shell, arms=limbs, legs=limbs)
