"""Where a model of a library stands: on the ground, as large as the ball allows, turned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backend.protocol.errors import BadRequest
from training.library.placing import GROUND, RADIUS, Yaws, placement, rotation
from training.library.surfaces import Unreadable


@pytest.mark.parametrize("seed", range(5))
def test_a_model_stands_on_the_ground_and_touches_the_ball(seed: int):
    generator = np.random.default_rng(seed)
    points = generator.uniform(-1, 1, (50, 3)) * generator.uniform(0.1, 40, 3) + 17.0
    scale, offset = placement(points)
    placed = scale * points + offset
    assert placed[:, 2].min() == pytest.approx(-GROUND)
    assert np.linalg.norm(placed, axis=1).max() == pytest.approx(RADIUS)
    middle = 0.5 * (placed.min(axis=0) + placed.max(axis=0))
    np.testing.assert_allclose(middle[:2], 0.0, atol=1e-9)


def test_the_sizes_that_the_module_promises():
    cube = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
    mast, plate = cube * [0.001, 0.001, 1], cube * [1, 1, 0.001]
    assert [round(placement(model)[0], 2) for model in (cube, mast)] == [1.04, 1.55]
    round_plate = np.stack([np.cos(np.arange(100)), np.sin(np.arange(100)), 0 * np.arange(100)], 1)
    assert round(2 * placement(round_plate)[0], 2) == 1.47
    assert placement(plate)[0] < placement(mast)[0]


@pytest.mark.parametrize("points", [np.zeros((4, 3)), np.full((4, 3), np.nan)])
def test_a_model_of_no_size_is_refused(points: np.ndarray):
    with pytest.raises(Unreadable, match="no size"):
        placement(points)


def test_axes_of_a_file_become_ours_and_turns_are_counter_clockwise():
    up, front = np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])  # of glTF
    np.testing.assert_allclose(rotation("y", 0) @ up, [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(rotation("y", 0) @ front, [0, -1, 0], atol=1e-12)
    np.testing.assert_allclose(rotation("z", 90) @ [1, 0, 0], [0, 1, 0], atol=1e-12)


def test_the_most_precise_name_says_the_turn(tmp_path: Path):
    table = tmp_path / "yaws.csv"
    table.write_text("folder,degrees\npack/cars,450\n")
    yaws = Yaws.parse(["10", "pack=20", "*.obj=-30", str(table)])
    assert yaws.of("other/a.glb") == 10
    assert yaws.of("deep/pack/a.glb") == 20
    assert yaws.of("pack/cars/a.glb") == 90
    assert Yaws.parse([]).of("a.glb") == 0
    for wrong in ("north", "pack=", "pack=nan", str(tmp_path / "none.csv")):
        with pytest.raises(BadRequest):
            Yaws.parse([wrong])
