"""The pad: a triangle or a square whose corners are prompts. A place in it is a share of each.

No bpy. Places are in the unit square, x to the right and y up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

Place = tuple[float, float]

TRIANGLE: tuple[Place, ...] = ((0.0, 0.0), (1.0, 0.0), (0.5, math.sqrt(0.75)))
SQUARE: tuple[Place, ...] = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
PROMPTS = (3, 4)
"""How many prompts a pad may have."""


def corners(count: int) -> tuple[Place, ...]:
    """Where the prompts of a pad of three or four are, counter-clockwise."""
    return TRIANGLE if count == 3 else SQUARE


def shares_at(place: Place, count: int) -> list[float]:
    """The share of each prompt at a place; a place outside counts as the nearest inside."""
    if count == 4:
        x, y = (min(max(value, 0.0), 1.0) for value in place)
        return [(1 - x) * (1 - y), x * (1 - y), x * y, (1 - x) * y]
    x, y = _inside(place)
    top = y / TRIANGLE[2][1]
    right = x - 0.5 * top
    return normalized([1.0 - right - top, right, top])


def place_of(shares: Sequence[float]) -> Place:
    """Where shares are; of four, the place with these sums at the left and the lower edge."""
    points = corners(len(shares))
    x = sum(share * point[0] for share, point in zip(shares, points, strict=True))
    y = sum(share * point[1] for share, point in zip(shares, points, strict=True))
    return x, y


def normalized(shares: Sequence[float]) -> list[float]:
    """The shares without negative ones, adding up to one; equal ones where there is nothing."""
    kept = [max(share, 0.0) for share in shares]
    total = math.fsum(kept)
    return [share / total for share in kept] if total > 0 else [1.0 / len(kept)] * len(kept)


def moved(before: Sequence[float], index: int, value: float) -> list[float]:
    """The shares after one slider was moved: the others give or take in proportion."""
    value = min(max(value, 0.0), 1.0)
    rest = normalized([share for other, share in enumerate(before) if other != index])
    others = iter(rest)
    return [
        value if other == index else (1.0 - value) * next(others) for other in range(len(before))
    ]


def _inside(place: Place) -> Place:
    """The nearest place of the triangle."""
    x, y = place
    best, least = place, math.inf
    if y >= 0 and math.sqrt(3.0) * x >= y and math.sqrt(3.0) * (1.0 - x) >= y:
        return place
    for (ax, ay), (bx, by) in zip(TRIANGLE, TRIANGLE[1:] + TRIANGLE[:1], strict=True):
        dx, dy = bx - ax, by - ay
        along = min(max((x - ax) * dx + (y - ay) * dy, 0.0), 1.0)  # edges have the length one
        near = (ax + along * dx, ay + along * dy)
        if (away := math.dist(near, place)) < least:
            best, least = near, away
    return best
