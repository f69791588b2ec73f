"""What several animals have: bellies, round ears, muzzles."""

from __future__ import annotations

from ..figure import SIDES, Figure, add_smile, on_head, plain
from ..primitives import Color, Layer, ellipsoid

FACE = (Layer.HEAD,)
BODY = (Layer.TORSO,)


def add_belly(figure: Figure, color: Color) -> None:
    figure.paint(
        ellipsoid((0.0, -0.24, -0.33), (0.17, 0.12, 0.20), material=plain(color), paints=BODY)
    )


def add_ears(
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


def add_muzzle(
    figure: Figure, color: Color, radii: tuple[float, float, float], nose: Color
) -> None:
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
