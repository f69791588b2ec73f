"""Colors after a tint, and the lightness that it goes by."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.recolored import LUMA, NUMBERS, Recolored, Tint, lightness_of, recolored
from tests.surface.analytic import AnalyticField
from training.library.attributes import TINTS, tint_table
from training.library.attributes import recolored as in_torch

GRAY = Tint((0.0, 0.0, 0.0), (0.5, 0.5, 0.5), (1.0, 1.0, 1.0), 1.0)


def some(count: int = 300) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    colors = generator.random((count, 3), dtype=np.float32)
    return colors, generator.uniform(-0.8, 0.8, (count, 3)).astype(np.float32)


@pytest.mark.parametrize("word", TINTS)
def test_models_that_are_trained_on_are_recolored_in_the_same_way(word: str) -> None:
    colors, points = some()
    row = list(TINTS).index(word)
    wanted = in_torch(
        torch.from_numpy(colors)[None],
        torch.from_numpy(points)[None],
        torch.tensor([row]),
        torch.tensor([0.4]),
        tint_table(torch.device("cpu")),
    )
    np.testing.assert_allclose(recolored(colors, points, TINTS[word], 0.4), wanted[0], atol=1e-5)


def test_the_mean_lightness_becomes_the_middle_of_the_ramp() -> None:
    colors = np.full((4, 3), 0.3, dtype=np.float32)
    found = recolored(colors, some(4)[1], TINTS["red"], 0.3)
    np.testing.assert_allclose(found, np.tile(TINTS["red"].middle, (4, 1)), atol=1e-6)


def test_gray_keeps_how_light_each_color_is() -> None:
    colors, points = some()
    found = recolored(colors, points, GRAY, 0.5)
    np.testing.assert_allclose(found[:, 0], colors @ np.array(LUMA), atol=1e-6)


def test_a_tint_is_its_numbers() -> None:
    for tint in TINTS.values():
        assert len(tint.numbers) == NUMBERS
        assert Tint.of_numbers(np.array(tint.numbers)) == tint


def test_the_lightness_of_a_surface_is_the_mean_over_it() -> None:
    """A ball whose colors change along x, which is as often left as right of its middle."""
    ball = AnalyticField(balls=((0.1, 0.0, -0.2, 0.5),))
    points = some(20_000)[1]
    points = 0.5 * points / np.linalg.norm(points, axis=1, keepdims=True) + [0.1, 0.0, -0.2]
    wanted = (ball.sample(points.astype(np.float32))[1] @ np.array(LUMA)).mean()
    assert lightness_of(ball, 40) == pytest.approx(wanted, abs=0.01)


def test_where_there_is_no_surface_it_is_the_middle() -> None:
    assert lightness_of(AnalyticField(balls=((0.0, 0.0, 0.0, -1.0),)), 8) == 0.5


def test_rings_are_stretched_with_the_object() -> None:
    ball = AnalyticField(balls=((0.0, 0.0, 0.0, 0.5),))
    factors, feet = np.array([0.5, 0.7, 1.2], np.float32), np.array([0.0, 0.0, -0.4], np.float32)
    points = some()[1]
    there = (feet + factors * (points - feet)).astype(np.float32)
    tint = TINTS["wooden"]
    x, y, z = (float(factor) for factor in factors)
    field = Recolored(ball, tint, 0.4, 1.0, (x, y, z), (0.0, 0.0, -0.4))
    wanted = recolored(ball.sample(there)[1], points, tint, 0.4)
    np.testing.assert_allclose(field.sample(there)[1], wanted, atol=1e-3)
