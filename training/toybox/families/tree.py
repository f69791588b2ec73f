"""A tree through four seasons, with a guest of each season at its foot."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..figure import WHITE, Figure, plain
from ..primitives import Color, Layer, Material, Vector, ball, box, capsule, disc, ellipsoid, ring
from .family import Family, between, grown, mixed_color

BARK, HOLLOW = (0.45, 0.29, 0.17), (0.17, 0.10, 0.07)
CROWN, WOOD, GROUND, SNOWMAN = Layer.HEAD, Layer.TORSO, Layer.TAIL, Layer.COAT
MOUND, MOUND_RADII = (0.0, 0.0, -0.765), (0.50, 0.48, 0.085)
FORK = (0.01, 0.0, -0.26)


@dataclass(frozen=True)
class Tree:
    """A season. Amounts are 0 to 1."""

    foliage: float
    leaf: Color
    grass: Color
    sunlit: float = 0.0
    blossom: float = 0.0
    fruit: float = 0.0
    fallen: float = 0.0
    snow: float = 0.0
    tulips: float = 0.0
    toadstool: float = 0.0


SEASONS: dict[str, Tree] = {
    "spring": Tree(
        foliage=0.86,
        leaf=(0.55, 0.80, 0.32),
        grass=(0.52, 0.78, 0.30),
        blossom=1.0,
        tulips=1.0,
    ),
    "summer": Tree(
        foliage=1.0,
        leaf=(0.20, 0.55, 0.20),
        grass=(0.35, 0.64, 0.24),
        sunlit=1.0,
        fruit=1.0,
    ),
    "autumn": Tree(
        foliage=0.56,
        leaf=(0.85, 0.36, 0.10),
        grass=(0.58, 0.56, 0.26),
        sunlit=1.0,
        fallen=1.0,
        toadstool=1.0,
    ),
    # Laden with snow, not bare: the crown stays one body from season to season.
    "winter": Tree(
        foliage=0.60,
        leaf=(0.88, 0.93, 0.99),
        grass=(0.62, 0.66, 0.62),
        snow=1.0,
    ),
}

BRANCHES: tuple[tuple[Vector, float], ...] = (
    ((0.44, 0.05, 0.14), 0.058),
    ((-0.43, -0.06, 0.18), 0.058),
    ((0.08, -0.37, 0.16), 0.052),
    ((-0.06, 0.38, 0.18), 0.052),
    ((-0.02, 0.03, 0.52), 0.062),
)
"""Tips of the branches that leave the fork, and their radius there."""
TWIGS: tuple[tuple[int, float, Vector], ...] = (
    (0, 0.55, (0.30, -0.20, 0.40)),
    (1, 0.55, (-0.28, 0.20, 0.44)),
    (2, 0.60, (-0.24, -0.26, 0.40)),
    (3, 0.60, (0.25, 0.26, 0.38)),
    (4, 0.62, (0.17, -0.05, 0.58)),
)
"""Branch, share of the way along it, tip."""
CLUMPS: tuple[tuple[Vector, float, Vector, float], ...] = (
    ((0.44, 0.05, 0.14), 0.285, (0.46, 0.05, 0.17), 0.00),
    ((-0.43, -0.06, 0.18), 0.285, (-0.44, -0.06, 0.21), 0.05),
    ((0.08, -0.37, 0.16), 0.275, (0.08, -0.38, 0.19), 0.12),
    ((-0.06, 0.38, 0.18), 0.275, (-0.06, 0.38, 0.21), 0.02),
    ((-0.02, 0.03, 0.52), 0.290, (-0.02, 0.03, 0.58), 0.00),
    ((0.30, -0.20, 0.40), 0.225, (0.30, -0.21, 0.42), 0.10),
    ((-0.28, 0.20, 0.44), 0.225, (-0.28, 0.20, 0.45), 0.08),
    ((-0.24, -0.26, 0.40), 0.225, (-0.25, -0.26, 0.43), 0.04),
    ((0.25, 0.26, 0.38), 0.225, (0.25, 0.26, 0.40), 0.15),
    ((-0.02, 0.0, 0.20), 0.360, (0.0, 0.0, 0.27), 0.30),
)
"""Twig that a clump of leaves grows from, its radius, its place, and the foliage it starts at."""
LEAVES: tuple[tuple[float, float, Color], ...] = (
    (-2.3, 0.30, (0.93, 0.55, 0.13)),
    (-1.7, 0.37, (0.82, 0.28, 0.12)),
    (-0.9, 0.34, (0.96, 0.72, 0.20)),
    (-0.1, 0.38, (0.85, 0.34, 0.12)),
    (1.6, 0.36, (0.78, 0.25, 0.13)),
    (-2.9, 0.40, (0.88, 0.42, 0.12)),
)
"""Fallen ones: azimuth in radians, distance from the trunk, color."""
SUN = (0.98, 0.95, 0.30)
BLOSSOM, PETALS = (0.96, 0.58, 0.72), (1.0, 0.94, 0.96)


def ground_height(x: float, y: float) -> float:
    """Height of the mound's top."""
    inside = 1.0 - (x / MOUND_RADII[0]) ** 2 - (y / MOUND_RADII[1]) ** 2
    return MOUND[2] + MOUND_RADII[2] * math.sqrt(max(inside, 0.0))


def assemble(season: Tree) -> Figure:
    figure = Figure()
    _add_ground(figure, season)
    _add_wood(figure)
    _add_crown(figure, season)
    _add_snow(figure, season.snow)
    _add_snowman(figure, season.snow)
    _add_guests(figure, season)
    return figure


def _add_ground(figure: Figure, season: Tree) -> None:
    figure.add(ellipsoid(MOUND, MOUND_RADII, material=plain(season.grass), layer=GROUND))
    for azimuth, reach, color in LEAVES:
        x, y = reach * math.cos(azimuth), reach * math.sin(azimuth)
        z = ground_height(x, y)
        leaf = ellipsoid(
            (x, y, z + 0.004),
            (0.085, 0.055, 0.024),
            up=(0.5 * x, 0.5 * y, 1.0),
            side=(math.cos(2.3 * azimuth), math.sin(2.3 * azimuth), 0.0),
            material=plain(color),
            layer=Layer.ITEM,
        )
        figure.add(*grown((x, y, z - 0.05), season.fallen, leaf))


def _add_wood(figure: Figure) -> None:
    bark = Material(BARK, (0.37, 0.23, 0.13), wave=(7.0, 5.0, 1.0), sharpness=2.0)
    figure.add(capsule((0.0, 0.0, -0.70), FORK, 0.135, 0.088, material=bark, layer=WOOD, soft=True))
    for azimuth in (0.6, 2.5, 4.4):
        out = (0.21 * math.cos(azimuth), 0.21 * math.sin(azimuth), -0.70)
        figure.add(
            capsule((0.0, 0.0, -0.56), out, 0.075, 0.04, material=bark, layer=WOOD, soft=True)
        )
    for tip, radius in BRANCHES:
        figure.add(capsule(FORK, tip, radius, 0.03, material=bark, layer=WOOD, soft=True))
    for branch, share, tip in TWIGS:
        start = between(FORK, BRANCHES[branch][0], share)
        figure.add(capsule(start, tip, 0.036, 0.024, material=bark, layer=WOOD, soft=True))
    figure.paint(
        ellipsoid((0.05, -0.13, -0.30), (0.04, 0.08, 0.055), material=plain(HOLLOW), paints=(WOOD,))
    )
    # A nesting box, whatever the season.
    figure.add(
        box(
            (-0.015, -0.145, -0.46),
            (0.062, 0.05, 0.072),
            0.012,
            material=plain((0.30, 0.55, 0.78)),
            layer=Layer.ARM,
        ),
        box(
            (-0.015, -0.155, -0.375),
            (0.082, 0.072, 0.02),
            0.012,
            up=(0.0, -0.25, 1.0),
            material=plain((0.80, 0.26, 0.20)),
            layer=Layer.CLOTH,
        ),
    )
    figure.paint(
        ball((-0.015, -0.205, -0.45), 0.028, material=plain(HOLLOW), paints=(Layer.ARM,)),
    )


def _add_crown(figure: Figure, season: Tree) -> None:
    leaf = plain(season.leaf)
    light = plain(mixed_color([season.leaf, SUN], [0.55, 0.45]))
    sizes = []
    for root, radius, center, start in CLUMPS:
        part = max(season.foliage - start, 0.0) / (1.0 - start)
        sizes.append(radius * part * (2.0 - part))
        figure.add(
            *grown(root, sizes[-1] / radius, ball(center, radius, material=leaf, layer=CROWN))
        )
    clumps = list(zip(sizes, (center for _, _, center, _ in CLUMPS), strict=True))
    for size, center in clumps:
        # From above: whole clumps are pink in full blossom, and their tops the longest.
        top = _outside(center, size, 0.6, 0.0)
        figure.paint(
            *grown(
                top,
                season.blossom,
                ball(top, 2.05 * size, material=plain(BLOSSOM), paints=(CROWN,)),
            )
        )
    for size, (x, y, z) in clumps[:5]:
        spot = (x - 0.25 * size, y - 0.25 * size, z + 0.75 * size)
        figure.paint(
            *grown(spot, season.sunlit, ball(spot, 0.62 * size, material=light, paints=(CROWN,)))
        )
    for index, (size, center) in enumerate(clumps[:9]):
        if index < 5:
            for turn in (0.7, 2.6):
                spot = _outside(center, size, 0.35, turn + index)
                petals = ball(spot, 0.3 * size, material=plain(PETALS), paints=(CROWN,))
                figure.paint(*grown(spot, season.blossom, petals))
        if index not in (3, 4, 8):
            spot = _outside(center, 0.97 * size, -0.2, 1.3 * index)
            apple = ball(spot, 0.06, material=plain((0.88, 0.10, 0.10)), layer=Layer.ITEM)
            figure.add(*grown(center, season.fruit, apple))


def _outside(center: Vector, size: float, rise: float, turn: float) -> list[float]:
    """A point on the outside of a clump: away from the crown's middle, turned and raised."""
    x, y, z = (c - m for c, m in zip(center, (0.0, 0.0, 0.27), strict=True))
    out = math.sqrt(x * x + y * y + z * z) + 1e-3
    way = (
        0.8 * x / out + 0.6 * math.cos(turn),
        0.8 * y / out + 0.6 * math.sin(turn),
        0.5 * z / out + rise,
    )
    length = math.sqrt(sum(w * w for w in way))
    return [c + size * w / length for c, w in zip(center, way, strict=True)]


def _add_snow(figure: Figure, snow: float) -> None:
    white = plain(WHITE)
    x, y, z = MOUND
    blanket = ellipsoid(
        (x, y, z + 0.012 * snow),
        [extent * (0.9 + 0.105 * snow) for extent in MOUND_RADII],
        material=white,
        layer=Layer.HAT,
    )
    figure.add(*([blanket] if snow > 0.0 else []))
    for index, (tip, _) in enumerate(BRANCHES):
        for share, size in ((0.94, 0.085), (0.62, 0.075))[: 1 if index > 2 else 2]:
            place = between(FORK, tip, share)
            cap = ellipsoid(
                (place[0], place[1], place[2] + 0.032),
                (1.15 * size, 1.15 * size, 0.58 * size),
                material=white,
                layer=Layer.HAT,
            )
            figure.add(*grown(place, snow, cap))
    for center, radii in (
        ((-0.015, -0.155, -0.35), (0.085, 0.075, 0.04)),
        (FORK, (0.13, 0.12, 0.075)),
    ):
        figure.add(
            *grown(
                center,
                snow,
                ellipsoid(
                    (center[0], center[1], center[2] + 0.02),
                    radii,
                    material=white,
                    layer=Layer.HAT,
                ),
            )
        )


def _add_snowman(figure: Figure, amount: float) -> None:
    white = plain(WHITE)
    foot = (0.31, -0.20, -0.74)
    x, y, z = foot
    figure.add(
        *grown(
            foot,
            amount,
            ball((x, y, z + 0.10), 0.115, material=white, layer=SNOWMAN),
            ball((x, y, z + 0.255), 0.085, material=white, layer=SNOWMAN),
            ring(
                (x, y, z + 0.19),
                (0.0, 0.0, 1.0),
                0.062,
                0.03,
                material=plain((0.83, 0.16, 0.18)),
                layer=Layer.CLOTH,
            ),
            capsule(
                (x + 0.01, y - 0.07, z + 0.255),
                (x + 0.03, y - 0.15, z + 0.25),
                0.024,
                0.01,
                material=plain((0.97, 0.52, 0.12)),
                layer=Layer.SNOUT,
            ),
            disc(
                (x, y, z + 0.375),
                (0.0, 0.0, 1.0),
                0.058,
                0.11,
                0.02,
                material=plain((0.14, 0.13, 0.18)),
                layer=Layer.EAR,
            ),
            disc(
                (x, y, z + 0.33),
                (0.0, 0.0, 1.0),
                0.095,
                0.03,
                0.012,
                material=plain((0.14, 0.13, 0.18)),
                layer=Layer.EAR,
            ),
        )
    )
    for side in (-1.0, 1.0):
        figure.paint(
            *grown(
                foot,
                amount,
                ball(
                    (x + 0.018 + 0.034 * side, y - 0.08, z + 0.285),
                    0.016,
                    material=plain((0.08, 0.07, 0.08)),
                    paints=(SNOWMAN,),
                ),
            )
        )


def _add_guests(figure: Figure, season: Tree) -> None:
    """Tulips in spring, a toadstool in autumn."""
    for x, y, color in (
        (0.20, -0.34, (0.90, 0.15, 0.22)),
        (0.30, -0.26, (0.98, 0.80, 0.20)),
        (-0.27, -0.29, (0.62, 0.30, 0.75)),
    ):
        z = ground_height(x, y)
        figure.add(
            *grown(
                (x, y, z - 0.03),
                season.tulips,
                capsule(
                    (x, y, z - 0.02),
                    (x, y, z + 0.10),
                    0.021,
                    material=plain((0.26, 0.58, 0.22)),
                    layer=Layer.LEG,
                ),
                ellipsoid(
                    (x, y, z + 0.135), (0.05, 0.05, 0.062), material=plain(color), layer=Layer.EYE
                ),
            )
        )
    x, y = -0.25, -0.27
    z = ground_height(x, y)
    cap = (x - 0.005, y - 0.01, z + 0.13)
    figure.add(
        *grown(
            (x, y, z - 0.03),
            season.toadstool,
            capsule(
                (x, y, z - 0.01),
                (x, y, z + 0.12),
                0.042,
                0.032,
                material=plain((0.97, 0.93, 0.84)),
                layer=Layer.LEG,
            ),
            ellipsoid(
                cap, (0.105, 0.105, 0.068), material=plain((0.86, 0.12, 0.10)), layer=Layer.SNOUT
            ),
        )
    )
    for dx, dy, dz in ((-0.05, -0.055, 0.035), (0.045, -0.05, 0.042), (0.0, 0.05, 0.05)):
        figure.paint(
            *grown(
                (x, y, z - 0.03),
                season.toadstool,
                ball(
                    (cap[0] + dx, cap[1] + dy, cap[2] + dz),
                    0.027,
                    material=plain(WHITE),
                    paints=(Layer.SNOUT,),
                ),
            )
        )


TREE = Family(SEASONS, assemble)
