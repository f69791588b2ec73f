"""Dresses on a dressmaker's stand: sundress, flamenco, ball gown, wedding."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from ..figure import SIDES, WHITE, Figure, plain
from ..primitives import Color, Layer, Material, Vector, ball, capsule, disc, ellipsoid, ring
from .family import Family, frustum, grown, lerp, squashed

SKIRT, BODICE = Layer.TORSO, Layer.COAT
WOOD, LINEN = (0.55, 0.34, 0.18), (0.90, 0.82, 0.68)
WAIST, BUST = 0.10, 0.40
UP = (0.0, 0.0, 1.0)
SQUASH = 0.86
"""Depth of a skirt as a share of its width."""


@dataclass(frozen=True)
class Dress:
    """A cut. Lengths in metres, amounts 0 to 1."""

    color: Color
    folds: Color
    trim: Color
    sash: Color
    dots: Color
    hem_z: float
    hip: float
    """Radius of the skirt a third of the way down."""
    knee: float
    hem: float
    ruffle: float
    dot: float
    puff: float
    strap: float
    bow: float
    straw_hat: float = 0.0
    rose: float = 0.0
    tiara: float = 0.0
    veil: float = 0.0


CUTS: dict[str, Dress] = {
    "sundress": Dress(
        color=(0.99, 0.82, 0.20),
        folds=(0.97, 0.74, 0.14),
        trim=(0.99, 0.96, 0.86),
        sash=(0.98, 0.98, 0.94),
        dots=(1.0, 1.0, 0.97),
        hem_z=-0.36,
        hip=0.24,
        knee=0.33,
        hem=0.39,
        ruffle=0.25,
        dot=0.75,
        puff=0.0,
        strap=1.0,
        bow=0.7,
        straw_hat=1.0,
    ),
    "flamenco": Dress(
        color=(0.84, 0.08, 0.12),
        folds=(0.74, 0.05, 0.10),
        trim=(0.13, 0.10, 0.12),
        sash=(0.13, 0.10, 0.12),
        dots=(0.10, 0.08, 0.10),
        hem_z=-0.78,
        hip=0.20,
        knee=0.24,
        hem=0.46,
        ruffle=1.0,
        dot=0.8,
        puff=0.55,
        strap=0.6,
        bow=0.0,
        rose=1.0,
    ),
    "ball gown": Dress(
        color=(0.36, 0.60, 0.93),
        folds=(0.27, 0.50, 0.86),
        trim=(0.86, 0.93, 1.0),
        sash=(0.97, 0.84, 0.42),
        dots=(0.95, 0.98, 1.0),
        hem_z=-0.78,
        hip=0.42,
        knee=0.55,
        hem=0.49,
        ruffle=0.35,
        dot=0.5,
        puff=1.0,
        strap=0.0,
        bow=1.0,
        tiara=1.0,
    ),
    "wedding": Dress(
        color=(0.97, 0.96, 0.94),
        folds=(0.90, 0.89, 0.90),
        trim=(1.0, 0.99, 0.97),
        sash=(0.93, 0.80, 0.80),
        dots=(0.94, 0.90, 0.86),
        hem_z=-0.78,
        hip=0.27,
        knee=0.37,
        hem=0.47,
        ruffle=0.15,
        dot=0.0,
        puff=0.3,
        strap=0.4,
        bow=0.35,
        veil=1.0,
    ),
}


def assemble(cut: Dress) -> Figure:
    figure = Figure()
    _add_stand(figure)
    _add_skirt(figure, cut)
    _add_bodice(figure, cut)
    _add_dots(figure, cut)
    _add_head_wear(figure, cut)
    _add_veil(figure, cut.veil)
    return figure


def _add_stand(figure: Figure) -> None:
    linen, wood = plain(LINEN), plain(WOOD)
    figure.add(
        disc((0.0, 0.0, -0.82), UP, 0.25, 0.06, 0.025, material=wood),
        ring((0.0, 0.0, -0.785), UP, 0.15, 0.03, material=wood),
        capsule((0.0, 0.0, -0.80), (0.0, 0.0, 0.0), 0.042, material=wood),
        ellipsoid((0.0, 0.0, 0.40), (0.205, 0.135, 0.17), material=linen),
        capsule((0.0, 0.0, 0.45), (0.0, 0.0, 0.62), 0.072, 0.062, material=linen),
        ellipsoid((0.0, 0.0, 0.655), (0.068, 0.068, 0.03), material=wood),
        ball((0.0, 0.0, 0.70), 0.036, material=wood),
    )


def _profile(cut: Dress) -> list[tuple[float, float]]:
    """Heights and radii of the skirt, from the waist down."""
    fall = cut.hem_z - WAIST
    return [
        (WAIST, 0.125),
        (WAIST + 0.33 * fall, cut.hip),
        (WAIST + 0.68 * fall, cut.knee),
        (cut.hem_z, cut.hem),
    ]


def _radius(cut: Dress, share: float) -> float:
    """Radius of the skirt at a share of the way down."""
    heights = (0.0, 0.33, 0.68, 1.0)
    radii = [radius for _, radius in _profile(cut)]
    for index in range(3):
        if share <= heights[index + 1]:
            part = (share - heights[index]) / (heights[index + 1] - heights[index])
            return lerp(radii[index], radii[index + 1], part)
    return radii[-1]


def _add_skirt(figure: Figure, cut: Dress) -> None:
    cloth = Material(cut.color, cut.folds, wave=(9.0, 0.0, 0.0), sharpness=1.2)
    levels = _profile(cut)
    for (high, top), (low, bottom) in itertools.pairwise(levels):
        bulge = 0.13
        extra = bulge * bottom
        figure.add(
            frustum(
                (0.0, 0.0, low - 0.4 * extra),
                high - low + 0.4 * extra + 0.6 * bulge * top,
                bottom,
                top,
                bulge,
                SQUASH,
                material=cloth,
                layer=SKIRT,
                soft=True,
            )
        )
    fall = cut.hem_z - WAIST
    for share, size in ((0.46, 0.7), (0.64, 0.85), (0.82, 1.0), (1.0, 1.0)):
        amount = cut.ruffle if share < 1.0 else max(cut.ruffle, 0.35)
        radius = _radius(cut, share)
        for lift, color in ((0.0, cut.trim), (0.028, cut.color)):
            minor = (0.012 + 0.040 * size * amount) * (1.0 if lift else 0.8)
            figure.add(
                squashed(
                    ring(
                        (0.0, 0.0, WAIST + share * fall + lift * amount),
                        UP,
                        radius - (0.012 + 0.01 * (lift > 0)) * (1.0 - amount) - 0.012,
                        minor,
                        material=plain(color),
                        layer=Layer.CLOTH,
                    ),
                    SQUASH,
                )
            )


def _add_bodice(figure: Figure, cut: Dress) -> None:
    cloth = plain(cut.color)
    figure.add(
        frustum(
            (0.0, 0.0, WAIST - 0.06),
            BUST - WAIST + 0.08,
            0.125,
            0.20,
            0.22,
            0.78,
            material=cloth,
            layer=BODICE,
        ),
        ring((0.0, 0.0, WAIST), UP, 0.105, 0.03, 0.012, material=plain(cut.sash), layer=Layer.ARM),
        squashed(
            ring(
                (0.0, 0.0, BUST - 0.035),
                UP,
                0.18,
                0.022,
                material=plain(cut.trim),
                layer=Layer.CLOTH,
            ),
            0.78,
        ),
    )
    for side in SIDES:
        figure.add(
            ellipsoid(
                (0.085 * side, -0.085, 0.325), (0.088, 0.075, 0.085), material=cloth, layer=BODICE
            ),
            *grown(
                (0.13 * side, 0.0, 0.38),
                cut.strap,
                capsule(
                    (0.12 * side, -0.135, 0.36),
                    (0.105 * side, -0.035, 0.555),
                    0.026,
                    material=cloth,
                ),
                capsule(
                    (0.12 * side, 0.12, 0.36), (0.105 * side, -0.035, 0.555), 0.026, material=cloth
                ),
            ),
            *grown(
                (0.15 * side, 0.0, 0.42),
                cut.puff,
                ellipsoid((0.225 * side, 0.0, 0.43), (0.10, 0.105, 0.095), material=cloth),
                ring(
                    (0.285 * side, 0.0, 0.385),
                    (side, 0.0, -0.6),
                    0.055,
                    0.024,
                    material=plain(cut.trim),
                ),
            ),
        )
        bow = plain(cut.sash)
        figure.add(
            *grown(
                (0.0, 0.09, WAIST),
                cut.bow,
                ellipsoid(
                    (0.095 * side, 0.17, WAIST + 0.03),
                    (0.095, 0.04, 0.065),
                    up=(-0.35 * side, 0.0, 1.0),
                    material=bow,
                ),
                capsule(
                    (0.02 * side, 0.17, WAIST),
                    (0.07 * side, 0.27, WAIST - 0.22),
                    0.028,
                    0.04,
                    flat=0.6,
                    material=bow,
                ),
            )
        )


def _add_dots(figure: Figure, cut: Dress) -> None:
    fall = cut.hem_z - WAIST
    for index, share in enumerate((0.30, 0.55, 0.78)):
        count = 6
        for turn in range(count):
            azimuth = 2 * math.pi * (turn + 0.5 * (index % 2)) / count
            radius = _radius(cut, share)
            spot = (
                radius * math.cos(azimuth),
                SQUASH * radius * math.sin(azimuth),
                WAIST + share * fall,
            )
            dot = ball(spot, 0.055, material=plain(cut.dots), paints=(SKIRT,))
            figure.paint(*grown(spot, cut.dot, dot))


def _add_head_wear(figure: Figure, cut: Dress) -> None:
    top: Vector = (0.0, 0.0, 0.66)
    straw = Material((0.93, 0.77, 0.42), (0.85, 0.66, 0.30), radial=10.0, sharpness=2.0)
    gold, red = plain((0.97, 0.80, 0.30)), plain((0.86, 0.10, 0.15))
    figure.add(
        *grown(
            top,
            cut.straw_hat,
            disc((0.0, 0.0, 0.70), (0.0, -0.12, 1.0), 0.27, 0.04, 0.018, material=straw),
            ellipsoid((0.0, 0.0, 0.73), (0.14, 0.14, 0.11), material=plain((0.93, 0.77, 0.42))),
            ring(
                (0.0, 0.0, 0.735),
                (0.0, -0.12, 1.0),
                0.13,
                0.025,
                material=plain((0.93, 0.40, 0.45)),
            ),
        ),
        *grown(
            top,
            cut.rose,
            ball((0.05, -0.05, 0.71), 0.075, material=red),
            ball((-0.045, -0.04, 0.70), 0.055, material=red),
            ellipsoid((0.11, -0.02, 0.67), (0.07, 0.03, 0.035), material=plain((0.20, 0.45, 0.20))),
        ),
        *grown(
            top,
            cut.tiara,
            ring((0.0, 0.0, 0.70), UP, 0.075, 0.022, material=gold),
            *(
                capsule(
                    (0.075 * x, 0.075 * y, 0.70),
                    (0.10 * x, 0.10 * y, 0.80),
                    0.026,
                    0.016,
                    material=gold,
                )
                for x, y in ((0.0, -1.0), (0.87, 0.5), (-0.87, 0.5), (0.87, -0.5), (-0.87, -0.5))
            ),
        ),
    )


def _add_veil(figure: Figure, amount: float) -> None:
    lace, white = plain((0.95, 0.95, 0.98)), plain(WHITE)
    figure.add(
        *grown(
            (0.0, 0.0, 0.68),
            amount,
            ring((0.0, 0.0, 0.70), UP, 0.075, 0.035, material=plain((0.60, 0.74, 0.52))),
            *(
                ball((0.09 * math.cos(t), 0.09 * math.sin(t), 0.72), 0.036, material=plain(color))
                for t, color in ((-1.2, (0.98, 0.72, 0.76)), (-2.2, WHITE), (-0.2, WHITE))
            ),
            capsule((0.0, 0.09, 0.68), (0.0, 0.27, 0.05), 0.11, 0.24, flat=0.17, material=lace),
        ),
        *grown(
            (0.0, 0.15, -0.70),
            amount,
            ellipsoid((0.0, 0.26, -0.785), (0.34, 0.24, 0.062), material=white),
        ),
        *grown(
            (0.0, -0.05, WAIST),
            amount,
            *(
                ball((x, -0.205, WAIST + z), size, material=plain(color))
                for x, z, size, color in (
                    (0.0, 0.03, 0.062, (0.97, 0.66, 0.72)),
                    (0.065, 0.0, 0.05, WHITE),
                    (-0.065, 0.0, 0.05, (0.99, 0.84, 0.70)),
                    (0.0, -0.045, 0.052, (0.36, 0.58, 0.32)),
                )
            ),
        ),
    )


DRESS = Family(CUTS, assemble)
