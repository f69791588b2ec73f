"""Border edges that cross are found without looking at all pairs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from backend.atlas.overlap import crossings


def on_the_left(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> bool:
    return bool((q[0] - p[0]) * (r[1] - p[1]) > (q[1] - p[1]) * (r[0] - p[0]))


def cross(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> bool:
    return on_the_left(a, b, c) != on_the_left(a, b, d) and on_the_left(c, d, a) != on_the_left(
        c, d, b
    )


@pytest.mark.parametrize("seed", range(5))
def test_crossing_edges_are_those_of_all_pairs(seed: int):
    random = np.random.default_rng(seed)
    chart = np.sort(random.integers(0, 6, 150))
    chart[chart == 3] = 4  # a chart without edges
    places = random.normal(size=(60, 2)) * random.choice([0.01, 1.0, 50.0])
    first, last = random.integers(0, 60, (2, 150))
    start, end = places[first], places[last]
    expected = {
        (a, b)
        for a, b in itertools.combinations(range(150), 2)
        if chart[a] == chart[b]
        and not {first[a], last[a]} & {first[b], last[b]}
        and cross(start[a], end[a], start[b], end[b])
    }
    assert len(expected) > 20
    found = crossings(start, end, first, last, chart)
    pairs = [tuple(sorted(pair)) for pair in zip(*found, strict=True)]
    assert len(pairs) == len(set(pairs))
    assert set(pairs) == expected


def test_nothing_crosses_nothing():
    none = np.zeros((0, 2))
    index = np.zeros(0, dtype=np.int64)
    assert not len(crossings(none, none, index, index, index)[0])
