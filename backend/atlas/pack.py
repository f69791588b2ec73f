"""Pack charts into a square, as in the game: each falls onto the skyline of those before it.

After Lévy et al., "Least squares conformal maps" (2002), section 4: charts keep their true outline
(lowest and highest row in each column), tallest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..shapes import Bool, Float, Int
from .rasterize import ranges

_WALL = 1 << 20
"""Height of the skyline beyond the square: no chart is put there."""


@dataclass(frozen=True)
class Outline:
    """Lowest and highest cell of a chart in each column, margin included."""

    bottom: Int[np.ndarray, " columns"]
    top: Int[np.ndarray, " columns"]

    def flipped(self) -> Outline:
        """Turned by 180 degrees."""
        height = int(self.top.max())
        return Outline((height - self.top)[::-1].copy(), (height - self.bottom)[::-1].copy())


def outlines_of(
    edges: Float[np.ndarray, "edges 2 2"],
    bounds: Int[np.ndarray, " charts_and_one"],
    cell: float,
    margin: float,
) -> list[Outline]:
    """Outlines of charts given by their edges, in cells of ``cell`` units, ``margin`` units wider.

    Edges are sampled densely enough that no column between their ends is missed.

    Args:
        edges: Sorted by chart.
        bounds: Where each chart's edges begin, and the end.
    """
    starts, chart = bounds[:-1], np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    low = np.minimum.reduceat(edges.min(axis=1), starts) - margin
    longest = np.maximum.reduceat(np.abs(edges[:, 1] - edges[:, 0]).max(axis=1), starts)
    steps = np.ceil(longest / cell).astype(np.int64) + 1
    edge, offset = ranges(steps[chart] + 1)
    owner = chart[edge]
    t = (offset / steps[owner])[:, None]
    samples = edges[edge, 0] * (1 - t) + edges[edge, 1] * t - low[owner]
    first = np.floor((samples[:, 0] - margin) / cell).astype(np.int64).clip(0)
    last = np.floor((samples[:, 0] + margin) / cell).astype(np.int64)
    widest = np.zeros(len(starts), dtype=np.int64)
    np.maximum.at(widest, owner, last + 1)
    ends = widest.cumsum()
    bottom, top = np.full(ends[-1], np.inf), np.full(ends[-1], -np.inf)
    for shift in range(int((last - first).max()) + 1):
        column = (ends - widest)[owner] + np.minimum(first + shift, last)
        np.minimum.at(bottom, column, samples[:, 1] - margin)
        np.maximum.at(top, column, samples[:, 1] + margin)
    gaps = np.flatnonzero(~np.isfinite(bottom))
    if len(gaps):  # both ends of every chart are known
        known = np.flatnonzero(np.isfinite(bottom))
        bottom[gaps] = np.interp(gaps, known, bottom[known])
        top[gaps] = np.interp(gaps, known, top[known])
    bottom, top = np.floor(bottom / cell).astype(np.int32), np.ceil(top / cell).astype(np.int32)
    sides = (np.split(side, ends[:-1]) for side in (bottom, top))
    return [Outline(*pair) for pair in zip(*sides, strict=True)]


@dataclass(frozen=True)
class Layout:
    """Where packed charts stand in the square."""

    place: Int[np.ndarray, "charts 2"]
    """Column and row of each."""
    turned: Bool[np.ndarray, " charts"]
    """Whether each was turned by 180 degrees."""
    side: int
    """Cells of the square that holds them all."""


def drop_in_order(outlines: list[Outline], widths: Sequence[int]) -> list[Layout]:
    """Place charts, tallest first, where they leave the skyline lowest.

    Args:
        outlines: Of all charts.
        widths: Columns of the square; each is tried, all of them at once.

    Returns:
        A layout for each width that no chart is wider than.
    """
    widest = max((len(o.bottom) for o in outlines), default=0)
    fitting = np.array([width for width in widths if width >= widest], dtype=np.int64)
    if not len(fitting):
        return []
    attempts = np.arange(len(fitting))
    place = np.zeros((len(fitting), len(outlines), 2), dtype=np.int64)
    turned = np.zeros((len(fitting), len(outlines)), dtype=bool)
    skylines = np.zeros((len(fitting), int(fitting.max())), dtype=np.int32)
    skylines[np.arange(skylines.shape[1]) >= fitting[:, None]] = _WALL
    order = sorted(
        range(len(outlines)), key=lambda i: (-int(outlines[i].top.max()), -len(outlines[i].top), i)
    )
    for chart in order:
        columns = len(outlines[chart].bottom)
        turns = (outlines[chart], outlines[chart].flipped())
        windows = np.moveaxis(sliding_window_view(skylines, columns, axis=1), -1, 0)
        below = np.zeros((len(fitting), skylines.shape[1] + 1), dtype=np.int64)
        skylines.cumsum(axis=1, out=below[:, 1:])
        covered = below[:, columns:] - below[:, :-columns]
        rows = np.stack([(windows - o.bottom[:, None, None]).max(axis=0) for o in turns])
        # Lowest resulting top first, then the least space lost underneath.
        filled = np.array([o.top.max() * columns + o.bottom.sum() for o in turns])
        cost = 2 * columns * rows.astype(np.int64) + filled[:, None, None] - covered
        column = cost.argmin(axis=2)
        turn = np.take_along_axis(cost, column[:, :, None], 2)[:, :, 0].argmin(axis=0)
        column = column[turn, attempts]
        row = rows[turn, attempts, column]
        place[:, chart, 0], place[:, chart, 1], turned[:, chart] = column, row, turn == 1
        tops = np.stack([o.top for o in turns])[turn] + row[:, None]
        skylines[attempts[:, None], column[:, None] + np.arange(columns)] = tops
    heights = np.where(skylines < _WALL, skylines, 0).max(axis=1)
    return [Layout(place[i], turned[i], max(int(heights[i]), int(fitting[i]))) for i in attempts]
