"""A field in other colors: how light its parts are stays, and colors become a ramp.

A tint says what dark, middle and light parts become, so that the mean lightness of an object's
surface becomes the middle; wood has growth rings about the vertical, and stone has speckles.
``training/library/attributes.py`` has the same in torch, for the models that are trained on. Colors
are sRGB in [0, 1].
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .field_reader import Field, Points, Reader
from .progress import CancelToken
from .shapes import Float

LUMA = (0.299, 0.587, 0.114)
RING, SPECKLE = 0.16, 0.12
"""Metres from one to the next."""
NUMBERS = 12
"""How many a tint has."""
READ = 4096
"""Points of a surface, at most, of which its lightness is the mean."""
_Color = tuple[float, float, float]


@dataclass(frozen=True)
class Tint:
    """A recoloring: what dark, middle and light parts become."""

    dark: _Color
    middle: _Color
    light: _Color
    contrast: float = 1.1
    """How much of the object's own lightness stays."""
    rings: float = 0.0
    """Strength of growth rings about the vertical."""
    speckles: float = 0.0

    @property
    def numbers(self) -> tuple[float, ...]:
        """All of them, in this order; a mix of two tints has the mix of their numbers."""
        return (*self.dark, *self.middle, *self.light, self.contrast, self.rings, self.speckles)

    @classmethod
    def of_numbers(cls, numbers: Float[np.ndarray, "12"]) -> Tint:
        """What :attr:`numbers` says."""
        said = [float(number) for number in numbers]
        dark, middle, light = (_color(said[first : first + 3]) for first in (0, 3, 6))
        return cls(dark, middle, light, *said[9:])


@dataclass(frozen=True)
class Recolored:
    """A :class:`~backend.field_reader.Field` whose colors are replaced."""

    field: Field
    tint: Tint
    lightness: float
    """The mean over the object's surface, in [0, 1]."""
    share: float = 1.0
    """How much of the new colors there is, beside the field's own."""
    factors: _Color = (1.0, 1.0, 1.0)
    """How the field is stretched along x, y and z about ``feet``: rings are stretched with it."""
    feet: _Color = (0.0, 0.0, 0.0)

    @property
    def bound(self) -> float:
        return self.field.bound

    @property
    def level(self) -> float:
        return self.field.level

    @property
    def density_scale(self) -> float:
        return self.field.density_scale

    def pre_density(self, points: Points) -> Float[np.ndarray, " points"]:
        return self.field.pre_density(points)

    def sample(
        self, points: Points
    ) -> tuple[Float[np.ndarray, " points"], Float[np.ndarray, "points 3"]]:
        density, color = self.field.sample(points)
        feet, factors = (np.array(three, np.float32) for three in (self.feet, self.factors))
        new = recolored(color, (points - feet) / factors + feet, self.tint, self.lightness)
        return density, color + np.float32(self.share) * (new - color)

    def lattice(
        self, x: Float[np.ndarray, " nx"], y: Float[np.ndarray, " ny"], z: Float[np.ndarray, " nz"]
    ) -> Float[np.ndarray, "nx ny nz"]:
        return self.field.lattice(x, y, z)


def recolored(
    color: Float[np.ndarray, "points 3"], points: Points, tint: Tint, lightness: float
) -> Float[np.ndarray, "points 3"]:
    """Colors after a tint; ``points`` are where the rings and speckles of an object that is not
    stretched lie."""
    place = 0.5 + tint.contrast * (color @ np.array(LUMA, np.float32) - lightness)
    place = place + tint.rings * _rings(points) + tint.speckles * _speckles(points)
    place = place.clip(0.0, 1.0)[:, None].astype(np.float32)
    dark, middle, light = (
        np.array(part, np.float32) for part in (tint.dark, tint.middle, tint.light)
    )
    low = dark + (middle - dark) * (2 * place).clip(max=1.0)
    ramp = low + (light - middle) * (2 * place - 1).clip(min=0.0)
    return ramp.clip(0.0, 1.0)


def lightness_of(field: Field, count: int) -> float:
    """The mean lightness of a field's surface, looked for between ``count`` samples an axis; the
    middle of black and white where there is none."""
    line = np.linspace(-field.bound, field.bound, count, dtype=np.float32)
    values = Reader(field, CancelToken()).dense(count) - field.level
    found = []
    for axis in range(3):
        along = np.moveaxis(values, axis, -1)
        before, after = along[..., :-1], along[..., 1:]
        across = np.nonzero((before > 0) != (after > 0))
        share = before[across] / (before[across] - after[across])
        *others, own = (line[index] for index in across)
        places = [*others]
        places.insert(axis, own + share * (line[1] - line[0]))
        found.append(np.stack(places, axis=1).astype(np.float32))
    points = np.concatenate(found)
    if not len(points):
        return 0.5
    some = points[np.linspace(0, len(points) - 1, min(READ, len(points))).astype(np.int64)]
    return float((field.sample(some)[1] @ np.array(LUMA, np.float32)).mean())


def _color(three: list[float]) -> _Color:
    red, green, blue = three
    return red, green, blue


def _rings(points: Points) -> Float[np.ndarray, " points"]:
    x, y, z = points.T
    radius = np.hypot(x - 0.23, y + 0.11) + 0.06 * np.sin(3.1 * z)
    return np.sin(2 * math.pi / RING * radius)


def _speckles(points: Points) -> Float[np.ndarray, " points"]:
    x, y, z = (2 * math.pi / SPECKLE * points).T
    return np.sin(x + 1.3 * np.sin(0.7 * y)) * np.sin(y + 1.1 * np.sin(0.6 * z + x / 3))
