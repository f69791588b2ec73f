"""Animals of hot countries: monkey, orangutan, lion and tiger."""

from __future__ import annotations

import math
from itertools import pairwise

from ..figure import SIDES, WHITE, Coat, Figure, add_eyes, add_head, add_smile, coat, on_head, plain
from ..primitives import Layer, Material, ball, capsule, ellipsoid
from .parts import FACE, add_belly, add_ears, add_muzzle


def monkey(figure: Figure) -> Coat:
    fur, skin = (0.50, 0.28, 0.15), (0.97, 0.77, 0.60)
    add_head(figure, plain(fur))
    for side in SIDES:
        figure.paint(
            ellipsoid(on_head(side * 24, 6), (0.15, 0.13, 0.16), material=plain(skin), paints=FACE)
        )
    figure.paint(
        ellipsoid((0.0, -0.30, 0.14), (0.22, 0.13, 0.14), material=plain(skin), paints=FACE)
    )
    add_eyes(figure, azimuth=24, brow=(0.30, 0.15, 0.08))
    figure.add(
        ellipsoid((0.0, -0.29, 0.15), (0.165, 0.10, 0.105), material=plain(skin), layer=Layer.SNOUT)
    )
    for side in SIDES:
        figure.paint(
            ball(
                (side * 0.035, -0.385, 0.20),
                0.025,
                material=plain((0.45, 0.22, 0.15)),
                paints=(Layer.SNOUT,),
            )
        )
        center = (side * 0.40, 0.0, 0.27)
        figure.add(ellipsoid(center, (0.125, 0.06, 0.135), material=plain(fur), layer=Layer.EAR))
        figure.paint(
            ellipsoid(
                (side * 0.41, -0.06, 0.265),
                (0.085, 0.05, 0.09),
                material=plain(skin),
                paints=(Layer.EAR,),
            )
        )
    add_smile(figure, -0.385, 0.095, width=0.08)
    figure.add(
        capsule(
            (0, -0.02, 0.55), (0.03, -0.08, 0.63), 0.07, 0.03, material=plain(fur), layer=Layer.EAR
        )
    )
    add_belly(figure, skin)
    tail = plain(fur)
    chain = [
        (0.0, 0.22, -0.50),
        (0.02, 0.46, -0.52),
        (0.05, 0.60, -0.34),
        (0.08, 0.60, -0.10),
        (0.10, 0.50, 0.06),
        (0.11, 0.40, -0.04),
        (0.11, 0.46, -0.16),
    ]
    for start, end in pairwise(chain):
        figure.add(capsule(start, end, 0.045, material=tail, layer=Layer.TAIL))
    return coat(fur, skin)


def orangutan(figure: Figure) -> Coat:
    hair, skin, pad = (0.84, 0.34, 0.08), (0.74, 0.55, 0.46), (0.58, 0.41, 0.34)
    add_head(figure, plain(hair))
    figure.paint(
        ellipsoid((0.0, -0.28, 0.26), (0.235, 0.14, 0.20), material=plain(skin), paints=FACE)
    )
    add_eyes(figure, azimuth=22, elevation=6, blush=None, brow=(0.45, 0.24, 0.14))
    figure.add(
        ellipsoid(
            (0.0, -0.29, 0.13),
            (0.19, 0.12, 0.12),
            material=plain((0.86, 0.69, 0.58)),
            layer=Layer.SNOUT,
        ),
        capsule(
            (0.0, -0.27, 0.02),
            (0.0, -0.30, -0.06),
            0.10,
            0.05,
            material=plain(hair),
            layer=Layer.TAIL,
        ),
        capsule(
            (0.0, 0.0, 0.53), (0.0, -0.06, 0.66), 0.12, 0.05, material=plain(hair), layer=Layer.TAIL
        ),
    )
    add_smile(figure, -0.40, 0.085, width=0.10)
    for side in SIDES:
        figure.add(
            ellipsoid(
                (side * 0.30, -0.17, 0.25),
                (0.115, 0.06, 0.175),
                up=(0.0, 0.0, 1.0),
                side=(1.0, side * 0.45, 0.0),
                material=plain(pad),
                layer=Layer.EAR,
            ),
            capsule(
                (side * 0.15, 0.12, 0.02),
                (side * 0.20, 0.24, -0.40),
                0.13,
                0.06,
                material=plain(hair),
                layer=Layer.TAIL,
                soft=True,
            ),
        )
        figure.paint(
            ball(
                (side * 0.04, -0.40, 0.19),
                0.026,
                material=plain((0.28, 0.17, 0.14)),
                paints=(Layer.SNOUT,),
            )
        )
    figure.add(
        capsule(
            (0.0, 0.16, 0.0),
            (0.0, 0.27, -0.46),
            0.14,
            0.07,
            material=plain((0.74, 0.28, 0.06)),
            layer=Layer.TAIL,
            soft=True,
        )
    )
    for elbow, hand in zip(figure.pose.elbows, figure.pose.hands, strict=True):
        middle = [(a + b) / 2 for a, b in zip(elbow, hand, strict=True)]
        hang = (middle[0], middle[1] + 0.02, middle[2] - 0.13)
        figure.add(capsule(middle, hang, 0.075, 0.035, material=plain(hair), layer=Layer.TAIL))
    add_belly(figure, (0.72, 0.40, 0.20))
    return coat(hair, (0.45, 0.31, 0.27))


def lion(figure: Figure) -> Coat:
    fur, mane, cream = (0.95, 0.72, 0.34), (0.66, 0.30, 0.08), (1.0, 0.90, 0.70)
    add_head(figure, plain(fur))
    add_eyes(figure, brow=(0.60, 0.32, 0.10))
    add_muzzle(figure, cream, (0.145, 0.09, 0.10), (0.42, 0.17, 0.12))
    hair = plain(mane)
    figure.add(
        ellipsoid((0.0, 0.10, 0.25), (0.40, 0.23, 0.38), material=hair, layer=Layer.TAIL, soft=True)
    )
    for index in range(9):
        angle = math.radians(-90 + 40 * index)
        center = (0.385 * math.cos(angle), 0.02, 0.25 + 0.355 * math.sin(angle))
        figure.add(ball(center, 0.125, material=hair, layer=Layer.TAIL, soft=True))
    for side in SIDES:
        center = on_head(side * 48, 46, 1.12)
        figure.add(ellipsoid(center, (0.10, 0.075, 0.10), material=plain(fur), layer=Layer.EAR))
        figure.paint(
            ball(
                (center[0], center[1] - 0.07, center[2]),
                0.07,
                material=plain((0.98, 0.82, 0.62)),
                paints=(Layer.EAR,),
            )
        )
    add_belly(figure, cream)
    figure.add(
        capsule(
            (0.0, 0.22, -0.48),
            (0.10, 0.46, -0.50),
            0.045,
            0.04,
            material=plain(fur),
            layer=Layer.TAIL,
        ),
        capsule(
            (0.10, 0.46, -0.50),
            (0.16, 0.58, -0.24),
            0.04,
            0.035,
            material=plain(fur),
            layer=Layer.TAIL,
        ),
        ellipsoid((0.17, 0.59, -0.15), (0.085, 0.085, 0.12), material=hair, layer=Layer.TAIL),
    )
    return coat(fur)


def tiger(figure: Figure) -> Coat:
    fur, black = (0.97, 0.55, 0.14), (0.13, 0.08, 0.06)
    add_head(figure, plain(fur))
    for side in SIDES:
        figure.paint(
            ball(on_head(side * 52, -24), 0.15, material=plain(WHITE), paints=FACE),
            *(
                ellipsoid(
                    on_head(side * azimuth, elevation),
                    (0.10, 0.13, 0.026),
                    up=(-side * tilt, 0.0, 1.0),
                    material=plain(black),
                    paints=FACE,
                )
                for azimuth, elevation, tilt in ((80, 18, 0.2), (82, -6, -0.1), (128, 6, 0.0))
            ),
        )
    figure.paint(
        ellipsoid(on_head(0, 58), (0.028, 0.15, 0.12), material=plain(black), paints=FACE),
        *(
            ellipsoid(
                on_head(side * 20, 50),
                (0.026, 0.12, 0.085),
                up=(side * 0.3, 0.0, 1.0),
                material=plain(black),
                paints=FACE,
            )
            for side in SIDES
        ),
        ellipsoid(on_head(180, 36), (0.20, 0.1, 0.03), material=plain(black), paints=FACE),
        ellipsoid(on_head(180, 8), (0.22, 0.1, 0.03), material=plain(black), paints=FACE),
        ellipsoid(on_head(180, -18), (0.18, 0.1, 0.03), material=plain(black), paints=FACE),
    )
    add_eyes(figure, blush=None)
    add_muzzle(figure, WHITE, (0.145, 0.09, 0.10), (0.93, 0.45, 0.48))
    add_ears(figure, fur, WHITE, 45, 46, 0.12, out=1.16)
    for side in SIDES:
        center = on_head(side * 45, 46, 1.24)
        figure.paint(
            ball(
                (center[0], center[1] + 0.08, center[2] + 0.04),
                0.075,
                material=plain(black),
                paints=(Layer.EAR,),
            )
        )
    stripes = Material(fur, black, wave=(0.0, 0.0, 6.8), phase=0.2, sharpness=8.0, threshold=0.45)
    limbs = Material(fur, black, wave=(0.0, 0.0, 7.5), phase=0.0, sharpness=8.0, threshold=0.4)
    add_belly(figure, WHITE)
    figure.add(
        capsule(
            (0.0, 0.22, -0.48), (0.08, 0.48, -0.46), 0.06, 0.055, material=limbs, layer=Layer.TAIL
        ),
        capsule(
            (0.08, 0.48, -0.46), (0.15, 0.60, -0.08), 0.055, 0.055, material=limbs, layer=Layer.TAIL
        ),
        ball((0.16, 0.60, -0.05), 0.065, material=plain(black), layer=Layer.TAIL),
    )
    return coat(fur, fur, torso=stripes, arms=limbs, legs=limbs)
