"""Words that work on every model: recolorings and proportions, made on the fly.

A recoloring keeps how light a model's parts are beside each other and exchanges the colors for a
ramp from dark to light. A proportion stretches the model along its axes, about the point that it
stands on, the same for every model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from backend.prompts.attributes import Factors
from backend.recolored import LUMA, RING, SPECKLE, Tint
from backend.shapes import Float, Int

from .names import with_word

TINTS: dict[str, Tint] = {
    "red": Tint((0.36, 0.02, 0.04), (0.84, 0.10, 0.11), (1.00, 0.52, 0.48)),
    "orange": Tint((0.45, 0.17, 0.01), (0.96, 0.49, 0.07), (1.00, 0.78, 0.45)),
    "yellow": Tint((0.50, 0.38, 0.02), (0.97, 0.83, 0.13), (1.00, 0.96, 0.60)),
    "green": Tint((0.03, 0.24, 0.07), (0.17, 0.60, 0.22), (0.60, 0.88, 0.54)),
    "blue": Tint((0.03, 0.09, 0.37), (0.11, 0.33, 0.82), (0.50, 0.72, 1.00)),
    "purple": Tint((0.18, 0.04, 0.30), (0.47, 0.18, 0.69), (0.79, 0.59, 0.95)),
    "pink": Tint((0.54, 0.14, 0.34), (0.95, 0.50, 0.71), (1.00, 0.82, 0.90)),
    "brown": Tint((0.16, 0.08, 0.03), (0.42, 0.24, 0.11), (0.68, 0.49, 0.31)),
    "black": Tint((0.02, 0.02, 0.02), (0.09, 0.09, 0.10), (0.30, 0.30, 0.32)),
    "white": Tint((0.66, 0.66, 0.68), (0.93, 0.93, 0.93), (1.00, 1.00, 1.00)),
    "gray": Tint((0.20, 0.20, 0.21), (0.50, 0.50, 0.51), (0.80, 0.80, 0.81)),
    "golden": Tint((0.42, 0.25, 0.02), (0.84, 0.62, 0.16), (1.00, 0.93, 0.60), contrast=1.6),
    "silver": Tint((0.28, 0.30, 0.33), (0.66, 0.68, 0.72), (0.97, 0.98, 1.00), contrast=1.6),
    "wooden": Tint((0.28, 0.15, 0.07), (0.58, 0.37, 0.20), (0.80, 0.60, 0.38), 0.7, rings=0.28),
    "stone": Tint((0.25, 0.25, 0.25), (0.52, 0.52, 0.51), (0.76, 0.76, 0.74), 0.7, speckles=0.30),
}
"""The eleven basic colors of English, two metals, wood and stone."""

STRETCHES: dict[str, Factors] = {
    "tall": (0.625, 0.625, 1.0),
    "short": (1.0, 1.0, 0.6),
    "wide": (1.0, 0.625, 0.625),
    "narrow": (0.6, 1.0, 1.0),
    "long": (0.625, 1.0, 0.625),
    "small": (0.6, 0.6, 0.6),
}
"""Factors by x (width), y (depth) and z (height). None is above 1: as large as the ball allows, a
model would leave it. So a tall one is as high as the model, and slimmer."""

WORDS = (*TINTS, *STRETCHES)


@dataclass(frozen=True)
class Look:
    """A copy of a model."""

    tint: str = ""
    stretch: str = ""

    def caption(self, caption: str) -> str:
        """What the copy is called: "a tall red barrel"."""
        for word in (self.tint, self.stretch):
            if word:
                caption = with_word(caption, word)
        return caption

    @property
    def plain(self) -> bool:
        return not self.tint and not self.stretch


def tint_table(device: torch.device) -> Float[Tensor, "tints 12"]:
    """A row a tint, in the order of ``TINTS``: three colors, contrast, rings, speckles."""
    return torch.tensor([tint.numbers for tint in TINTS.values()], device=device)


def recolored(
    color: Float[Tensor, "assets points 3"],
    points: Float[Tensor, "assets points 3"],
    tint: Int[Tensor, " assets"],
    lightness: Float[Tensor, " assets"],
    table: Float[Tensor, "tints 12"],
) -> Float[Tensor, "assets points 3"]:
    """Colors after each asset's tint; -1 leaves an asset as it is.

    Args:
        points: Where the colors are, before any stretch: rings and speckles lie there.
        lightness: The mean over each asset's surface, which becomes the middle of the ramp.
    """
    row = table[tint.clamp_min(0)][:, None]
    luma = (color * torch.tensor(LUMA, device=color.device)).sum(-1)
    place = 0.5 + row[..., 9] * (luma - lightness[:, None])
    place = place + row[..., 10] * _rings(points) + row[..., 11] * _speckles(points)
    place = place.clamp(0.0, 1.0)[..., None]
    dark, middle, light = row[..., 0:3], row[..., 3:6], row[..., 6:9]
    low = dark + (middle - dark) * (2 * place).clamp_max(1.0)
    ramp = low + (light - middle) * (2 * place - 1).clamp_min(0.0)
    return torch.where((tint >= 0)[:, None, None], ramp, color)


def lightness_of(color: Float[Tensor, "points 3"], areas: Float[Tensor, " points"]) -> float:
    """The mean lightness of a surface."""
    luma = (color * torch.tensor(LUMA, device=color.device)).sum(-1)
    return float((luma * areas).sum() / areas.sum().clamp_min(1e-12))


def _rings(points: Float[Tensor, "assets points 3"]) -> Float[Tensor, "assets points"]:
    x, y, z = points.unbind(-1)
    radius = ((x - 0.23) ** 2 + (y + 0.11) ** 2).sqrt() + 0.06 * torch.sin(3.1 * z)
    return torch.sin(2 * math.pi / RING * radius)


def _speckles(points: Float[Tensor, "assets points 3"]) -> Float[Tensor, "assets points"]:
    x, y, z = (2 * math.pi / SPECKLE * points).unbind(-1)
    return torch.sin(x + 1.3 * torch.sin(0.7 * y)) * torch.sin(y + 1.1 * torch.sin(0.6 * z + x / 3))
