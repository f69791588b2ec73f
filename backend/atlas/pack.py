"""Pack charts into a square, as in the game: each falls onto the skyline of those before it.

After Lévy et al., "Least squares conformal maps" (2002), section 4: charts keep their true outline
(lowest and highest row in each column), tallest first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..shapes import Float, Int


@dataclass(frozen=True)
class Outline:
    """Lowest and highest cell of a chart in each column, margin included."""

    bottom: Int[np.ndarray, " columns"]
    top: Int[np.ndarray, " columns"]

    def flipped(self) -> Outline:
        """Turned by 180 degrees."""
        height = int(self.top.max())
        return Outline((height - self.top)[::-1].copy(), (height - self.bottom)[::-1].copy())


def outline_of(points: Float[np.ndarray, "edges 2 2"], cell: float, margin: float) -> Outline:
    """Outline of a chart given by its edges, in cells of ``cell`` units, ``margin`` units wider.

    Edges are sampled densely enough that no column between their ends is missed.
    """
    low = points.reshape(-1, 2).min(axis=0) - margin
    longest = float(np.abs(points[:, 1] - points[:, 0]).max()) if len(points) else 0.0
    steps = int(np.ceil(longest / cell)) + 1
    t = np.linspace(0.0, 1.0, steps + 1)[None, :, None]
    samples = (points[:, :1] * (1 - t) + points[:, 1:] * t).reshape(-1, 2) - low
    columns = int(np.ceil((samples[:, 0].max() + margin) / cell)) + 1
    bottom = np.full(columns, np.inf)
    top = np.full(columns, -np.inf)
    first = np.floor((samples[:, 0] - margin) / cell).astype(int).clip(0)
    last = np.floor((samples[:, 0] + margin) / cell).astype(int)
    for shift in range(int((last - first).max()) + 1):
        column = np.minimum(first + shift, last)
        np.minimum.at(bottom, column, samples[:, 1] - margin)
        np.maximum.at(top, column, samples[:, 1] + margin)
    used = np.isfinite(bottom)
    bottom, top = bottom[: used.nonzero()[0].max() + 1], top[: used.nonzero()[0].max() + 1]
    gaps = ~np.isfinite(bottom)
    if gaps.any():
        known = np.flatnonzero(~gaps)
        bottom[gaps] = np.interp(np.flatnonzero(gaps), known, bottom[known])
        top[gaps] = np.interp(np.flatnonzero(gaps), known, top[known])
    return Outline(np.floor(bottom / cell).astype(np.int64), np.ceil(top / cell).astype(np.int64))


def drop_in_order(
    outlines: list[Outline], width: int
) -> tuple[Int[np.ndarray, "charts 2"], list[bool], int] | None:
    """Place charts, tallest first, where they leave the skyline lowest.

    Returns:
        Column and row of each chart, whether it was turned by 180 degrees, and the height used;
        None if a chart is wider than ``width``.
    """
    if max((len(o.bottom) for o in outlines), default=0) > width:
        return None
    place = np.zeros((len(outlines), 2), dtype=np.int64)
    turned = [False] * len(outlines)
    skyline = np.zeros(width, dtype=np.int64)
    heights = [-int(o.top.max()) for o in outlines]
    widths = [-len(o.top) for o in outlines]
    for chart in sorted(range(len(outlines)), key=lambda i: (heights[i], widths[i], i)):
        best: tuple[int, int, int, int, Outline] | None = None
        columns = len(outlines[chart].bottom)
        windows = sliding_window_view(skyline, columns)
        below = np.concatenate([[0], skyline.cumsum()])
        covered = below[columns:] - below[: len(windows)]
        for turn, outline in enumerate((outlines[chart], outlines[chart].flipped())):
            rows = (windows - outline.bottom).max(axis=1)
            # Lowest resulting top first, then the least space lost underneath.
            wasted = rows * columns + int(outline.bottom.sum()) - covered
            cost = (rows + int(outline.top.max())) * columns + wasted
            column = int(cost.argmin())
            candidate = (int(cost[column]), turn, column, int(rows[column]), outline)
            if best is None or candidate[:2] < best[:2]:
                best = candidate
        assert best is not None
        _, turn, column, row, outline = best
        place[chart] = column, row
        turned[chart] = bool(turn)
        skyline[column : column + len(outline.top)] = outline.top + row
    return place, turned, int(skyline.max())
