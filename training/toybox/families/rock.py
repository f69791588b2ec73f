"""Rocks: a river stone, a mossy boulder, a cluster of crystals, a glowing lava rock."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..figure import WHITE, Figure, plain
from ..primitives import (
    Color,
    Layer,
    Material,
    Primitive,
    Vector,
    ball,
    box,
    capsule,
    ellipsoid,
    frame,
)
from .family import Family, frustum, grown

BASE, CRAG, CRYSTAL, PLANT, CONE = Layer.TORSO, Layer.HEAD, Layer.ITEM, Layer.TAIL, Layer.COAT
HEART = (0.0, 0.0, -0.60)
"""Point inside the base from which everything grows."""


@dataclass(frozen=True)
class Rock:
    """A kind. Lengths in metres, amounts 0 to 1."""

    width: float
    depth: float
    height: float
    """Half sizes of the base."""
    color: Color
    veins: Color
    pebbles: float = 0.0
    crags: float = 0.0
    moss: float = 0.0
    crystals: float = 0.0
    cone: float = 0.0
    lava: float = 0.0


KINDS: dict[str, Rock] = {
    "stone": Rock(
        width=0.60,
        depth=0.46,
        height=0.27,
        color=(0.52, 0.56, 0.60),
        veins=(0.90, 0.90, 0.88),
        pebbles=1.0,
    ),
    "boulder": Rock(
        width=0.46,
        depth=0.42,
        height=0.34,
        color=(0.50, 0.48, 0.45),
        veins=(0.44, 0.42, 0.39),
        crags=1.0,
        moss=1.0,
    ),
    "crystal": Rock(
        width=0.42,
        depth=0.40,
        height=0.20,
        color=(0.40, 0.36, 0.42),
        veins=(0.30, 0.27, 0.33),
        crags=0.30,
        crystals=1.0,
    ),
    "lava": Rock(
        width=0.52,
        depth=0.50,
        height=0.22,
        color=(0.17, 0.15, 0.16),
        veins=(0.25, 0.20, 0.19),
        crags=0.42,
        cone=1.0,
        lava=1.0,
    ),
}

CRAGS: tuple[tuple[Vector, Vector, Vector, Vector], ...] = (
    ((0.02, 0.06, -0.28), (0.27, 0.25, 0.27), (0.2, 0.1, 1.0), (1.0, 0.5, 0.0)),
    ((0.30, -0.08, -0.45), (0.20, 0.21, 0.22), (0.5, -0.1, 1.0), (1.0, 0.2, 0.0)),
    ((-0.30, 0.0, -0.42), (0.21, 0.22, 0.23), (-0.4, 0.2, 1.0), (1.0, -0.6, 0.0)),
    ((0.08, -0.28, -0.55), (0.24, 0.17, 0.19), (0.1, -0.4, 1.0), (1.0, 0.3, 0.0)),
    ((0.0, 0.30, -0.50), (0.25, 0.17, 0.21), (0.0, 0.4, 1.0), (1.0, -0.2, 0.0)),
)
"""Centre, half sizes, up and side of each."""
MOSS: tuple[tuple[Vector, Vector, Vector], ...] = (
    ((0.03, 0.04, -0.02), (0.24, 0.22, 0.075), (0.2, 0.1, 1.0)),
    ((0.36, -0.10, -0.24), (0.17, 0.17, 0.06), (0.5, -0.1, 1.0)),
    ((-0.35, 0.02, -0.20), (0.18, 0.18, 0.06), (-0.4, 0.2, 1.0)),
    ((0.06, -0.34, -0.37), (0.19, 0.13, 0.055), (0.1, -0.5, 1.0)),
    ((0.0, 0.38, -0.30), (0.18, 0.12, 0.055), (0.0, 0.5, 1.0)),
)
CRYSTALS: tuple[tuple[Vector, Vector, float, float], ...] = (
    ((0.02, 0.03, -0.66), (0.04, -0.04, 1.0), 0.150, 1.30),
    ((0.16, 0.04, -0.66), (0.55, 0.08, 1.0), 0.115, 0.92),
    ((-0.16, 0.0, -0.66), (-0.50, -0.14, 1.0), 0.120, 0.98),
    ((0.02, -0.16, -0.68), (0.14, -0.66, 1.0), 0.098, 0.68),
    ((-0.02, 0.18, -0.66), (-0.14, 0.62, 1.0), 0.105, 0.78),
)
"""Foot, direction, radius and length of the six-sided ones."""
SPLINTERS: tuple[tuple[Vector, Vector, float, float], ...] = (
    ((0.22, -0.14, -0.70), (0.95, -0.55, 1.0), 0.062, 0.42),
    ((-0.22, -0.14, -0.70), (-0.95, -0.55, 1.0), 0.060, 0.40),
    ((-0.20, 0.18, -0.70), (-0.90, 0.70, 1.0), 0.062, 0.42),
    ((0.20, 0.20, -0.70), (0.80, 0.80, 1.0), 0.060, 0.40),
    ((0.10, -0.12, -0.66), (0.42, -0.42, 1.0), 0.058, 0.66),
)
STREAMS: tuple[tuple[float, float], ...] = ((-1.9, 1.0), (-0.7, 0.72), (0.9, 0.9), (2.7, 0.8))
"""Azimuth of each stream of lava, and how far down it has come."""


def assemble(rock: Rock) -> Figure:
    figure = Figure()
    _add_base(figure, rock)
    _add_boulder(figure, rock)
    _add_crystals(figure, rock.crystals)
    _add_volcano(figure, rock)
    return figure


def _add_base(figure: Figure, rock: Rock) -> None:
    stone = Material(
        rock.color, rock.veins, wave=(1.3, 0.5, 2.6), phase=0.22, sharpness=5.0, threshold=0.72
    )
    center = (0.0, 0.0, -0.85 + rock.height)
    figure.add(ellipsoid(center, (rock.width, rock.depth, rock.height), material=stone, layer=BASE))
    speckle = Material(
        (0.62, 0.50, 0.42), (0.80, 0.70, 0.60), wave=(3.0, 4.0, 5.0), sharpness=4.0, threshold=0.6
    )
    figure.add(
        *grown(
            HEART,
            rock.pebbles,
            ellipsoid(
                (0.27, -0.275, -0.765), (0.12, 0.10, 0.08), (0.0, 0.1, 1.0), material=speckle
            ),
            ellipsoid((0.03, 0.0, -0.26), (0.27, 0.22, 0.105), (0.06, 0.0, 1.0), material=speckle),
            ellipsoid(
                (0.01, 0.0, -0.105),
                (0.155, 0.135, 0.075),
                (-0.08, 0.0, 1.0),
                material=plain((0.40, 0.44, 0.50)),
            ),
        )
    )


def _add_boulder(figure: Figure, rock: Rock) -> None:
    stone = plain(rock.color)
    # Soon out of the base, which is nearly as large.
    crags = rock.crags * (2.0 - rock.crags)
    grow = rock.moss * (2.0 - rock.moss)
    for center, size, up, side in CRAGS:
        crag = box(center, size, 0.07, up, side, material=stone, layer=CRAG)
        figure.add(*grown(HEART, crags, crag))
    moss = Material((0.40, 0.60, 0.20), (0.52, 0.72, 0.28), wave=(9.0, 7.0, 0.0), sharpness=1.5)
    for center, radii, up in MOSS:
        figure.add(*grown(HEART, grow, ellipsoid(center, radii, up, material=moss, layer=PLANT)))
    for x, y, z, size in ((0.22, -0.28, -0.38, 1.0), (0.34, -0.24, -0.38, 0.7)):
        cap = (x + 0.01, y - 0.03 * size, z + 0.21 * size)
        figure.add(
            *grown(
                HEART,
                grow,
                capsule(
                    (x, y, z),
                    (x + 0.01, y - 0.02, z + 0.19 * size),
                    0.04 * size,
                    0.032 * size,
                    material=plain((0.96, 0.92, 0.82)),
                ),
                ellipsoid(
                    cap,
                    (0.115 * size, 0.115 * size, 0.075 * size),
                    (0.0, -0.1, 1.0),
                    material=plain((0.86, 0.14, 0.10)),
                    layer=Layer.SNOUT,
                ),
            )
        )
        for dx, dy, dz in ((-0.05, -0.07, 0.03), (0.05, -0.05, 0.045)):
            spot = (cap[0] + dx * size, cap[1] + dy * size, cap[2] + dz * size)
            dot = ball(spot, 0.028 * size, material=plain(WHITE), paints=(Layer.SNOUT,))
            figure.paint(*grown(HEART, grow, dot))
    # A snail on the top.
    shell = Material((0.85, 0.55, 0.28), (0.62, 0.34, 0.16), radial=14.0, sharpness=4.0)
    skin = plain((0.93, 0.84, 0.62))
    figure.add(
        *grown(
            HEART,
            grow,
            capsule((-0.12, -0.04, 0.055), (0.14, -0.08, 0.055), 0.032, 0.036, material=skin),
            Primitive(
                (-0.02, -0.05, 0.13),
                frame((0.15, -1.0, 0.0)),
                scale=(0.095, 0.095, 0.06),
                material=shell,
            ),
            capsule((0.14, -0.08, 0.06), (0.17, -0.085, 0.13), 0.03, 0.032, material=skin),
            capsule((0.17, -0.06, 0.14), (0.19, -0.05, 0.20), 0.014, 0.02, material=skin),
            capsule((0.17, -0.11, 0.14), (0.19, -0.13, 0.20), 0.014, 0.02, material=skin),
        )
    )


def _prism(foot: Vector, way: Vector, radius: float, length: float) -> list[Primitive]:
    """A six-sided crystal: three slabs make the prism, a cube on its corner the tip."""
    unit = np.asarray(way, dtype=np.float64) / np.linalg.norm(way)
    start = np.asarray(foot, dtype=np.float64)
    # The cube's edges lie 54.7 degrees off its diagonal; its outline is the prism's hexagon.
    edge = radius * math.sqrt(1.5)
    shaft = length - edge * math.sqrt(3.0) / 2.0
    axes = frame(unit.tolist())
    purple, light = (0.50, 0.22, 0.74), (0.74, 0.50, 0.93)
    parts = []
    for turn in range(3):
        angle = math.pi * turn / 3.0
        side = math.cos(angle) * axes[0] + math.sin(angle) * axes[1]
        shade = tuple(p + 0.25 * turn * (q - p) for p, q in zip(purple, light, strict=True))
        parts.append(
            box(
                (start + unit * shaft / 2).tolist(),
                (radius / 2, radius * math.sqrt(3.0) / 2, shaft / 2),
                0.012,
                unit.tolist(),
                side.tolist(),
                material=plain(shade),  # pyright: ignore[reportArgumentType]
                layer=CRYSTAL,
            )
        )
    corners = [
        math.sqrt(2.0 / 3.0) * (math.cos(a) * axes[0] + math.sin(a) * axes[1])
        + math.sqrt(1.0 / 3.0) * unit
        for a in (0.0, 2.0 * math.pi / 3.0, 4.0 * math.pi / 3.0)
    ]
    parts.append(
        Primitive(
            (start + unit * shaft).tolist(),
            np.stack(corners),
            half=[edge / 2 - 0.012] * 3,
            radius=0.012,
            material=plain(light),
            layer=CRYSTAL,
        )
    )
    return parts


def _add_crystals(figure: Figure, amount: float) -> None:
    for foot, way, radius, length in CRYSTALS:
        figure.add(*grown(HEART, amount, *_prism(foot, way, radius, length)))
    for foot, way, radius, length in SPLINTERS:
        unit = np.asarray(way) / np.linalg.norm(way)
        tip = (np.asarray(foot) + unit * length).tolist()
        figure.add(
            *grown(
                HEART,
                amount,
                capsule(foot, tip, radius, 0.012, material=plain((0.66, 0.42, 0.88))),
            )
        )


def _add_volcano(figure: Figure, rock: Rock) -> None:
    glow = Material((0.99, 0.42, 0.06), (1.0, 0.80, 0.18), wave=(4.0, 3.0, 5.0), sharpness=2.0)
    crust = Material((0.19, 0.17, 0.18), (0.27, 0.22, 0.21), wave=(5.0, 3.0, 7.0), sharpness=2.0)
    foot, height, wide, top = (0.0, 0.0, -0.80), 0.72, 0.43, 0.17
    figure.add(
        *grown(
            HEART,
            rock.cone,
            frustum(foot, height, wide, top, 0.25, material=crust, layer=CONE),
            ellipsoid((0.0, 0.0, -0.085), (0.135, 0.135, 0.05), material=glow),
            capsule(
                (0.25, -0.26, -0.70), (0.25, -0.26, -0.58), 0.15, 0.10, material=crust, layer=CONE
            ),
            capsule(
                (-0.28, 0.18, -0.70), (-0.28, 0.18, -0.54), 0.15, 0.09, material=crust, layer=CONE
            ),
        )
    )
    for azimuth, reach in STREAMS:
        x, y = math.cos(azimuth), math.sin(azimuth)
        end_z = -0.10 - 0.58 * reach
        out = 0.16 + (0.41 - 0.16) * reach
        start, end = (0.13 * x, 0.13 * y, -0.10), (out * x, out * y, end_z)
        figure.add(
            *grown(
                HEART,
                min(rock.lava, rock.cone),
                capsule(start, end, 0.045, 0.062, material=glow),
            )
        )
    for azimuth in (-1.3, 0.1, 1.8, 3.4):
        x, y = math.cos(azimuth), math.sin(azimuth)
        crack = capsule(
            (0.30 * x, 0.30 * y, -0.45),
            (0.52 * x, 0.50 * y, -0.72),
            0.024,
            material=glow,
            paints=(BASE, CONE, CRAG),
        )
        figure.paint(*grown(HEART, rock.lava, crack))
    for x, y, z, size in ((0.02, -0.03, 0.06, 0.055), (-0.07, 0.04, 0.17, 0.045)):
        drop = ball((x, y, z), size, material=glow)
        figure.add(*grown(HEART, rock.lava, drop))


ROCK = Family(KINDS, assemble)
