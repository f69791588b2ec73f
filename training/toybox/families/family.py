"""What families have in common: parameters that mix, and parts that grow.

A family's stages are parameters (numbers and colors) of one function that builds a toy. Mixing
is linear in the parameters, and the function is continuous: a part that a stage lacks has size
zero at a root inside another part and grows from there, so that nothing ever pops.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Generic, TypeVar, cast

from ..figure import Figure
from ..primitives import Color, Primitive, Vector

P = TypeVar("P")
"""A frozen dataclass of floats and colors."""
GONE = 1e-3
"""Parts smaller than this share of their size are left out."""


@dataclass(frozen=True)
class Family(Generic[P]):
    """Stages in the chain's order, and what builds a toy from any mix of them."""

    stages: Mapping[str, P]
    assemble: Callable[[P], Figure]

    def figure(self, stages: Sequence[str], shares: Sequence[float]) -> Figure:
        """All primitives of the toy at the mean of the stages' parameters weighted by
        ``shares``, which sum to one."""
        return self.assemble(blend([self.stages[stage] for stage in stages], shares))


def blend(parameters: Sequence[P], shares: Sequence[float]) -> P:
    """The weighted mean of parameters, field by field."""
    values: dict[str, float | Color] = {}
    for entry in fields(parameters[0]):  # pyright: ignore[reportArgumentType]
        each = [getattr(one, entry.name) for one in parameters]
        if isinstance(each[0], tuple):
            values[entry.name] = mixed_color(each, shares)
        else:
            values[entry.name] = sum(s * v for s, v in zip(shares, each, strict=True))
    return type(parameters[0])(**values)


def mixed_color(colors: Sequence[Color], shares: Sequence[float]) -> Color:
    return cast(
        Color,
        tuple(
            sum(share * channel for share, channel in zip(shares, channels, strict=True))
            for channels in zip(*colors, strict=True)
        ),
    )


def darker(color: Color, share: float) -> Color:
    """A color with ``share`` of its brightness."""
    red, green, blue = color
    return share * red, share * green, share * blue


def between(a: Vector, b: Vector, share: float) -> list[float]:
    """The point ``share`` of the way from ``a`` to ``b``."""
    return [p + share * (q - p) for p, q in zip(a, b, strict=True)]


def lerp(a: float, b: float, share: float) -> float:
    return a + share * (b - a)


def placed(part: Primitive, origin: Vector, size: float) -> Primitive:
    """A part drawn around (0, 0, 0) at scale 1, moved to ``origin`` and resized."""
    return replace(
        part,
        center=[o + size * c for o, c in zip(origin, part.center, strict=True)],
        scale=[size * extent for extent in part.scale],
    )


def grown(root: Vector, amount: float, *parts: Primitive) -> list[Primitive]:
    """Parts at ``amount`` of their size, shrunk towards ``root``; none of them at zero."""
    if amount < GONE:
        return []
    if amount == 1.0:
        return list(parts)
    return [
        replace(
            part,
            center=between(root, part.center, amount),
            scale=[amount * extent for extent in part.scale],
        )
        for part in parts
    ]


def frustum(
    bottom: Vector,
    height: float,
    radius: float,
    top_radius: float,
    bulge: float,
    squash: float = 1.0,
    **kind: object,
) -> Primitive:
    """An upright cone with its tip off and round ends, standing on ``bottom``.

    The ends are ``bulge`` times their radius high, within ``height``; ``squash`` narrows it along
    y.
    """
    low, high = bottom[2] + bulge * radius, bottom[2] + height - bulge * top_radius
    half = (high - low) / (2.0 * bulge)
    return Primitive(
        (bottom[0], bottom[1], (low + high) / 2.0),
        scale=(1.0, squash, bulge),
        half=(0.0, 0.0, half),
        radius=(radius + top_radius) / 2.0,
        taper=(top_radius - radius) / (2.0 * half),
        **kind,  # pyright: ignore[reportArgumentType]
    )


def squashed(part: Primitive, depth: float) -> Primitive:
    """A part scaled by ``depth`` along its own y axis."""
    x, y, z = part.scale
    return replace(part, scale=(x, depth * y, z))


def wedge(
    bottom: Vector, along: float, across: float, height: float, turned: bool, **kind: object
) -> Primitive:
    """A gable roof's inside: ``along`` and ``across`` are half sizes, its ridge along x, or along
    y if ``turned``. A round bulge ``across`` high hangs below ``bottom``."""
    thin = 0.12
    scale = (thin, 1.0, 1.0)
    core = (max(along / thin - across, 0.0), 0.0, height / 2)
    if turned:
        scale, core = (1.0, thin, 1.0), (0.0, core[0], height / 2)
    return Primitive(
        (bottom[0], bottom[1], bottom[2] + height / 2),
        scale=scale,
        half=core,
        radius=(across + 0.01) / 2,
        taper=(0.01 - across) / height,
        **kind,  # pyright: ignore[reportArgumentType]
    )
