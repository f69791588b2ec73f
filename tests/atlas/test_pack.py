"""Packing: all charts and widths at once, held to one chart and one width at a time."""

from __future__ import annotations

import numpy as np
import pytest

from backend.atlas.pack import Outline, drop_in_order, outlines_of


def polygon(generator: np.random.Generator, corners: int, size: float) -> np.ndarray:
    """The edges of a star-shaped polygon, counter-clockwise."""
    angle = np.sort(generator.uniform(0, 2 * np.pi, corners))
    radius = generator.uniform(0.3, 1.0, corners) * size
    points = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.stack([points, np.roll(points, -1, axis=0)], axis=1)


def charts(seed: int, count: int = 20) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    return [
        polygon(generator, int(generator.integers(3, 30)), float(generator.uniform(0.02, 0.3)))
        for _ in range(count)
    ]


def outlines(parts: list[np.ndarray], cell: float, margin: float) -> list[Outline]:
    bounds = np.cumsum([0, *map(len, parts)])
    return outlines_of(np.concatenate(parts), bounds, cell, margin)


@pytest.mark.parametrize("seed", range(4))
def test_an_outline_holds_the_chart_and_its_margin(seed: int) -> None:
    """Within a cell: borders are looked at once a cell."""
    cell, margin = 0.01, 0.013
    parts = charts(seed)
    for edges, outline in zip(parts, outlines(parts, cell, margin), strict=True):
        low = edges.reshape(-1, 2).min(axis=0) - margin
        t = np.linspace(0, 1, 200)[:, None, None]
        points = ((1 - t) * edges[:, 0] + t * edges[:, 1]).reshape(-1, 2) - low
        for shift in (-margin, 0.0, margin):
            column = np.floor((points[:, 0] + 0.999 * shift) / cell).astype(int)
            assert column.min() >= 0 and column.max() < len(outline.top)
            assert (outline.bottom[column] * cell <= points[:, 1] - margin + cell).all()
            assert (outline.top[column] * cell >= points[:, 1] + margin - cell).all()


def test_charts_do_not_change_each_others_outlines() -> None:
    parts = charts(7)
    together = outlines(parts, 0.01, 0.02)
    for edges, outline in zip(parts, together, strict=True):
        (alone,) = outlines([edges], 0.01, 0.02)
        np.testing.assert_array_equal(outline.bottom, alone.bottom)
        np.testing.assert_array_equal(outline.top, alone.top)


def slowly(parts: list[Outline], width: int) -> tuple[list[tuple[int, int, bool]], int]:
    """Slow reference: every column and turn of every chart, one after another."""
    order = sorted(
        range(len(parts)), key=lambda i: (-int(parts[i].top.max()), -len(parts[i].top), i)
    )
    skyline, places = [0] * width, [(0, 0, False)] * len(parts)
    for chart in order:
        found = []
        for turn, outline in enumerate((parts[chart], parts[chart].flipped())):
            columns, top = len(outline.bottom), int(outline.top.max())
            for column in range(width - columns + 1):
                below = skyline[column : column + columns]
                row = max(h - int(b) for h, b in zip(below, outline.bottom, strict=True))
                lost = sum(row + int(b) - h for h, b in zip(below, outline.bottom, strict=True))
                found.append(((row + top) * columns + lost, turn, column, row, outline))
        _, turn, column, row, outline = min(found, key=lambda one: one[:3])
        places[chart] = (column, row, bool(turn))
        skyline[column : column + len(outline.top)] = [row + int(t) for t in outline.top]
    return places, max(skyline)


@pytest.mark.parametrize("seed", range(3))
def test_charts_fall_where_the_slow_reference_puts_them(seed: int) -> None:
    parts = outlines(charts(seed), 0.02, 0.02)
    widest = max(len(part.top) for part in parts)
    widths = [widest - 1, widest, widest + 9, 2 * widest]
    layouts = drop_in_order(parts, widths)
    assert len(layouts) == 3, "one is too narrow"
    for width, layout in zip(widths[1:], layouts, strict=True):
        places, height = slowly(parts, width)
        found = [
            (int(column), int(row), bool(turn))
            for (column, row), turn in zip(layout.place, layout.turned, strict=True)
        ]
        assert found == places
        assert layout.side == max(height, width)


def test_nothing_is_packed_where_no_width_is_enough() -> None:
    assert drop_in_order(outlines(charts(0), 0.02, 0.02), [3]) == []
