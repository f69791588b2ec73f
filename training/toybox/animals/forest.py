"""Animals of the forest: squirrel, raccoon, rabbit and bear."""

from __future__ import annotations

from ..figure import DARK, SIDES, WHITE, Coat, Figure, add_eyes, add_head, coat, on_head, plain
from ..primitives import Layer, Material, ball, box, capsule, ellipsoid
from .parts import FACE, add_belly, add_ears, add_muzzle


def squirrel(figure: Figure) -> Coat:
    fur, cream, dark = (0.80, 0.42, 0.17), (0.98, 0.88, 0.72), (0.50, 0.23, 0.09)
    add_head(figure, plain(fur))
    add_eyes(figure, ring=(0.93, 0.70, 0.45))
    add_muzzle(figure, cream, (0.13, 0.085, 0.095), (0.35, 0.14, 0.10))
    figure.add(
        box(
            (0.0, -0.375, 0.095),
            (0.042, 0.03, 0.045),
            0.015,
            material=plain(WHITE),
            layer=Layer.EYE,
        )
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
    add_belly(figure, cream)
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
    add_muzzle(figure, pale, (0.135, 0.115, 0.09), DARK)
    add_ears(figure, fur, pale, 44, 45, 0.125, out=1.16)
    add_belly(figure, (0.74, 0.74, 0.76))
    rings = Material(fur, black, wave=(0.0, 0.0, 4.4), phase=0.1, sharpness=8.0)
    figure.add(
        capsule(
            (0.0, 0.22, -0.48), (0.05, 0.46, -0.34), 0.09, 0.125, material=rings, layer=Layer.TAIL
        ),
        capsule(
            (0.05, 0.46, -0.34), (0.10, 0.60, 0.12), 0.125, 0.10, material=rings, layer=Layer.TAIL
        ),
    )
    return coat(fur, black)


def rabbit(figure: Figure) -> Coat:
    fur, pink = (0.93, 0.91, 0.90), (0.98, 0.66, 0.70)
    add_head(figure, plain(fur))
    add_eyes(figure, color=(0.20, 0.08, 0.10))
    for side in SIDES:
        figure.add(
            ball((side * 0.06, -0.31, 0.165), 0.082, material=plain(WHITE), layer=Layer.SNOUT)
        )
        base, tip = (side * 0.16, 0.04, 0.50), (side * 0.25, 0.07, 0.80)
        figure.add(capsule(base, tip, 0.085, 0.075, flat=0.7, material=plain(fur), layer=Layer.EAR))
        figure.paint(
            capsule(
                (base[0], base[1] - 0.07, base[2] + 0.04),
                (tip[0], tip[1] - 0.06, tip[2]),
                0.05,
                0.045,
                material=plain(pink),
                paints=(Layer.EAR,),
            )
        )
    figure.add(
        ellipsoid((0.0, -0.375, 0.22), (0.05, 0.04, 0.04), material=plain(pink), layer=Layer.EAR),
        box(
            (0.0, -0.365, 0.085),
            (0.045, 0.03, 0.045),
            0.015,
            material=plain(WHITE),
            layer=Layer.EAR,
        ),
        ball((0.0, 0.30, -0.42), 0.12, material=plain((1.0, 1.0, 1.0)), layer=Layer.TAIL),
    )
    add_belly(figure, (1.0, 0.98, 0.97))
    return coat(fur, (0.99, 0.97, 0.96))


def bear(figure: Figure) -> Coat:
    fur, tan = (0.40, 0.23, 0.12), (0.85, 0.64, 0.42)
    add_head(figure, plain(fur))
    add_eyes(figure, brow=(0.22, 0.11, 0.05), blush=(0.72, 0.36, 0.26))
    add_muzzle(figure, tan, (0.15, 0.11, 0.11), DARK)
    add_ears(figure, fur, tan, 47, 45, 0.14, out=1.2)
    add_belly(figure, tan)
    figure.add(ball((0.0, 0.27, -0.46), 0.085, material=plain(fur), layer=Layer.TAIL))
    return coat(fur, (0.30, 0.16, 0.08))
