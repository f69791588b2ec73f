"""The five hats, on top of the head between the ears."""

from __future__ import annotations

from collections.abc import Callable

from .figure import SIDES, WHITE, Figure, plain
from .primitives import Layer, Material, ball, box, capsule, disc, ellipsoid, ring

UP = (0.0, 0.0, 1.0)
HAT = Layer.HAT


def party_hat(figure: Figure) -> None:
    stripes = Material((0.20, 0.72, 0.88), (0.98, 0.85, 0.20), wave=(2.2, 0.0, 6.5), sharpness=8.0)
    pink = plain((0.98, 0.35, 0.58))
    figure.add(
        capsule((0.0, 0.0, 0.52), (0.0, 0.0, 0.84), 0.195, 0.03, material=stripes, layer=HAT),
        ring((0.0, 0.0, 0.545), UP, 0.175, 0.04, material=pink, layer=HAT),
        ball((0.0, 0.0, 0.855), 0.07, material=pink, layer=HAT),
    )


def sombrero(figure: Figure) -> None:
    straw, edge = (0.95, 0.76, 0.36), (0.84, 0.20, 0.18)
    weave = Material(straw, (0.86, 0.63, 0.24), radial=9.0, sharpness=2.0)
    band = Material((0.10, 0.58, 0.42), (0.98, 0.93, 0.82), wave=(9.0, 0.0, 0.0), sharpness=8.0)
    figure.add(
        disc((0.0, 0.0, 0.535), UP, 0.50, 0.055, 0.025, material=weave, layer=HAT),
        ring((0.0, 0.0, 0.565), UP, 0.485, 0.05, material=plain(edge), layer=HAT),
        capsule((0.0, 0.0, 0.56), (0.0, 0.0, 0.76), 0.205, 0.11, material=plain(straw), layer=HAT),
        disc((0.0, 0.0, 0.585), UP, 0.222, 0.07, 0.03, material=band, layer=HAT),
    )


def helmet(figure: Figure) -> None:
    red = plain((0.88, 0.16, 0.14))
    figure.add(
        ellipsoid((0.0, 0.01, 0.44), (0.385, 0.36, 0.26), material=red, layer=HAT),
        ring(
            (0.0, 0.0, 0.435),
            (0.0, 0.06, 1.0),
            0.35,
            0.045,
            material=plain((0.22, 0.22, 0.26)),
            layer=HAT,
        ),
    )
    for side in SIDES:
        figure.add(
            disc(
                (side * 0.355, 0.0, 0.30),
                (side, 0.0, 0.0),
                0.10,
                0.08,
                0.03,
                material=plain((0.22, 0.22, 0.26)),
                layer=HAT,
            )
        )
    figure.paint(
        box((0.0, 0.0, 0.7), (0.075, 0.6, 0.24), 0.01, material=plain(WHITE), paints=(HAT,)),
    )


def tophat(figure: Figure) -> None:
    black = plain((0.13, 0.12, 0.16))
    figure.add(
        disc((0.0, 0.0, 0.555), UP, 0.285, 0.06, 0.028, material=black, layer=HAT),
        disc((0.0, 0.0, 0.72), UP, 0.185, 0.36, 0.03, taper=0.0, material=black, layer=HAT),
        disc(
            (0.0, 0.0, 0.62), UP, 0.198, 0.085, 0.02, material=plain((0.82, 0.10, 0.16)), layer=HAT
        ),
    )


def baseball_cap(figure: Figure) -> None:
    blue, white = plain((0.12, 0.30, 0.78)), plain(WHITE)
    figure.add(
        ellipsoid((0.0, 0.01, 0.45), (0.355, 0.335, 0.235), material=blue, layer=HAT),
        ellipsoid(
            (0.0, -0.37, 0.475),
            (0.225, 0.20, 0.045),
            up=(0.0, -0.18, 1.0),
            material=plain((0.85, 0.16, 0.16)),
            layer=HAT,
        ),
        ball((0.0, 0.01, 0.69), 0.045, material=plain((0.85, 0.16, 0.16)), layer=HAT),
    )
    figure.paint(
        ball((0.0, -0.29, 0.60), 0.085, material=white, paints=(HAT,)),
    )


HAT_PARTS: dict[str, Callable[[Figure], None]] = {
    "party hat": party_hat,
    "sombrero": sombrero,
    "helmet": helmet,
    "tophat": tophat,
    "baseball cap": baseball_cap,
}
