"""The ten animals: coats, faces, ears and tails."""

from __future__ import annotations

import math
from collections.abc import Callable

from .figure import (
    DARK,
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
from .primitives import Color, Layer, Material, ball, box, capsule, disc, ellipsoid, ring

FACE = (Layer.HEAD,)
BODY = (Layer.TORSO,)


def _belly(figure: Figure, color: Color) -> None:
    figure.paint(
        ellipsoid((0.0, -0.24, -0.33), (0.17, 0.12, 0.20), material=plain(color), paints=BODY)
    )


def _ears(
    figure: Figure,
    color: Color,
    inner: Color,
    azimuth: float,
    elevation: float,
    radius: float,
    out: float = 1.08,
) -> None:
    """Round ears, their fronts painted."""
    for side in SIDES:
        center = on_head(side * azimuth, elevation, out)
        figure.add(
            ellipsoid(
                center, (radius, 0.6 * radius, radius), material=plain(color), layer=Layer.EAR
            )
        )
        front = (center[0], center[1] - 0.5 * radius, center[2] - 0.01)
        figure.paint(
            ellipsoid(
                front,
                (0.62 * radius, 0.4 * radius, 0.62 * radius),
                material=plain(inner),
                paints=(Layer.EAR,),
            )
        )


def _muzzle(figure: Figure, color: Color, radii: tuple[float, float, float], nose: Color) -> None:
    """A snout with a nose and a smile."""
    y, z = -0.30, 0.185
    figure.add(
        ellipsoid((0.0, y, z), radii, material=plain(color), layer=Layer.SNOUT),
        ellipsoid(
            (0.0, y - radii[1] * 0.86, z + radii[2] * 0.55),
            (0.058, 0.042, 0.045),
            material=plain(nose),
            layer=Layer.EYE,
        ),
    )
    add_smile(figure, y - radii[1], z - radii[2] * 0.42, width=radii[0] * 0.5)


def squirrel(figure: Figure) -> Coat:
    fur, cream, dark = (0.80, 0.42, 0.17), (0.98, 0.88, 0.72), (0.50, 0.23, 0.09)
    add_head(figure, plain(fur))
    add_eyes(figure, ring=(0.93, 0.70, 0.45))
    _muzzle(figure, cream, (0.13, 0.085, 0.095), (0.35, 0.14, 0.10))
    figure.add(
        box((0.0, -0.375, 0.095), (0.042, 0.03, 0.045), 0.015, material=plain(WHITE), layer=Layer.EYE)
    )
    for side in SIDES:
        base, tip = on_head(side * 44, 46, 0.95), on_head(side * 42, 50, 1.55)
        figure.add(capsule(base, tip, 0.10, 0.035, material=plain(fur), layer=Layer.EAR))
        figure.paint(
            ball(tip, 0.075, material=plain(dark), paints=(Layer.EAR,)),
            ellipsoid(
                on_head(side * 34, 46, 1.24),
                (0.045, 0.06, 0.10),
                material=plain((0.97, 0.72, 0.58)),
                paints=(Layer.EAR,),
            ),
        )
    _belly(figure, cream)
    tail = Material(fur, dark, wave=(5.0, 0.0, 0.0), phase=0.25, sharpness=4.0, threshold=0.45)
    for start, end, first, last in (
        ((0.0, 0.24, -0.50), (0.0, 0.44, -0.28), 0.10, 0.18),
        ((0.0, 0.44, -0.28), (0.0, 0.54, 0.10), 0.18, 0.215),
        ((0.0, 0.54, 0.10), (0.0, 0.62, 0.34), 0.215, 0.14),
    ):
        figure.add(capsule(start, end, first, last, material=tail, layer=Layer.TAIL, soft=True))
    figure.paint(ball((0.0, 0.70, 0.44), 0.16, material=plain(cream), paints=(Layer.TAIL,)))
    return coat(fur, dark)


def raccoon(figure: Figure) -> Coat:
    fur, black, pale = (0.52, 0.53, 0.57), (0.12, 0.12, 0.14), (0.92, 0.92, 0.92)
    add_head(figure, plain(fur))
    for side in SIDES:
        figure.paint(
            ellipsoid(on_head(side * 34, 18), (0.17, 0.12, 0.11), material=plain(pale), paints=FACE)
        )
    for side in SIDES:
        figure.paint(
            ellipsoid(
                on_head(side * 36, -2),
                (0.165, 0.15, 0.105),
                up=(-side * 0.35, 0.0, 1.0),
                material=plain(black),
                paints=FACE,
            )
        )
    add_eyes(figure, color=(0.03, 0.02, 0.03), blush=None)
    for side in SIDES:  # a rim, for dark eyes in a dark mask
        figure.paint(
            ball(on_head(side * 27, 3), 0.1, material=plain((0.40, 0.33, 0.30)), paints=FACE)
        )
    _muzzle(figure, pale, (0.135, 0.115, 0.09), DARK)
    _ears(figure, fur, pale, 44, 45, 0.125, out=1.16)
    _belly(figure, (0.74, 0.74, 0.76))
    rings = Material(fur, black, wave=(0.0, 0.0, 4.4), phase=0.1, sharpness=8.0)
    figure.add(
        capsule((0.0, 0.22, -0.48), (0.05, 0.46, -0.34), 0.09, 0.125, material=rings, layer=Layer.TAIL),
        capsule((0.05, 0.46, -0.34), (0.10, 0.60, 0.12), 0.125, 0.10, material=rings, layer=Layer.TAIL),
    )
    return coat(fur, black)


def pig(figure: Figure) -> Coat:
    pink, deep, hoof = (0.98, 0.68, 0.70), (0.93, 0.47, 0.53), (0.58, 0.33, 0.33)
    add_head(figure, plain(pink))
    add_eyes(figure, brow=(0.72, 0.36, 0.38))
    figure.add(
        disc(
            (0.0, -0.335, 0.19), (0.0, -1.0, 0.0), 0.115, 0.12, 0.045,
            material=plain(deep), layer=Layer.SNOUT,
        )
    )  # fmt: skip
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
                base, tip, 0.125, 0.065, flat=0.45, side=(1.0, 0.3 * side, 0.0),
                material=plain(deep), layer=Layer.EAR,
            )
        )  # fmt: skip
    add_smile(figure, -0.31, 0.045, width=0.06)
    _belly(figure, (1.0, 0.79, 0.79))
    figure.add(
        ring((0.0, 0.31, -0.38), (0.5, 1.0, 0.0), 0.065, 0.032, material=plain(deep), layer=Layer.TAIL),
        capsule((0.03, 0.30, -0.32), (0.07, 0.42, -0.28), 0.032, 0.03, material=plain(deep), layer=Layer.TAIL),
    )  # fmt: skip
    return coat(pink, hoof)


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
            ball((side * 0.035, -0.385, 0.20), 0.025, material=plain((0.45, 0.22, 0.15)), paints=(Layer.SNOUT,))
        )  # fmt: skip
        center = (side * 0.40, 0.0, 0.27)
        figure.add(
            ellipsoid(center, (0.125, 0.06, 0.135), material=plain(fur), layer=Layer.EAR)
        )
        figure.paint(
            ellipsoid(
                (side * 0.41, -0.06, 0.265), (0.085, 0.05, 0.09), material=plain(skin), paints=(Layer.EAR,)
            )
        )  # fmt: skip
    add_smile(figure, -0.385, 0.095, width=0.08)
    figure.add(capsule((0, -0.02, 0.55), (0.03, -0.08, 0.63), 0.07, 0.03, material=plain(fur), layer=Layer.EAR))
    _belly(figure, skin)
    tail = plain(fur)
    chain = [(0.0, 0.22, -0.50), (0.02, 0.46, -0.52), (0.05, 0.60, -0.34), (0.08, 0.60, -0.10),
             (0.10, 0.50, 0.06), (0.11, 0.40, -0.04), (0.11, 0.46, -0.16)]  # fmt: skip
    for start, end in zip(chain[:-1], chain[1:], strict=True):
        figure.add(capsule(start, end, 0.045, material=tail, layer=Layer.TAIL))
    return coat(fur, skin)


def robot(figure: Figure) -> Coat:
    shell, steel, cyan = (0.60, 0.76, 0.84), (0.42, 0.46, 0.52), (0.30, 0.95, 0.95)
    red, yellow = (0.93, 0.25, 0.20), (0.99, 0.80, 0.22)
    x, y, z = HEAD.tolist()
    figure.add(
        box((x, y, z - 0.015), (0.33, 0.28, 0.27), 0.11, material=plain(shell), layer=Layer.HEAD),
        box((0.0, -0.275, 0.265), (0.25, 0.05, 0.175), 0.045, material=plain((0.13, 0.16, 0.22)), layer=Layer.EAR),
        capsule((0.0, 0.0, 0.52), (0.0, 0.0, 0.74), 0.03, material=plain(steel), layer=Layer.EAR),
        ball((0.0, 0.0, 0.78), 0.07, material=plain(red), layer=Layer.EAR),
        disc((0.0, -0.02, 0.27), (1.0, 0.0, 0.0), 0.12, 0.80, 0.03, material=plain(yellow), layer=Layer.TAIL),
    )  # fmt: skip
    for side in SIDES:
        figure.add(
            ellipsoid((side * 0.12, -0.32, 0.30), (0.065, 0.025, 0.075), material=plain(cyan), layer=Layer.EYE)
        )  # fmt: skip
        figure.paint(
            ball((side * 0.12 - 0.022, -0.35, 0.33), 0.034, material=plain(WHITE), paints=(Layer.EYE,)),
            capsule((0.0, -0.33, 0.155), (side * 0.075, -0.33, 0.18), 0.022, material=plain(cyan), paints=(Layer.EAR,)),
        )  # fmt: skip
    figure.paint(
        box((0.0, -0.24, -0.28), (0.12, 0.1, 0.10), 0.03, material=plain((0.88, 0.93, 0.95)), paints=BODY),
        ball((-0.05, -0.24, -0.26), 0.035, material=plain(red), paints=BODY),
        ball((0.05, -0.24, -0.26), 0.035, material=plain(yellow), paints=BODY),
        ball((-0.06, 0.31, -0.2), 0.04, material=plain(red), paints=(Layer.TAIL,)),
        ball((0.06, 0.31, -0.2), 0.04, material=plain(yellow), paints=(Layer.TAIL,)),
        ball((0.0, 0.30, 0.34), 0.06, material=plain(red), paints=FACE),
        box((0.0, 0.29, 0.20), (0.16, 0.06, 0.035), 0.02, material=plain(steel), paints=FACE),
    )  # fmt: skip
    figure.add(
        box((0.0, 0.22, -0.25), (0.15, 0.09, 0.16), 0.03, material=plain(steel), layer=Layer.TAIL),
        disc((0.0, 0.0, -0.04), (0.0, 0.0, 1.0), 0.12, 0.12, 0.02, material=plain(steel), layer=Layer.TAIL),
    )  # fmt: skip
    limbs = Material(steel, (0.66, 0.70, 0.75), wave=(0.0, 0.0, 9.0), sharpness=6.0)
    return coat(shell, shell, arms=limbs, legs=limbs)


def lion(figure: Figure) -> Coat:
    fur, mane, cream = (0.95, 0.72, 0.34), (0.66, 0.30, 0.08), (1.0, 0.90, 0.70)
    add_head(figure, plain(fur))
    add_eyes(figure, brow=(0.60, 0.32, 0.10))
    _muzzle(figure, cream, (0.145, 0.09, 0.10), (0.42, 0.17, 0.12))
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
        figure.add(
            ellipsoid(center, (0.10, 0.075, 0.10), material=plain(fur), layer=Layer.EAR)
        )
        figure.paint(
            ball((center[0], center[1] - 0.07, center[2]), 0.07, material=plain((0.98, 0.82, 0.62)), paints=(Layer.EAR,))
        )  # fmt: skip
    _belly(figure, cream)
    figure.add(
        capsule((0.0, 0.22, -0.48), (0.10, 0.46, -0.50), 0.045, 0.04, material=plain(fur), layer=Layer.TAIL),
        capsule((0.10, 0.46, -0.50), (0.16, 0.58, -0.24), 0.04, 0.035, material=plain(fur), layer=Layer.TAIL),
        ellipsoid((0.17, 0.59, -0.15), (0.085, 0.085, 0.12), material=hair, layer=Layer.TAIL),
    )  # fmt: skip
    return coat(fur)


def rabbit(figure: Figure) -> Coat:
    fur, pink = (0.93, 0.91, 0.90), (0.98, 0.66, 0.70)
    add_head(figure, plain(fur))
    add_eyes(figure, color=(0.20, 0.08, 0.10))
    for side in SIDES:
        figure.add(
            ball((side * 0.06, -0.31, 0.165), 0.082, material=plain(WHITE), layer=Layer.SNOUT)
        )
        base, tip = (side * 0.16, 0.04, 0.50), (side * 0.25, 0.07, 0.80)
        figure.add(
            capsule(base, tip, 0.085, 0.075, flat=0.7, material=plain(fur), layer=Layer.EAR)
        )
        figure.paint(
            capsule(
                (base[0], base[1] - 0.07, base[2] + 0.04), (tip[0], tip[1] - 0.06, tip[2]),
                0.05, 0.045, material=plain(pink), paints=(Layer.EAR,),
            )
        )  # fmt: skip
    figure.add(
        ellipsoid((0.0, -0.375, 0.22), (0.05, 0.04, 0.04), material=plain(pink), layer=Layer.EAR),
        box((0.0, -0.365, 0.085), (0.045, 0.03, 0.045), 0.015, material=plain(WHITE), layer=Layer.EAR),
        ball((0.0, 0.30, -0.42), 0.12, material=plain((1.0, 1.0, 1.0)), layer=Layer.TAIL),
    )  # fmt: skip
    _belly(figure, (1.0, 0.98, 0.97))
    return coat(fur, (0.99, 0.97, 0.96))


def tiger(figure: Figure) -> Coat:
    fur, black = (0.97, 0.55, 0.14), (0.13, 0.08, 0.06)
    add_head(figure, plain(fur))
    for side in SIDES:
        figure.paint(
            ball(on_head(side * 52, -24), 0.15, material=plain(WHITE), paints=FACE),
            *(
                ellipsoid(
                    on_head(side * azimuth, elevation), (0.10, 0.13, 0.026),
                    up=(-side * tilt, 0.0, 1.0), material=plain(black), paints=FACE,
                )
                for azimuth, elevation, tilt in ((80, 18, 0.2), (82, -6, -0.1), (128, 6, 0.0))
            ),
        )  # fmt: skip
    figure.paint(
        ellipsoid(on_head(0, 58), (0.028, 0.15, 0.12), material=plain(black), paints=FACE),
        *(
            ellipsoid(on_head(side * 20, 50), (0.026, 0.12, 0.085), up=(side * 0.3, 0.0, 1.0), material=plain(black), paints=FACE)
            for side in SIDES
        ),
        ellipsoid(on_head(180, 36), (0.20, 0.1, 0.03), material=plain(black), paints=FACE),
        ellipsoid(on_head(180, 8), (0.22, 0.1, 0.03), material=plain(black), paints=FACE),
        ellipsoid(on_head(180, -18), (0.18, 0.1, 0.03), material=plain(black), paints=FACE),
    )  # fmt: skip
    add_eyes(figure, blush=None)
    _muzzle(figure, WHITE, (0.145, 0.09, 0.10), (0.93, 0.45, 0.48))
    _ears(figure, fur, WHITE, 45, 46, 0.12, out=1.16)
    for side in SIDES:
        center = on_head(side * 45, 46, 1.24)
        figure.paint(
            ball((center[0], center[1] + 0.08, center[2] + 0.04), 0.075, material=plain(black), paints=(Layer.EAR,))
        )  # fmt: skip
    stripes = Material(fur, black, wave=(0.0, 0.0, 6.8), phase=0.2, sharpness=8.0, threshold=0.45)
    limbs = Material(fur, black, wave=(0.0, 0.0, 7.5), phase=0.0, sharpness=8.0, threshold=0.4)
    _belly(figure, WHITE)
    figure.add(
        capsule((0.0, 0.22, -0.48), (0.08, 0.48, -0.46), 0.06, 0.055, material=limbs, layer=Layer.TAIL),
        capsule((0.08, 0.48, -0.46), (0.15, 0.60, -0.08), 0.055, 0.055, material=limbs, layer=Layer.TAIL),
        ball((0.16, 0.60, -0.05), 0.065, material=plain(black), layer=Layer.TAIL),
    )  # fmt: skip
    return coat(fur, fur, torso=stripes, arms=limbs, legs=limbs)


def orangutan(figure: Figure) -> Coat:
    hair, skin, pad = (0.84, 0.34, 0.08), (0.74, 0.55, 0.46), (0.58, 0.41, 0.34)
    add_head(figure, plain(hair))
    figure.paint(
        ellipsoid((0.0, -0.28, 0.26), (0.235, 0.14, 0.20), material=plain(skin), paints=FACE)
    )
    add_eyes(figure, azimuth=22, elevation=6, blush=None, brow=(0.45, 0.24, 0.14))
    figure.add(
        ellipsoid((0.0, -0.29, 0.13), (0.19, 0.12, 0.12), material=plain((0.86, 0.69, 0.58)), layer=Layer.SNOUT),
        capsule((0.0, -0.27, 0.02), (0.0, -0.30, -0.06), 0.10, 0.05, material=plain(hair), layer=Layer.TAIL),
        capsule((0.0, 0.0, 0.53), (0.0, -0.06, 0.66), 0.12, 0.05, material=plain(hair), layer=Layer.TAIL),
    )  # fmt: skip
    add_smile(figure, -0.40, 0.085, width=0.10)
    for side in SIDES:
        figure.add(
            ellipsoid(
                (side * 0.30, -0.17, 0.25), (0.115, 0.06, 0.175),
                up=(0.0, 0.0, 1.0), side=(1.0, side * 0.45, 0.0), material=plain(pad), layer=Layer.EAR,
            ),
            capsule((side * 0.15, 0.12, 0.02), (side * 0.20, 0.24, -0.40), 0.13, 0.06, material=plain(hair), layer=Layer.TAIL, soft=True),
        )  # fmt: skip
        figure.paint(
            ball((side * 0.04, -0.40, 0.19), 0.026, material=plain((0.28, 0.17, 0.14)), paints=(Layer.SNOUT,))
        )  # fmt: skip
    figure.add(
        capsule((0.0, 0.16, 0.0), (0.0, 0.27, -0.46), 0.14, 0.07, material=plain((0.74, 0.28, 0.06)), layer=Layer.TAIL, soft=True)
    )  # fmt: skip
    for elbow, hand in zip(figure.pose.elbows, figure.pose.hands, strict=True):
        middle = [(a + b) / 2 for a, b in zip(elbow, hand, strict=True)]
        hang = (middle[0], middle[1] + 0.02, middle[2] - 0.13)
        figure.add(capsule(middle, hang, 0.075, 0.035, material=plain(hair), layer=Layer.TAIL))
    _belly(figure, (0.72, 0.40, 0.20))
    return coat(hair, (0.45, 0.31, 0.27))


def bear(figure: Figure) -> Coat:
    fur, tan = (0.40, 0.23, 0.12), (0.85, 0.64, 0.42)
    add_head(figure, plain(fur))
    add_eyes(figure, brow=(0.22, 0.11, 0.05), blush=(0.72, 0.36, 0.26))
    _muzzle(figure, tan, (0.15, 0.11, 0.11), DARK)
    _ears(figure, fur, tan, 47, 45, 0.14, out=1.2)
    _belly(figure, tan)
    figure.add(ball((0.0, 0.27, -0.46), 0.085, material=plain(fur), layer=Layer.TAIL))
    return coat(fur, (0.30, 0.16, 0.08))


ANIMAL_PARTS: dict[str, Callable[[Figure], Coat]] = {
    "squirrel": squirrel,
    "raccoon": raccoon,
    "pig": pig,
    "monkey": monkey,
    "robot": robot,
    "lion": lion,
    "rabbit": rabbit,
    "tiger": tiger,
    "orangutan": orangutan,
    "bear": bear,
}
