"""A tube across a gap loses its area, and nothing else moves."""

from __future__ import annotations

import numpy as np
import pytest

from backend.surface.geometry import face_areas
from backend.tracking.strands import fold_strands, strand_groups, together
from tests.tracking.worlds import mesh_of


def tube(radius: float, rings: int = 6, sides: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Along x from 0 to 1, open at its ends."""
    angle = np.linspace(0.0, 2 * np.pi, sides, endpoint=False)
    x = np.repeat(np.linspace(0.0, 1.0, rings), sides)
    circle = np.tile(np.stack([np.cos(angle), np.sin(angle)], axis=1), (rings, 1))
    vertices = np.column_stack([x, radius * circle])
    first = np.arange((rings - 1) * sides)
    after = np.where(first % sides == sides - 1, first - sides + 1, first + 1)
    faces = np.concatenate(
        [
            np.stack([first, after, first + sides], 1),
            np.stack([after, after + sides, first + sides], 1),
        ]
    )
    return vertices, faces


@pytest.mark.parametrize("rings", [2, 6, 40])
def test_a_tube_becomes_a_line_without_area(rings: int) -> None:
    vertices, faces = tube(0.03, rings)
    folded = fold_strands(vertices, faces, np.ones(len(faces), dtype=bool), 0.1)
    assert face_areas(folded, faces).max() == 0.0
    assert np.abs(folded[:, 1:]).max() <= 0.03
    assert np.abs(folded[:, 0] - vertices[:, 0]).max() < 0.1


def test_a_line_stays_a_line_where_it_is() -> None:
    vertices, faces = tube(0.03)
    every = np.ones(len(faces), dtype=bool)
    once = fold_strands(vertices, faces, every, 0.1)
    np.testing.assert_allclose(fold_strands(once, faces, every, 0.1), once, atol=1e-12)


def test_what_is_wide_stays() -> None:
    vertices, faces = tube(0.3)
    folded = fold_strands(vertices, faces, np.ones(len(faces), dtype=bool), 0.1)
    np.testing.assert_array_equal(folded, vertices)


def test_only_what_spans_moves() -> None:
    vertices, faces = tube(0.03)
    spanning = (vertices[faces][:, :, 0] > 0.5).all(axis=1)
    folded = fold_strands(vertices, faces, spanning, 0.1)
    assert face_areas(folded, faces)[spanning].max() == 0.0
    still = vertices[:, 0] < 0.5
    np.testing.assert_array_equal(folded[still], vertices[still])


def test_nothing_spans_nothing_moves() -> None:
    vertices, faces = mesh_of([(0.0, 0.0, 0.0, 0.4)], 24)
    folded = fold_strands(vertices, faces, np.zeros(len(faces), dtype=bool), 0.1)
    assert folded is vertices


def test_a_strand_of_two_keys_has_no_area_between_them() -> None:
    """Its corners lie differently at both, so that each by itself would fold them differently."""
    one, faces = tube(0.03, 40)
    other = one + np.random.default_rng(0).uniform(-0.01, 0.01, one.shape)
    every, half = np.ones(len(faces), dtype=bool), (one[faces][:, :, 0] > 0.3).all(axis=1)
    first = strand_groups(one, faces, every, 0.2)

    def area_between(second: np.ndarray) -> float:
        middle = 0.5 * (together(one, first) + together(other, second))
        return float(face_areas(middle, faces)[half].max())

    assert area_between(strand_groups(other, faces, half, 0.2)) > 1e-4
    assert area_between(strand_groups(other, faces, half, 0.2, first)) == 0.0


def test_what_has_become_too_wide_is_not_folded_as_at_the_key_before() -> None:
    narrow, faces = tube(0.03)
    wide, _ = tube(0.3)
    every = np.ones(len(faces), dtype=bool)
    before = strand_groups(narrow, faces, every, 0.1)
    np.testing.assert_array_equal(
        strand_groups(wide, faces, every, 0.1, before), np.arange(len(wide))
    )
