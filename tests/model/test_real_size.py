"""Objects as large as the things are."""

from __future__ import annotations

import numpy as np
import pytest

from backend.inference.model import NumpyModel
from backend.paths import bundled_checkpoints
from backend.prompt_reader import PromptReader
from backend.real_size import RealSizes, at_real_size, chain_at_real_size

SIZES = RealSizes({"a dagger": 0.4, "a stone castle": 30.0, "a red barrel": 1.0})
POINTS = np.array([[-0.5, 0.1, -0.6], [0.5, 0.2, -0.1], [0.0, 0.0, 0.2]], np.float32)


@pytest.mark.parametrize(
    ("prompt", "metres"),
    [
        ("a dagger", 0.4),
        ("A  Dagger", 0.4),
        ("a tall red barrel", 1.0),
        ("a castle in the snow", 30.0),
        ("a zeppelin", None),
        ("a stone", None),
    ],
)
def test_prompt_has_the_size_of_what_it_is_about(prompt: str, metres: float | None) -> None:
    assert SIZES.of(prompt) == metres


def test_a_small_one_is_smaller_and_a_tall_one_is_as_high() -> None:
    (props,) = (path for path in bundled_checkpoints() if path.stem == "props")
    reader = PromptReader(NumpyModel(props))
    plain = reader.size("a yellow bomb")
    assert plain == reader.sizes.of("a yellow bomb") == reader.sizes.of("a small yellow bomb")
    assert reader.size("a small yellow bomb") == pytest.approx(0.6 * plain, rel=0.08)
    assert reader.size("a tall yellow bomb") == pytest.approx(plain, rel=0.08)
    assert reader.size("a zeppelin") is None


def test_sizes_that_are_none_are_left_out() -> None:
    strange = RealSizes({"a pig": 0.0, "a fox": float("nan"), "a cow": -1.0, "a hen": 0.3})
    assert [strange.of(f"a {animal}") for animal in ("pig", "fox", "cow")] == [None] * 3
    assert strange.of("a hen") == 0.3
    assert RealSizes({}).of("a pig") is None


def test_largest_side_is_so_long_and_the_object_stands_on_the_ground() -> None:
    scaled = at_real_size(POINTS, 2.5)
    assert np.ptp(scaled, axis=0).max() == pytest.approx(2.5)
    assert scaled[:, 2].min() == 0.0
    assert scaled.dtype == np.float32
    shape = (scaled - scaled[0]) / 2.5
    np.testing.assert_allclose(shape, POINTS - POINTS[0], atol=1e-6)


def test_size_of_a_chain_changes_by_equal_factors() -> None:
    keys = np.stack([POINTS] * 5)
    grown = chain_at_real_size(keys, np.linspace(0.0, 2.0, 5), [0.1, 1.0, 4.0])
    sizes = np.ptp(grown, axis=1).max(axis=1)
    np.testing.assert_allclose(sizes, [0.1, 10**-0.5, 1.0, 2.0, 4.0], rtol=1e-5)
    assert (grown[:, :, 2].min(axis=1) == 0.0).all()
