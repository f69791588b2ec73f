"""The eight activities: a pose and a thing to hold or ride."""

from __future__ import annotations

from collections.abc import Callable

from .figure import SIDES, STANDING_LEGS, Figure, Pose, mirrored, plain
from .primitives import (
    Color,
    Layer,
    Material,
    Primitive,
    Vector,
    ball,
    box,
    capsule,
    disc,
    ellipsoid,
    ring,
)

STEEL = (0.72, 0.75, 0.79)
RUBBER = (0.14, 0.14, 0.16)
TIMBER = (0.62, 0.38, 0.18)
WHITE_STRING = (0.95, 0.94, 0.92)

MOTORCYCLING = Pose(
    elbows=mirrored((0.31, -0.16, -0.22)),
    hands=mirrored((0.27, -0.34, -0.20)),
    knees=mirrored((0.27, -0.16, -0.47)),
    feet=mirrored((0.22, 0.02, -0.66)),
)
CYCLING = Pose(
    elbows=mirrored((0.30, -0.16, -0.20)),
    hands=mirrored((0.25, -0.32, -0.20)),
    knees=((0.20, -0.22, -0.46), (-0.20, -0.20, -0.54)),
    feet=((0.17, -0.06, -0.60), (-0.17, -0.02, -0.74)),
)
SITTING = Pose(
    elbows=mirrored((0.30, -0.06, -0.24)),
    hands=mirrored((0.22, -0.24, -0.38)),
    knees=mirrored((0.15, -0.29, -0.47)),
    feet=mirrored((0.15, -0.31, -0.72)),
)
STRUMMING = Pose(
    elbows=((0.36, -0.10, -0.20), (-0.33, -0.14, -0.20)),
    hands=((0.44, -0.31, -0.13), (-0.10, -0.365, -0.19)),
    knees=STANDING_LEGS[0],
    feet=STANDING_LEGS[1],
)
DIGGING = Pose(
    elbows=((0.30, 0.0, -0.24), (-0.34, -0.06, -0.22)),
    hands=((0.35, -0.07, -0.37), (-0.42, -0.20, -0.24)),
    knees=STANDING_LEGS[0],
    feet=STANDING_LEGS[1],
)
FLOATING = Pose(
    elbows=((0.34, -0.08, -0.22), (-0.30, 0.0, -0.24)),
    hands=((0.44, -0.26, -0.18), (-0.35, -0.07, -0.37)),
    knees=STANDING_LEGS[0],
    feet=STANDING_LEGS[1],
)
READING = Pose(
    elbows=mirrored((0.32, -0.10, -0.26)),
    hands=mirrored((0.27, -0.36, -0.30)),
    knees=STANDING_LEGS[0],
    feet=STANDING_LEGS[1],
)
FENCING = Pose(
    elbows=((0.32, -0.04, -0.22), (-0.31, -0.10, -0.24)),
    hands=((0.36, -0.16, -0.32), (-0.34, -0.31, -0.24)),
    knees=STANDING_LEGS[0],
    feet=STANDING_LEGS[1],
)


def _rod(start: Vector, end: Vector, radius: float, color: Color) -> Primitive:
    return capsule(start, end, radius, material=plain(color))


def motorcycle(figure: Figure) -> None:
    red, chrome = (0.86, 0.13, 0.13), (0.80, 0.83, 0.86)
    for y in (-0.42, 0.42):
        hub = (0.0, y, -0.615)
        figure.add(
            ring(hub, (1.0, 0.0, 0.0), 0.13, 0.065, 0.03, material=plain(RUBBER)),
            disc(hub, (1.0, 0.0, 0.0), 0.09, 0.13, 0.02, material=plain(chrome)),
        )
    figure.add(
        ellipsoid((0.0, -0.14, -0.46), (0.135, 0.23, 0.10), material=plain(red)),
        box((0.0, 0.0, -0.63), (0.11, 0.20, 0.10), 0.04, material=plain((0.40, 0.42, 0.46))),
        ellipsoid((0.0, 0.24, -0.51), (0.15, 0.24, 0.065), material=plain((0.20, 0.13, 0.11))),
        capsule((0.0, 0.36, -0.47), (0.0, 0.58, -0.48), 0.085, 0.05, material=plain(red)),
        capsule((0.0, -0.36, -0.45), (0.0, -0.56, -0.48), 0.085, 0.06, material=plain(red)),
        _rod((-0.32, -0.36, -0.19), (0.32, -0.36, -0.19), 0.035, RUBBER),
        disc((0.0, -0.46, -0.29), (0.0, -1.0, 0.15), 0.105, 0.13, 0.04, material=plain(chrome)),
        capsule((-0.15, 0.06, -0.70), (-0.16, 0.52, -0.60), 0.042, 0.055, material=plain(chrome)),
    )
    for side in SIDES:
        figure.add(_rod((side * 0.10, -0.42, -0.615), (side * 0.10, -0.34, -0.22), 0.033, chrome))
    figure.paint(
        disc(
            (0.0, -0.53, -0.28),
            (0.0, -1.0, 0.15),
            0.085,
            0.08,
            0.02,
            material=plain((1.0, 0.93, 0.55)),
            paints=(Layer.ITEM,),
        ),
        box(
            (0.0, -0.14, -0.43),
            (0.30, 0.16, 0.025),
            0.01,
            material=plain((0.98, 0.90, 0.75)),
            paints=(Layer.ITEM,),
        ),
    )


def bike(figure: Figure) -> None:
    frame, spoke = (0.10, 0.62, 0.60), (0.86, 0.87, 0.88)
    crank, saddle, head = (0.0, 0.02, -0.66), (0.0, 0.20, -0.50), (0.0, -0.27, -0.40)
    for y in (-0.39, 0.39):
        hub = (0.0, y, -0.58)
        figure.add(ring(hub, (1.0, 0.0, 0.0), 0.205, 0.036, material=plain(RUBBER)))
        for dy, dz in ((0.0, 1.0), (0.866, 0.5), (0.866, -0.5)):
            reach = 0.20
            figure.add(
                _rod(
                    (0.0, y - reach * dy, -0.58 - reach * dz),
                    (0.0, y + reach * dy, -0.58 + reach * dz),
                    0.02,
                    spoke,
                )
            )
        figure.add(disc(hub, (1.0, 0.0, 0.0), 0.05, 0.12, 0.02, material=plain(frame)))
    figure.add(
        _rod((0.0, 0.39, -0.58), crank, 0.034, frame),
        _rod((0.0, 0.39, -0.58), saddle, 0.034, frame),
        _rod(crank, saddle, 0.034, frame),
        _rod(crank, head, 0.034, frame),
        _rod((0.0, -0.39, -0.58), (0.0, -0.30, -0.20), 0.034, frame),
        _rod((-0.28, -0.33, -0.19), (0.28, -0.33, -0.19), 0.035, RUBBER),
        _rod((-0.20, 0.02, -0.76), (0.20, 0.02, -0.60), 0.03, spoke),
        ellipsoid((0.0, 0.22, -0.48), (0.12, 0.16, 0.055), material=plain((0.55, 0.28, 0.12))),
        box(
            (0.0, -0.47, -0.21),
            (0.15, 0.10, 0.09),
            0.03,
            material=Material(
                (0.90, 0.68, 0.36), (0.66, 0.43, 0.18), wave=(0.0, 0.0, 13.0), sharpness=3.0
            ),
        ),
    )


def chair(figure: Figure) -> None:
    wood = Material((0.30, 0.52, 0.80))
    figure.add(
        box((0.0, 0.05, -0.575), (0.26, 0.25, 0.045), 0.035, material=wood),
        box((0.0, 0.31, -0.02), (0.25, 0.04, 0.09), 0.035, material=wood),
        box((0.0, 0.31, -0.26), (0.23, 0.035, 0.06), 0.03, material=wood),
    )
    for side in SIDES:
        figure.add(
            _rod((side * 0.21, 0.31, 0.02), (side * 0.21, 0.28, -0.60), 0.042, (0.24, 0.44, 0.72)),
            _rod((side * 0.21, 0.27, -0.60), (side * 0.23, 0.29, -0.80), 0.042, (0.24, 0.44, 0.72)),
            _rod(
                (side * 0.22, -0.15, -0.60), (side * 0.24, -0.17, -0.80), 0.042, (0.24, 0.44, 0.72)
            ),
        )


def guitar(figure: Figure) -> None:
    face, edge, neck = (0.96, 0.70, 0.30), (0.62, 0.26, 0.10), (0.34, 0.18, 0.10)
    front = (0.0, -1.0, 0.0)
    figure.add(
        disc((-0.16, -0.29, -0.38), front, 0.185, 0.11, 0.03, material=plain(face)),
        disc((0.05, -0.29, -0.28), front, 0.125, 0.11, 0.03, material=plain(face)),
        box(
            (0.27, -0.315, -0.20),
            (0.25, 0.03, 0.036),
            0.02,
            up=(-0.36, 0.0, 0.93),
            side=(0.93, 0.0, 0.36),
            material=plain(neck),
        ),
        box(
            (0.54, -0.315, -0.095),
            (0.075, 0.03, 0.06),
            0.02,
            up=(-0.36, 0.0, 0.93),
            side=(0.93, 0.0, 0.36),
            material=plain(edge),
        ),
        box(
            (-0.22, -0.35, -0.40),
            (0.022, 0.025, 0.075),
            0.015,
            up=(-0.36, 0.0, 0.93),
            side=(0.93, 0.0, 0.36),
            material=plain(neck),
        ),
    )
    figure.paint(
        disc(
            (-0.16, -0.24, -0.38),
            front,
            0.25,
            0.10,
            0.01,
            material=plain(edge),
            paints=(Layer.ITEM,),
        ),
        disc(
            (0.05, -0.24, -0.28),
            front,
            0.19,
            0.10,
            0.01,
            material=plain(edge),
            paints=(Layer.ITEM,),
        ),
        disc(
            (-0.06, -0.34, -0.335),
            front,
            0.06,
            0.06,
            0.01,
            material=plain(neck),
            paints=(Layer.ITEM,),
        ),
    )


def shovel(figure: Figure) -> None:
    x, y = -0.43, -0.20
    figure.add(
        _rod((x, y, -0.56), (x, y, 0.22), 0.032, TIMBER),
        _rod((x - 0.09, y, 0.25), (x + 0.09, y, 0.25), 0.038, (0.85, 0.20, 0.16)),
        box((x, y, -0.58), (0.115, 0.032, 0.10), 0.03, material=plain(STEEL)),
        ellipsoid((x, y, -0.665), (0.115, 0.035, 0.125), material=plain((0.62, 0.66, 0.71))),
    )


def balloon(figure: Figure) -> None:
    blue = (0.16, 0.42, 0.95)
    figure.add(
        _rod((0.44, -0.27, -0.26), (0.57, -0.36, 0.12), 0.021, WHITE_STRING),
        ellipsoid((0.58, -0.36, 0.30), (0.175, 0.175, 0.195), material=plain(blue)),
        capsule(
            (0.575, -0.36, 0.12),
            (0.575, -0.36, 0.085),
            0.02,
            0.045,
            material=plain((0.10, 0.30, 0.80)),
        ),
    )
    figure.paint(
        ellipsoid(
            (0.52, -0.50, 0.38),
            (0.05, 0.09, 0.07),
            material=plain((0.72, 0.85, 1.0)),
            paints=(Layer.ITEM,),
        )
    )


def book(figure: Figure) -> None:
    cover, paper = (0.20, 0.55, 0.30), (0.98, 0.95, 0.86)
    lines = Material(paper, (0.66, 0.64, 0.60), wave=(0.0, 0.0, 14.0), sharpness=3.0, threshold=0.4)
    lean = (0.0, -0.55, 0.83)
    for side in SIDES:
        along = (1.0, -0.22 * side, -0.15 * side)
        figure.add(
            box(
                (side * 0.135, -0.435, -0.22),
                (0.155, 0.022, 0.175),
                0.02,
                up=lean,
                side=along,
                material=plain(cover),
            ),
            box(
                (side * 0.13, -0.40, -0.19),
                (0.135, 0.03, 0.155),
                0.02,
                up=lean,
                side=along,
                material=lines,
            ),
        )
    figure.paint(
        ball((-0.14, -0.47, -0.25), 0.065, material=plain((0.98, 0.82, 0.25)), paints=(Layer.ITEM,))
    )


def katana(figure: Figure) -> None:
    start, guard, tip = (-0.29, -0.285, -0.36), (-0.365, -0.32, -0.12), (-0.62, -0.42, 0.52)
    axis = [b - a for a, b in zip(start, guard, strict=True)]
    wrap = Material((0.14, 0.13, 0.20), (0.80, 0.16, 0.20), wave=(0.0, 0.0, 14.0), sharpness=6.0)
    figure.add(
        capsule(start, guard, 0.045, material=wrap),
        disc(guard, axis, 0.095, 0.045, 0.02, material=plain((0.93, 0.74, 0.24))),
        capsule(
            guard,
            tip,
            0.055,
            0.04,
            flat=0.62,
            side=(1.0, 0.0, 0.4),
            material=plain((0.86, 0.89, 0.93)),
        ),
    )


ACTIVITY_PARTS: dict[str, tuple[Pose, Callable[[Figure], None]]] = {
    "riding a motorcycle": (MOTORCYCLING, motorcycle),
    "riding a bike": (CYCLING, bike),
    "sitting on a chair": (SITTING, chair),
    "playing the guitar": (STRUMMING, guitar),
    "holding a shovel": (DIGGING, shovel),
    "holding a blue balloon": (FLOATING, balloon),
    "holding a book": (READING, book),
    "wielding a katana": (FENCING, katana),
}
