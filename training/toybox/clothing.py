"""Themes: clothes that replace parts of the coat, and what is worn on top of them."""

from __future__ import annotations

from collections.abc import Callable

from .figure import SIDES, WHITE, Figure, Outfit, plain
from .primitives import Layer, Material, ball, box, capsule, disc, ellipsoid, ring

UP = (0.0, 0.0, 1.0)
NECK = (0.0, 0.01, -0.045)
HEM = (0.0, 0.02, -0.50)
CLOTH = Layer.CLOTH
FRONT = (Layer.COAT,)


def leather_jacket(figure: Figure) -> Outfit:
    leather, fleece, dark = (0.33, 0.17, 0.09), (0.95, 0.86, 0.68), (0.20, 0.10, 0.06)
    figure.add(
        ring(NECK, (0.0, 0.25, 1.0), 0.155, 0.062, material=plain(fleece), layer=CLOTH),
        ring(HEM, UP, 0.20, 0.055, 0.01, material=plain(dark), layer=CLOTH),
    )
    figure.paint(
        ellipsoid((0.0, -0.28, -0.30), (0.075, 0.16, 0.30), material=plain(WHITE), paints=FRONT),
    )
    for side in SIDES:
        figure.paint(
            capsule(
                (side * 0.085, -0.28, -0.06),
                (side * 0.085, -0.28, -0.60),
                0.034,
                material=plain((0.80, 0.80, 0.78)),
                paints=FRONT,
            ),
        )
        figure.add(
            box(
                (side * 0.145, -0.195, -0.13),
                (0.05, 0.03, 0.085),
                0.025,
                up=(side * 0.25, 0.1, 1.0),
                side=(1.0, side * 0.7, 0.0),
                material=plain(dark),
                layer=CLOTH,
            )
        )
    coat = plain(leather)
    return Outfit(torso=coat, arms=coat, bulk=0.015)


def cape(figure: Figure) -> Outfit:
    red = Material((0.84, 0.08, 0.12), (0.66, 0.04, 0.10), wave=(6.0, 0.0, 0.0), sharpness=1.5)
    figure.add(
        capsule(
            (0.0, 0.19, -0.06), (0.0, 0.36, -0.53), 0.20, 0.31, flat=0.16, material=red, layer=CLOTH
        ),
        ring(NECK, (0.0, 0.2, 1.0), 0.17, 0.05, material=plain((0.84, 0.08, 0.12)), layer=CLOTH),
        ball((0.0, -0.20, -0.09), 0.055, material=plain((0.98, 0.80, 0.25)), layer=CLOTH),
    )
    return Outfit()


def medieval_armor(figure: Figure) -> Outfit:
    plate, dark, trim = (0.70, 0.73, 0.78), (0.42, 0.45, 0.51), (0.92, 0.74, 0.30)
    mail = Material(dark, (0.60, 0.63, 0.68), wave=(0.0, 0.0, 14.0), sharpness=3.0)
    figure.add(
        ellipsoid((0.0, -0.05, -0.20), (0.225, 0.205, 0.20), material=plain(plate), layer=CLOTH),
        ring(NECK, UP, 0.16, 0.05, 0.01, material=plain(dark), layer=CLOTH),
        ring((0.0, 0.02, -0.40), UP, 0.225, 0.035, 0.02, material=plain(trim), layer=CLOTH),
        disc((0.0, 0.02, -0.48), UP, 0.285, 0.10, 0.04, material=mail, layer=CLOTH),
    )
    for side, knee in zip(SIDES, figure.pose.knees, strict=True):
        figure.add(
            ellipsoid(
                (side * 0.215, 0.01, -0.085),
                (0.13, 0.125, 0.105),
                up=(side * 0.5, 0.0, 1.0),
                material=plain(plate),
                layer=CLOTH,
            ),
            ball((knee[0], knee[1] - 0.03, knee[2]), 0.105, material=plain(plate), layer=CLOTH),
        )
    figure.paint(
        box((0.0, -0.25, -0.2), (0.03, 0.12, 0.13), 0.01, material=plain(trim), paints=(CLOTH,)),
        box((0.0, -0.25, -0.17), (0.09, 0.12, 0.03), 0.01, material=plain(trim), paints=(CLOTH,)),
    )
    return Outfit(
        torso=plain(plate), arms=mail, hands=plain(plate), legs=mail, feet=plain(plate), bulk=0.01
    )


def suit(figure: Figure) -> Outfit:
    navy, dark = (0.13, 0.16, 0.33), (0.09, 0.10, 0.21)
    cloth = plain(navy)
    figure.paint(
        capsule(
            (0.0, -0.26, -0.04),
            (0.0, -0.27, -0.36),
            0.125,
            0.015,
            material=plain(WHITE),
            paints=FRONT,
        ),
        ball((0.0, -0.26, -0.42), 0.032, material=plain((0.85, 0.75, 0.45)), paints=FRONT),
        ball((0.0, -0.26, -0.51), 0.032, material=plain((0.85, 0.75, 0.45)), paints=FRONT),
    )
    figure.add(
        ring(NECK, (0.0, 0.2, 1.0), 0.15, 0.045, material=plain(WHITE), layer=CLOTH),
        ball((0.0, -0.20, -0.085), 0.045, material=plain((0.85, 0.10, 0.14)), layer=CLOTH),
        capsule(
            (0.0, -0.215, -0.11),
            (0.0, -0.245, -0.30),
            0.03,
            0.052,
            flat=0.6,
            material=plain((0.85, 0.10, 0.14)),
            layer=CLOTH,
        ),
    )
    for side in SIDES:
        figure.add(
            capsule(
                (side * 0.125, -0.165, -0.08),
                (side * 0.06, -0.24, -0.34),
                0.05,
                0.03,
                flat=0.6,
                side=(1.0, side * 0.5, 0.0),
                material=plain(dark),
                layer=CLOTH,
            )
        )
    return Outfit(
        torso=cloth, arms=cloth, legs=plain(dark), feet=plain((0.10, 0.07, 0.07)), bulk=0.01
    )


def sweater(figure: Figure) -> Outfit:
    green, cream = (0.16, 0.50, 0.36), (0.97, 0.90, 0.76)
    knit = Material(green, cream, wave=(0.0, 0.0, 7.0), phase=0.1, sharpness=6.0, threshold=0.15)
    cuff = plain(green)
    figure.add(
        ring((0.0, 0.01, -0.05), UP, 0.155, 0.06, 0.015, material=plain(cream), layer=CLOTH),
        ring(HEM, UP, 0.20, 0.06, 0.01, material=cuff, layer=CLOTH),
    )
    for elbow, hand in zip(figure.pose.elbows, figure.pose.hands, strict=True):
        wrist = [e + 0.62 * (h - e) for e, h in zip(elbow, hand, strict=True)]
        axis = [h - e for e, h in zip(elbow, hand, strict=True)]
        figure.add(disc(wrist, axis, 0.10, 0.06, 0.025, material=cuff, layer=CLOTH))
    return Outfit(torso=knit, arms=knit, bulk=0.02)


def backpack(figure: Figure) -> Outfit:
    teal, yellow, strap = (0.95, 0.45, 0.12), (0.99, 0.80, 0.25), (0.16, 0.42, 0.72)
    figure.add(
        box((0.0, 0.34, -0.22), (0.215, 0.13, 0.24), 0.09, material=plain(teal), layer=CLOTH),
        box((0.0, 0.46, -0.30), (0.15, 0.06, 0.11), 0.045, material=plain(yellow), layer=CLOTH),
        capsule(
            (-0.2, 0.34, 0.0),
            (0.2, 0.34, 0.0),
            0.075,
            material=plain((0.25, 0.55, 0.80)),
            layer=CLOTH,
        ),
    )
    for side in SIDES:
        figure.add(
            ring(
                (side * 0.135, 0.04, -0.19),
                (1.0, side * 0.35, side * 0.12),
                0.215,
                0.033,
                0.02,
                material=plain(strap),
                layer=CLOTH,
            )
        )
    return Outfit()


THEME_PARTS: dict[str, Callable[[Figure], Outfit]] = {
    "wearing a leather jacket": leather_jacket,
    "wearing a cape": cape,
    "wearing medieval armor": medieval_armor,
    "wearing a suit": suit,
    "wearing a sweater": sweater,
    "wearing a backpack": backpack,
}
