"""A thatched cottage, a timber-framed farmhouse, a Tudor house, each on its piece of garden."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..figure import SIDES, Figure, plain
from ..primitives import Layer, Material, Primitive, Vector, ball, box, capsule, disc
from .family import Family, grown, lerp, wedge
from .house_styles import STYLES, House

GROUND, LOWER, UPPER, WINDOW = Layer.TAIL, Layer.LEG, Layer.TORSO, Layer.EYE
ROOF, CHIMNEY, PLANT = Layer.HAT, Layer.ARM, Layer.ITEM
TIMBER, GLASS, STONE = (0.27, 0.16, 0.10), (1.0, 0.84, 0.42), (0.66, 0.63, 0.58)
FLOOR = -0.62
"""Where the walls start, a little below the grass."""
WINDOW_X = 0.225


@dataclass(frozen=True)
class _Plan:
    """Heights that follow from a style."""

    style: House
    first: float
    """Top of the ground floor."""
    second: float
    """Top of the walls."""
    ridge: float
    front: float
    """How far the gables stand out."""


def assemble(style: House) -> Figure:
    figure = Figure()
    first = FLOOR + style.eaves
    second = first + style.upper
    plan = _Plan(style, first, second, second + style.roof, 0.15 * style.gables)
    _add_garden(figure, style)
    _add_walls(figure, plan)
    _add_roof(figure, plan)
    for side in SIDES:
        _add_gable(figure, plan, side)
    _add_timber(figure, plan)
    _add_windows(figure, plan)
    _add_door(figure, plan)
    _add_chimneys(figure, plan)
    return figure


def _add_garden(figure: Figure, style: House) -> None:
    up = (0.0, 0.0, 1.0)
    soil, grass = plain((0.47, 0.32, 0.21)), plain((0.42, 0.66, 0.27))
    figure.add(
        disc((0.0, 0.0, -0.73), up, 0.44, 0.24, 0.07, material=soil, layer=GROUND),
        disc((0.0, 0.0, -0.62), up, 0.61, 0.14, 0.068, material=grass, layer=GROUND),
    )
    figure.paint(
        box(
            (0.0, -0.5, -0.5),
            (0.085, 0.28, 0.2),
            0.02,
            material=plain((0.86, 0.79, 0.64)),
            paints=(GROUND,),
        )
    )
    green = (0.24, 0.50, 0.22)
    for x, y, size in ((0.40, -0.36, 0.09), (-0.40, -0.36, 0.09), (0.50, 0.2, 0.1)):
        top = (x * (1 - 0.02 * style.topiary), y, -0.55 + 0.19 * style.topiary)
        figure.add(
            capsule(
                (x, y, -0.565),
                top,
                size,
                size * lerp(0.85, 0.35, style.topiary),
                material=plain(green),
                layer=PLANT,
            )
        )


def _add_walls(figure: Figure, plan: _Plan) -> None:
    style = plan.style
    half = (plan.first - FLOOR) / 2
    figure.add(
        box(
            (0.0, 0.0, FLOOR + half),
            (style.width, style.depth, half),
            0.02,
            material=_bricks(style),
            layer=LOWER,
        )
    )
    low, high = plan.first - 0.06, plan.second - 0.005
    figure.add(
        box(
            (0.0, 0.0, (low + high) / 2),
            (style.width + style.jetty, style.depth + style.jetty, (high - low) / 2),
            0.02,
            material=plain(style.wall),
            layer=UPPER,
        ),
        wedge(
            (0.0, 0.0, plan.second - 0.02),
            style.width + style.jetty - 0.01,
            style.depth + style.jetty,
            style.roof,
            False,
            material=plain(style.wall),
            layer=UPPER,
        ),
    )


def _bricks(style: House) -> Material:
    rows = (0.0, 0.0, 17.0)
    return Material(style.lower_wall, style.lower_lines, wave=rows, sharpness=4.0, threshold=0.4)


def _tiles(style: House) -> Material:
    rows = (0.0, 14.0, 0.0)
    return Material(style.roof_color, style.roof_lines, wave=rows, sharpness=2.0, threshold=0.35)


def _slab(
    style: House, ridge: Vector, out: Vector, run: float, drop: float, half_length: float
) -> Primitive:
    """One side of a roof: from the ridge outwards, falling ``drop`` over ``run``."""
    slope = math.sqrt(run * run + drop * drop)
    normal = (out[0] * drop / slope, out[1] * drop / slope, run / slope)
    middle = (
        ridge[0] + out[0] * run / 2 + normal[0] * style.thatch * 0.35,
        ridge[1] + out[1] * run / 2 + normal[1] * style.thatch * 0.35,
        ridge[2] - drop / 2 + normal[2] * style.thatch * 0.35,
    )
    return box(
        middle,
        (half_length, slope / 2, style.thatch / 2),
        0.45 * style.thatch,
        up=normal,
        side=(abs(out[1]), abs(out[0]), 0.0),
        material=_tiles(style),
        layer=ROOF,
    )


def _add_roof(figure: Figure, plan: _Plan) -> None:
    style = plan.style
    across = style.depth + style.jetty
    steep = style.roof / across
    run = across + style.overhang
    length = style.width + style.jetty + 0.7 * style.overhang
    for side in SIDES:
        ridge = (0.0, 0.0, plan.ridge)
        figure.add(_slab(style, ridge, (0.0, side, 0.0), run, steep * run, length))
    top = plan.ridge + 0.4 * style.thatch
    reach = length - 0.5 * style.thatch
    figure.add(
        capsule(
            (-reach, 0.0, top),
            (reach, 0.0, top),
            0.025 + 0.45 * style.thatch,
            material=plain(style.roof_lines),
            layer=ROOF,
        )
    )


def _add_gable(figure: Figure, plan: _Plan, side: float) -> None:
    """A bay in front with a roof of its own, grown out of the house."""
    style = plan.style
    x, half = side * WINDOW_X, 0.165
    front = style.depth + plan.front
    low, high = FLOOR + 0.02, plan.second - 0.01
    split = plan.first - 0.03
    back = 0.05
    grow = max(plan.front, 0.0)
    root = (x, 0.0, plan.second - 0.06)
    rise = 0.27
    parts = [
        wedge(
            (x, (back - front) / 2 - 0.02, plan.second - 0.02),
            (front + back) / 2 + 0.015,
            half + 0.01,
            rise,
            True,
            material=plain(style.wall),
            layer=UPPER,
        )
    ]
    run = half + 0.06
    drop = rise * run / (half + 0.01)
    for out in SIDES:
        ridge = (x, -(front - 0.14) / 2 - 0.05, plan.second - 0.02 + rise)
        parts.append(_slab(style, ridge, (out, 0.0, 0.0), run, drop, (front + 0.20) / 2))
    y, top = (front + 0.12), plan.second - 0.02 + rise + 0.4 * style.thatch
    parts.append(
        capsule((x, -y, top), (x, 0.0, top), 0.03, material=plain(style.roof_lines), layer=ROOF)
    )
    figure.add(
        box(
            (x, (back - front) / 2, (low + split) / 2),
            (half - 0.01, (front + back) / 2 - 0.012, (split - low) / 2),
            0.02,
            material=_bricks(style),
            layer=LOWER,
        ),
        box(
            (x, (back - front) / 2 - 0.1 * grow, (split + high) / 2 - 0.01),
            (half, (front + back) / 2 + 0.25 * grow - 0.014, (high - split) / 2),
            0.02,
            material=plain(style.wall),
            layer=UPPER,
        ),
        *grown(root, style.gables, *parts),
    )


def _add_timber(figure: Figure, plan: _Plan) -> None:
    style = plan.style
    timber = plain(TIMBER)
    thick = 0.021 * style.timber
    middle = (plan.first + plan.second) / 2
    tall = max(style.upper / 2, 0.0) + 0.02

    def beam(center: Vector, size: Vector, paints: tuple[Layer, ...], tilt: float = 0.0) -> None:
        if min(size) > 0.0005:
            figure.paint(
                box(
                    center,
                    size,
                    0.9 * min(size),
                    up=(tilt, 0.0, 1.0),
                    material=timber,
                    paints=paints,
                )
            )

    for x in (0.385, 0.095):
        for side in SIDES:
            beam((side * x, 0.0, middle), (thick, 0.6, tall), (UPPER,))
            beam(
                (side * x * 1.03, 0.0, FLOOR + 0.2),
                (0.021 * style.lower_timber, 0.6, 0.25),
                (LOWER,),
            )
    for z in (plan.first - 0.015, plan.second - 0.03):
        beam((0.0, 0.0, z), (0.7, 0.7, thick), (UPPER,))
    for y in (0.14, -0.14):
        beam((0.0, y, middle + 0.2), (0.7, thick, tall + 0.2), (UPPER,))
    for side in SIDES:
        x = side * WINDOW_X
        for lean in (0.62, -0.62):
            beam(
                (x - 0.085 * lean / 0.62, -0.4, plan.second + 0.08),
                (thick * style.gables, 0.5, 0.12 * style.gables),
                (UPPER,),
                lean,
            )
        beam(
            (x, -0.4, plan.second + 0.10),
            (thick * style.gables, 0.5, 0.17 * style.gables),
            (UPPER,),
        )


def _window(style: House, center: Vector, frame: Vector, glass: Vector) -> tuple[Primitive, ...]:
    """Frame and glass of one window, through the whole house, by their half sizes."""
    return (
        box(center, frame, 0.008, material=plain(style.frame), layer=Layer.SNOUT),
        box(center, glass, 0.006, material=plain(GLASS), layer=WINDOW),
    )


def _add_windows(figure: Figure, plan: _Plan) -> None:
    style = plan.style
    grow = min(style.upper / 0.20, 1.0)
    lower, upper = FLOOR + 0.235, plan.first + 0.52 * style.upper

    def through_y(x: float, z: float, size: float, reach: float, amount: float) -> None:
        front = -(style.depth + reach + 0.008)
        back = style.depth + 0.008 + (style.jetty if z > plan.first else 0.0)
        center = (x, (front + back) / 2, z)
        half = (back - front) / 2
        frame, glass = (size + 0.022, half, 1.1 * size + 0.022), (size, half + 0.01, 1.1 * size)
        panes = _window(style, center, frame, glass)
        figure.add(*grown((x, 0.0, z), amount, *panes))

    for side in SIDES:
        through_y(side * WINDOW_X, lower, 0.066, plan.front, 1.0)
        through_y(
            side * WINDOW_X, upper, 0.062, max(plan.front * 1.35 - 0.008, style.jetty) + 0.002, grow
        )
    through_y(0.0, upper, 0.050, style.jetty, grow)
    for z, reach, amount in ((lower, 0.0, 1.0), (upper, style.jetty, grow)):
        half = style.width + reach + 0.008
        panes = _window(style, (0.0, 0.0, z), (half, 0.082, 0.085), (half + 0.01, 0.06, 0.063))
        figure.add(*grown((0.0, 0.0, z), amount, *panes))
    bars = plain(style.frame)
    for x in (0.0, WINDOW_X, -WINDOW_X):
        figure.paint(box((x, 0.0, 0.0), (0.009, 0.7, 0.8), 0.008, material=bars, paints=(WINDOW,)))
    figure.paint(box((0.0, 0.0, 0.0), (0.7, 0.009, 0.8), 0.008, material=bars, paints=(WINDOW,)))
    for z in (lower, upper):
        figure.paint(box((0.0, 0.0, z), (0.7, 0.7, 0.009), 0.008, material=bars, paints=(WINDOW,)))


def _add_door(figure: Figure, plan: _Plan) -> None:
    style = plan.style
    y, top = -style.depth, FLOOR + 0.27
    for half, out, color in ((0.085, 0.012, TIMBER), (0.062, 0.024, style.door)):
        figure.add(
            box(
                (0.0, y, (FLOOR + top) / 2),
                (half, 0.02 + out, (top - FLOOR) / 2),
                0.008,
                material=plain(color),
                layer=Layer.COAT,
            ),
            disc(
                (0.0, y, top - 0.012),
                (0.0, 1.0, 0.0),
                half,
                0.04 + 2 * out,
                0.008,
                material=plain(color),
                layer=Layer.COAT,
            ),
        )
    figure.add(
        box((0.0, y - 0.06, -0.545), (0.10, 0.05, 0.025), 0.015, material=plain(STONE)),
    )
    figure.paint(
        ball(
            (0.034, y - 0.05, -0.46),
            0.018,
            material=plain((0.95, 0.78, 0.30)),
            paints=(Layer.COAT,),
        )
    )
    for x, z, size, color in (
        (0.115, -0.50, 0.040, (0.26, 0.52, 0.24)),
        (0.12, -0.43, 0.036, (0.95, 0.45, 0.55)),
        (0.105, -0.36, 0.036, (0.30, 0.56, 0.26)),
        (0.075, -0.295, 0.036, (0.96, 0.55, 0.62)),
        (0.0, -0.26, 0.036, (0.95, 0.45, 0.55)),
        (-0.075, -0.295, 0.036, (0.30, 0.56, 0.26)),
        (-0.105, -0.36, 0.036, (0.96, 0.55, 0.62)),
        (-0.115, -0.45, 0.040, (0.26, 0.52, 0.24)),
    ):
        rose = ball((x, y - 0.015, z), size, material=plain(color), layer=PLANT)
        figure.add(*grown((0.8 * x, y + 0.05, z), style.roses, rose))


def _add_chimneys(figure: Figure, plan: _Plan) -> None:
    style = plan.style
    brick = Material(
        (0.70, 0.40, 0.31), (0.58, 0.30, 0.24), wave=(0.0, 0.0, 15.0), sharpness=4.0, threshold=0.4
    )
    second = (-0.27, 0.10, plan.second)
    stacks = []
    for x, y in ((0.27, 0.10), second[:2]):
        top = plan.ridge + style.chimney
        stacks.append(
            [
                box(
                    (x, y, (top + plan.second) / 2),
                    (0.068, 0.068, (top - plan.second) / 2),
                    0.012,
                    material=brick,
                    layer=CHIMNEY,
                ),
                box(
                    (x, y, top - 0.02),
                    (0.085, 0.085, 0.022),
                    0.012,
                    material=plain(STONE),
                    layer=CHIMNEY,
                ),
                capsule(
                    (x, y, top),
                    (x, y, top + 0.05),
                    0.042,
                    0.036,
                    material=plain((0.78, 0.44, 0.28)),
                    layer=CHIMNEY,
                ),
            ]
        )
    figure.add(*stacks[0], *grown(second, style.gables, *stacks[1]))
    top = plan.ridge + style.chimney + 0.11
    smoke = plain((0.93, 0.93, 0.95))
    figure.add(
        ball((0.275, 0.10, top), 0.048, material=smoke),
        ball((0.325, 0.10, top + 0.065), 0.056, material=smoke),
        ball((0.29, 0.10, top + 0.13), 0.044, material=smoke),
    )


HOUSE = Family(STYLES, assemble)
