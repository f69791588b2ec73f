"""What a texture shows between its charts."""

from __future__ import annotations

import numpy as np
import pytest

from backend.atlas.gutter import GOES_ON, gutter_of

SIZE = 40


def charts(seed: int) -> np.ndarray:
    """Random boxes, some of one texel, some at the picture's border."""
    generator = np.random.default_rng(seed)
    covered = np.zeros((SIZE, SIZE), dtype=bool)
    for _ in range(5):
        row, column = generator.integers(0, SIZE - 1, 2)
        height, width = generator.integers(1, 12, 2)
        covered[row : row + height, column : column + width] = True
    return covered


def steps(covered: np.ndarray, row: int, column: int) -> np.ndarray:
    """Steps along rows and columns from a texel to every covered one, as the slow reference."""
    return np.abs(np.argwhere(covered) - [row, column]).sum(axis=1)


@pytest.mark.parametrize("seed", range(4))
def test_each_empty_texel_knows_the_nearest_covered_one(seed: int):
    covered = charts(seed)
    gutter = gutter_of(covered)
    np.testing.assert_array_equal(gutter.empty, np.flatnonzero(~covered))
    assert covered.reshape(-1)[gutter.nearest].all()
    for texel, nearest in zip(gutter.empty.tolist(), gutter.nearest.tolist(), strict=True):
        (row, column), found = divmod(texel, SIZE), divmod(nearest, SIZE)
        away = abs(row - found[0]) + abs(column - found[1])
        assert away == steps(covered, row, column).min()


@pytest.mark.parametrize("seed", range(4))
def test_a_slope_goes_on_beside_a_chart(seed: int):
    covered = charts(seed)
    row, column = np.mgrid[:SIZE, :SIZE]
    slope = np.stack([3 * row + 2 * column, 5 * row, 120 + 3 * column - 3 * row], axis=-1)
    picture = np.where(covered[..., None], slope, 0).astype(np.uint8)
    gutter = gutter_of(covered)
    gutter.fill(picture)
    beside = gutter.empty[gutter.beside]
    assert len(beside) > SIZE
    np.testing.assert_array_equal(picture.reshape(-1, 3)[beside], slope.reshape(-1, 3)[beside])
    np.testing.assert_array_equal(picture[covered], slope[covered])


def test_a_chart_goes_on_by_two_texels_on_each_side():
    covered = np.zeros((SIZE, SIZE), dtype=bool)
    covered[10:20, 15:30] = True
    gutter = gutter_of(covered)
    row, column = np.divmod(gutter.empty[gutter.beside], SIZE)
    for place, first, last in ((row, 10, 19), (column, 15, 29)):
        assert (place.min(), place.max()) == (first - GOES_ON, last + GOES_ON)


def test_a_chart_of_one_texel_is_all_there_is_to_see():
    covered = np.zeros((SIZE, SIZE), dtype=bool)
    covered[7, 9] = True
    picture = np.zeros((SIZE, SIZE, 3), dtype=np.uint8)
    picture[7, 9] = [10, 200, 30]
    gutter_of(covered).fill(picture)
    assert (picture == [10, 200, 30]).all()


def test_values_stay_values_of_a_picture():
    covered = np.zeros((SIZE, SIZE), dtype=bool)
    covered[:, 10:20] = True
    picture = np.zeros((SIZE, SIZE, 3), dtype=np.uint8)
    picture[:, 10:20] = np.linspace(0, 255, 10, dtype=np.uint8)[:, None]
    gutter_of(covered).fill(picture)
    assert (picture[:, 20:] == 255).all() and (picture[:, :10] == 0).all()
