"""View-dependent prompts: what the diffusion model is told about the camera (A16).

Angles are those of :mod:`backend.rendering.cameras`, in radians: azimuth 0 looks at the front, and
at 90 degrees the camera is at +x, at the object's left side. Only the diffusion prompt gets these
words; the mapping network sees the prompt without them (A9).
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.rendering.cameras import Cameras, orbit

ViewScheme = Literal["paper", "sided", "angles", "close"]
"""``paper``: front, side, rear (ATT3D 3.2). ``sided``: the sides apart, and overhead (DreamFusion
3.2 has overhead above 60 degrees of elevation). ``angles``: twelve directions and three heights,
for models of our own, which then need not guess where a face looks. ``close``: as ``sided``, and
of close-ups how high they look."""

SECTORS = 12
"""Directions of ``angles``."""
HEIGHTS = (0, 20, 40)
"""Elevations of ``angles``, degrees; the nearest one counts."""
CLOSE_FRAME = 1.4
"""A picture narrower than this, metres at the point that the camera looks at, is a close-up."""
CLOSE_HEIGHTS = (-0.4, 0.0, 0.4)
"""Heights that close-ups of ``close`` look at, metres; the nearest one counts."""
_FRAMES = ("", "close-up of the bottom", "close-up of the middle", "close-up of the top")
_SIDES = ("front view", "left side view", "rear view", "right side view")
_SIDED = (*_SIDES, "overhead view")

VIEW_WORDS: dict[ViewScheme, tuple[str, ...]] = {
    "paper": ("front view", "side view", "rear view"),
    "sided": _SIDED,
    "angles": tuple(
        f"azimuth {sector * 360 // SECTORS} elevation {height}"
        for height in HEIGHTS
        for sector in range(SECTORS)
    ),
    "close": tuple(f"{side} {frame}".rstrip() for frame in _FRAMES for side in _SIDED),
}
"""Every word group of a scheme."""

_AROUND: dict[ViewScheme, tuple[int, ...]] = {
    "paper": (0, 1, 2, 1),
    "sided": (0, 1, 2, 3),
    "angles": tuple(range(SECTORS)),
    "close": (0, 1, 2, 3),
}
"""The word groups around the object, of equal angles, beginning in front: of ``angles``, those of
the lowest height; of ``close``, those of whole pictures."""

OVERHEAD = math.radians(60.0)
"""Elevation above which a view is from overhead."""
OVERHEAD_RAMP = math.radians(10.0)
"""Blended, the overhead words come in linearly over this much on either side of it."""


def view_words(cameras: Cameras, scheme: ViewScheme) -> list[str]:
    """The words of each view: ``"front view"`` within 45 degrees of the front, and so on."""
    return [VIEW_WORDS[scheme][i] for i in view_index(cameras, scheme).tolist()]


def view_index(cameras: Cameras, scheme: ViewScheme) -> Int[Tensor, " views"]:
    """Each view's words as an index into ``VIEW_WORDS[scheme]``."""
    azimuth, elevation = cameras.azimuth, cameras.elevation
    around = torch.tensor(_AROUND[scheme], device=azimuth.device)
    sector = torch.floor(azimuth / (math.tau / len(around)) + 0.5).long() % len(around)
    index = around[sector]
    if scheme in ("sided", "close"):
        overhead = _SIDED.index("overhead view")
        index = torch.where(elevation > OVERHEAD, overhead, index)
    if scheme == "angles":
        index = index + SECTORS * _nearest(elevation.rad2deg(), HEIGHTS)
    if scheme == "close":
        index = index + len(_SIDED) * _frame(cameras)
    return index


def _nearest(values: Float[Tensor, " views"], among: tuple[float, ...]) -> Int[Tensor, " views"]:
    return (values[:, None] - torch.tensor(among, device=values.device)).abs().argmin(1)


def _frame(cameras: Cameras) -> Int[Tensor, " views"]:
    """Each view's place in ``_FRAMES``."""
    height = 1 + _nearest(cameras.height, CLOSE_HEIGHTS)
    return torch.where(cameras.frame < CLOSE_FRAME, height, 0)


def view_weights(
    cameras: Cameras, scheme: ViewScheme, *, blended: bool
) -> Float[Tensor, "views words"]:
    """How much each of the scheme's words counts in a view; every row sums to one.

    Blended, neighbouring words are mixed linearly in the azimuth (DreamFusion 3.2: "a weighted
    combination of the text embeddings"): at 30 degrees, 2/3 front and 1/3 side. Otherwise one word
    has all the weight, as always in ``angles``.
    """
    if not blended or scheme == "angles":
        index = view_index(cameras, scheme)
        weights = torch.nn.functional.one_hot(index, len(VIEW_WORDS[scheme]))
        return weights.to(cameras.azimuth.dtype)
    if scheme == "close":
        frames = torch.nn.functional.one_hot(_frame(cameras), len(_FRAMES))
        sides = view_weights(cameras, "sided", blended=True)
        return (frames[:, :, None] * sides[:, None]).flatten(1)
    azimuth, elevation = cameras.azimuth, cameras.elevation
    turn = (azimuth / (math.pi / 2)) % 4.0
    before = turn.floor()
    share = (turn - before)[:, None]
    around = torch.tensor(_AROUND[scheme], device=azimuth.device)
    first = around[before.long() % 4]
    second = around[(before.long() + 1) % 4]
    weights = azimuth.new_zeros(len(azimuth), len(VIEW_WORDS[scheme]))
    weights.scatter_add_(1, first[:, None], 1.0 - share)
    weights.scatter_add_(1, second[:, None], share)
    if scheme == "sided":
        overhead = _SIDED.index("overhead view")
        low, high = OVERHEAD - OVERHEAD_RAMP, OVERHEAD + OVERHEAD_RAMP
        above = ((elevation - low) / (high - low)).clamp(0.0, 1.0)[:, None]
        weights = weights * (1.0 - above)
        weights[:, overhead] += above[:, 0]
    return weights


def parts_of_words(scheme: ViewScheme) -> dict[str, dict[str, float]]:
    """What the vector of each word group is the sum of, for a model that learns one for each.

    A vector of its own, but in ``angles``: there the sides that it lies between, blended by
    azimuth, and the words ``raised`` by elevation. So like views have like vectors, and the four
    sides mean what they do in ``sided``. In ``close``, whole pictures have the vectors of
    ``sided``, and close-ups those of the side and of the frame.
    """
    if scheme == "close":
        pairs = [(side, frame) for frame in _FRAMES for side in _SIDED]
        return {
            words: {part: 1.0 for part in pair if part}
            for words, pair in zip(VIEW_WORDS[scheme], pairs, strict=True)
        }
    if scheme != "angles":
        return {words: {words: 1.0} for words in VIEW_WORDS[scheme]}
    parts = {}
    blends = view_weights(orbit(SECTORS, elevation=0.0), "sided", blended=True)[:, :4].tolist()
    for height in HEIGHTS:
        for blend in blends:
            parts[VIEW_WORDS[scheme][len(parts)]] = {
                **{side: share for side, share in zip(_SIDES, blend, strict=True) if share > 1e-6},
                "raised": (height - HEIGHTS[1]) / HEIGHTS[1],
            }
    return parts


def close_words(scheme: ViewScheme) -> list[int]:
    """Indices of the words for close-ups from the front, from the bottom up; mostly none."""
    if scheme != "close":
        return []
    return [len(_SIDED) * frame for frame in range(1, len(_FRAMES))]


def view_prompt(prompt: str, words: str) -> str:
    """What the diffusion model reads: ``"a pig, front view"``."""
    return f"{prompt}, {words}" if words else prompt


def perp_negatives(
    cameras: Cameras, scheme: ViewScheme
) -> tuple[Int[Tensor, "views 2"], Float[Tensor, "views 2"]]:
    """Perp-Neg's two negative views of each camera, and their weights (zero or negative).

    The views beside the camera's, weighted by ``-(a exp(-b r) + c)`` with threestudio's constants,
    ``r`` being 1 on the view itself and 0 on its neighbour. The front is a negative all the way to
    the rear, which is what keeps a second face away. None from overhead. A close-up's are close-ups
    of the same height. ``angles`` has no such views (the configuration refuses it).
    """
    azimuth, elevation = cameras.azimuth, cameras.elevation
    words = torch.tensor(_AROUND[scheme], device=azimuth.device)
    turn = (azimuth / (math.pi / 2)) % 4.0
    away = torch.minimum(turn, 4.0 - turn)
    side = words[torch.where(turn <= 2.0, 1, 3)]
    front = torch.full_like(side, int(words[0]))
    before = away < 1.0
    r = torch.where(before, 1.0 - away, 2.0 - away)

    def decay(scale: float, shift: float, at: Tensor) -> Tensor:
        return -(scale * torch.exp(-0.5 * at) + shift)

    index = torch.where(
        before[:, None], torch.stack([front, side], 1), torch.stack([side, front], 1)
    )
    weights = torch.where(
        before[:, None],
        torch.stack([decay(4.0, -2.426, r), decay(4.0, -2.426, 1.0 - r)], 1),
        torch.stack([decay(1.0, -0.606, r), decay(1.0, 0.967, r)], 1),
    ).clamp_max(0.0)
    if scheme in ("sided", "close"):
        weights = torch.where((elevation > OVERHEAD)[:, None], 0.0, weights)
    if scheme == "close":
        index = index + len(_SIDED) * _frame(cameras)[:, None]
    return index, weights
