"""A compact car with luggage, a camper van, a school bus, a pickup truck full of pumpkins."""

from __future__ import annotations

from ..figure import SIDES, WHITE, Figure, plain
from ..primitives import Layer, Material, ball, box, capsule, disc, ellipsoid
from .family import Family, grown
from .vehicle_kinds import KINDS, Vehicle

BODY, CABIN, LAMP, TYRE = Layer.TORSO, Layer.HEAD, Layer.EYE, Layer.LEG
RUBBER, CHROME, GLASS = (0.13, 0.13, 0.15), (0.82, 0.84, 0.87), (0.20, 0.33, 0.45)
SILL = -0.75
AXLE = 0.30
"""Distance of the axles from the middle."""


def assemble(kind: Vehicle) -> Figure:
    figure = Figure()
    _add_body(figure, kind)
    _add_windows(figure, kind)
    _add_face(figure, kind)
    _add_wheels(figure, kind)
    _add_roof_load(figure, kind)
    _add_school(figure, kind)
    _add_bed(figure, kind)
    return figure


def _add_body(figure: Figure, kind: Vehicle) -> None:
    width, length = kind.width, kind.length
    figure.add(
        box(
            (0.0, 0.0, (SILL + kind.belt) / 2),
            (width, length, (kind.belt - SILL) / 2),
            0.095,
            material=plain(kind.color),
            layer=BODY,
        ),
        box(
            (0.0, (kind.cabin_front + kind.cabin_back) / 2, (kind.belt + kind.roof) / 2 - 0.06),
            (
                width - 0.02,
                (kind.cabin_back - kind.cabin_front) / 2,
                (kind.roof - kind.belt) / 2 + 0.06,
            ),
            0.085,
            material=plain(kind.top_color),
            layer=CABIN,
        ),
    )
    for end in SIDES:
        figure.add(
            box(
                (0.0, end * (length + 0.005), SILL + 0.06),
                (width - 0.05, 0.03, 0.042),
                0.03,
                material=plain(CHROME),
            )
        )
    # A pale band along the belt.
    figure.paint(
        box(
            (0.0, 0.0, kind.belt - 0.115),
            (0.5, 0.40, 0.018),
            0.015,
            material=plain((0.98, 0.95, 0.88)),
            paints=(BODY,),
        )
    )


def _add_windows(figure: Figure, kind: Vehicle) -> None:
    glass = Material(GLASS, (0.42, 0.60, 0.72), wave=(0.0, 2.2, 2.2), phase=0.1, sharpness=6.0)
    middle = (kind.belt + kind.roof) / 2 + 0.005
    tall = (kind.roof - kind.belt) / 2 - 0.065
    wide = kind.width - 0.085
    for y, out in ((kind.cabin_front, -1.0), (kind.cabin_back, 1.0)):
        figure.add(
            box(
                (0.0, y - 0.03 * out, middle),
                (wide, 0.042, tall),
                0.025,
                material=glass,
                layer=Layer.SNOUT,
            )
        )
    for y, half in (
        (kind.pane_1, kind.half_1),
        (kind.pane_2, kind.half_2),
        (kind.pane_3, kind.half_3),
        (kind.pane_4, kind.half_4),
    ):
        if half > 1e-3:
            # Panes come from inside the cabin, so that none shows before it has a size.
            share = min(half / 0.09, 1.0)
            figure.add(
                box(
                    (0.0, y, middle),
                    (share * (kind.width - 0.008), half, share * tall),
                    min(0.03, 0.45 * half),
                    material=glass,
                    layer=Layer.SNOUT,
                )
            )


def _add_face(figure: Figure, kind: Vehicle) -> None:
    front, back = -kind.length, kind.length
    height = kind.belt - 0.135
    for side in SIDES:
        x = side * (kind.width - 0.095)
        figure.add(
            disc(
                (x, front + 0.005, height),
                (0.0, -1.0, 0.0),
                0.085,
                0.07,
                0.025,
                material=plain(CHROME),
            ),
            disc(
                (x, front - 0.008, height),
                (0.0, -1.0, 0.0),
                0.066,
                0.075,
                0.025,
                material=plain((1.0, 0.96, 0.78)),
                layer=LAMP,
            ),
            ellipsoid(
                (x, back, height - 0.02),
                (0.05, 0.03, 0.055),
                material=plain((0.82, 0.08, 0.10)),
            ),
        )
        figure.paint(
            ball(
                (0.86 * x, front - 0.06, height - 0.005),
                0.044,
                material=plain((0.10, 0.09, 0.12)),
                paints=(LAMP,),
            ),
            ball(
                (0.86 * x - 0.015, front - 0.06, height + 0.022),
                0.020,
                material=plain((1.0, 1.0, 1.0)),
                paints=(LAMP,),
            ),
            capsule(
                (0.0, front, height - 0.115),
                (0.62 * x, front, height - 0.085),
                0.018,
                material=plain((0.22, 0.10, 0.10)),
                paints=(BODY,),
            ),
        )


def _add_wheels(figure: Figure, kind: Vehicle) -> None:
    z = -0.85 + kind.wheel
    for end in SIDES:
        figure.paint(
            disc(
                (0.0, end * AXLE, z),
                (1.0, 0.0, 0.0),
                kind.wheel + 0.03,
                0.8,
                0.01,
                material=plain((0.16, 0.15, 0.17)),
                paints=(BODY,),
            )
        )
        for side in SIDES:
            figure.add(
                disc(
                    (side * 0.205, end * AXLE, z),
                    (1.0, 0.0, 0.0),
                    kind.wheel,
                    0.125,
                    0.045,
                    material=plain(RUBBER),
                    layer=TYRE,
                ),
                disc(
                    (side * 0.24, end * AXLE, z),
                    (1.0, 0.0, 0.0),
                    0.56 * kind.wheel,
                    0.075,
                    0.02,
                    material=plain(CHROME),
                    layer=TYRE,
                ),
            )
            figure.paint(
                ball(
                    (side * 0.29, end * AXLE, z),
                    0.042,
                    material=plain(kind.color),
                    paints=(TYRE,),
                )
            )


def _add_roof_load(figure: Figure, kind: Vehicle) -> None:
    """Suitcases on the car, a surfboard on the van."""
    roof, middle = kind.roof, (kind.cabin_front + kind.cabin_back) / 2
    root = (0.0, middle, roof - 0.06)
    leather = Material((0.60, 0.36, 0.17), (0.93, 0.80, 0.52), wave=(7.0, 0.0, 0.0), threshold=0.8)
    figure.add(
        *grown(
            root,
            kind.luggage,
            box((0.0, middle, roof + 0.012), (0.20, 0.20, 0.018), 0.015, material=plain(CHROME)),
            box((0.02, middle + 0.01, roof + 0.085), (0.17, 0.155, 0.06), 0.03, material=leather),
            box(
                (-0.03, middle - 0.01, roof + 0.185),
                (0.12, 0.11, 0.05),
                0.028,
                material=plain((0.22, 0.42, 0.70)),
            ),
            capsule(
                (-0.08, middle - 0.01, roof + 0.245),
                (0.02, middle - 0.01, roof + 0.245),
                0.022,
                material=plain((0.95, 0.75, 0.25)),
            ),
        ),
        *grown(
            root,
            kind.surfboard,
            box((0.0, middle, roof + 0.01), (0.21, 0.40, 0.016), 0.014, material=plain(CHROME)),
            ellipsoid(
                (0.03, middle - 0.02, roof + 0.06),
                (0.155, 0.52, 0.035),
                up=(0.08, 0.0, 1.0),
                material=Material(
                    (0.99, 0.80, 0.22), (0.95, 0.36, 0.20), wave=(4.0, 0.0, 0.0), threshold=0.55
                ),
            ),
            ellipsoid(
                (0.03, middle + 0.40, roof + 0.11),
                (0.018, 0.06, 0.07),
                material=plain((0.95, 0.36, 0.20)),
            ),
        ),
    )


def _add_school(figure: Figure, kind: Vehicle) -> None:
    """Black stripes, a stop sign on its left, lights and a hatch on the roof."""
    roof, amount = kind.roof, kind.school
    black = plain((0.12, 0.11, 0.12))
    for z in (kind.belt - 0.05, kind.belt - 0.185):
        stripe = box((0.0, 0.0, z), (0.6, 0.49, 0.016), 0.014, material=black, paints=(BODY, CABIN))
        figure.paint(*grown((0.0, 0.0, z), amount, stripe))
    x = kind.width
    figure.add(
        *grown(
            (x - 0.1, -0.25, kind.belt - 0.06),
            amount,
            disc(
                (x + 0.03, -0.25, kind.belt - 0.06),
                (1.0, 0.0, 0.0),
                0.10,
                0.04,
                0.014,
                material=plain((0.86, 0.10, 0.12)),
                layer=Layer.EAR,
            ),
        ),
        *grown(
            (0.0, -0.40, roof - 0.06),
            amount,
            box((0.0, -0.43, roof + 0.01), (0.19, 0.07, 0.045), 0.03, material=plain(kind.color)),
            ball((0.12, -0.49, roof + 0.02), 0.035, material=plain((0.90, 0.15, 0.10))),
            ball((-0.12, -0.49, roof + 0.02), 0.035, material=plain((0.90, 0.15, 0.10))),
            box((0.0, 0.15, roof), (0.11, 0.11, 0.03), 0.02, material=plain((0.93, 0.90, 0.82))),
        ),
    )
    figure.paint(
        *grown(
            (x + 0.05, -0.25, kind.belt - 0.06),
            amount,
            box(
                (x + 0.05, -0.25, kind.belt - 0.06),
                (0.03, 0.06, 0.02),
                0.018,
                material=plain(WHITE),
                paints=(Layer.EAR,),
            ),
        )
    )


def _add_bed(figure: Figure, kind: Vehicle) -> None:
    """A wooden bed heaped with pumpkins."""
    amount, z = kind.load, kind.belt
    root = (0.0, 0.32, -0.55)
    planks = Material((0.62, 0.40, 0.20), (0.48, 0.29, 0.13), wave=(0.0, 0.0, 16.0), threshold=0.4)
    rind, stem = (0.95, 0.48, 0.08), (0.32, 0.45, 0.16)
    pumpkin = Material(rind, (0.82, 0.36, 0.05), wave=(15.0, 0.0, 0.0), threshold=0.5)
    parts = [
        box((side * 0.262, 0.325, z + 0.02), (0.022, 0.235, 0.10), 0.014, material=planks)
        for side in SIDES
    ]
    parts += [
        box((0.0, y, z + 0.02), (0.262, 0.022, 0.10), 0.014, material=planks) for y in (0.11, 0.55)
    ]
    for x, y, up, size in (
        (0.13, 0.22, 0.06, 0.115),
        (-0.12, 0.24, 0.07, 0.125),
        (0.11, 0.43, 0.06, 0.12),
        (-0.13, 0.44, 0.05, 0.11),
        (0.0, 0.33, 0.20, 0.125),
    ):
        parts += [
            ellipsoid((x, y, z + up), (size, size, 0.82 * size), material=pumpkin),
            capsule(
                (x, y, z + up + 0.7 * size),
                (x + 0.01, y, z + up + 1.08 * size),
                0.022,
                0.017,
                material=plain(stem),
            ),
        ]
    figure.add(*grown(root, amount, *parts))


VEHICLE = Family(KINDS, assemble)
