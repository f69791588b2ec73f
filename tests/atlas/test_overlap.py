"""Overlaps are found without looking at all pairs of edges, or of corners."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from backend.atlas.overlap import crossings, overlapping_faces


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


def fan(first: int, start: float, angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Triangles around the origin, the first of them number ``first``: corners, and the face across
    each edge."""
    count, turn = len(angles), start + np.concatenate([[0.0], np.cumsum(angles)])
    places = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    corners = np.stack([0 * places[:-1], places[:-1], places[1:]], axis=1)
    outer = first + np.arange(count)
    before = np.where(np.arange(count) > 0, outer - 1, -1)
    after = np.where(np.arange(count) < count - 1, outer + 1, -1)
    return corners, np.stack([before, np.full(count, -1), after], axis=1)


def corners_overlap(begin: np.ndarray, angles: np.ndarray) -> bool:
    """Slow reference: whether two of some angles overlap, all pairs."""
    for (a, one), (b, two) in itertools.combinations(zip(begin, angles, strict=True), 2):
        if (b - a) % (2 * np.pi) < one - 1e-6 or (a - b) % (2 * np.pi) < two - 1e-6:
            return True
    return False


@pytest.mark.parametrize("seed", range(40))
def test_faces_that_turn_too_far_around_a_vertex_are_found(seed: int):
    """Fans of a chart that meet at a vertex, each by itself without an overlap or with one."""
    random = np.random.default_rng(seed)
    flat, faces, neighbours, begin, angles = [], [], [], [], []
    count, vertex = 0, 1
    for _ in range(int(random.integers(1, 4))):
        turns = random.uniform(0.2, 0.9, int(random.integers(1, 10)))
        start = float(random.uniform(0, 2 * np.pi))
        corners, beside = fan(count, start, turns)
        outer = vertex + np.arange(len(turns))
        flat.append(corners)
        faces.append(np.stack([0 * outer, outer, outer + 1], axis=1))
        neighbours.append(beside)
        begin += list(start + np.concatenate([[0.0], np.cumsum(turns)[:-1]]))
        angles += list(turns)
        count, vertex = count + len(turns), vertex + len(turns) + 1
    depth, labels = random.normal(size=count), np.zeros(count, dtype=np.int64)
    found = overlapping_faces(
        np.concatenate(flat), depth, np.concatenate(faces), labels, np.concatenate(neighbours)
    )
    assert found.any() == corners_overlap(np.array(begin), np.array(angles))
