"""Faint parts are drawn whole, and nothing else changes: on a ball, a rod and crumbs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from backend.faint_parts import DEPTH, FaintParts
from backend.field_reader import Field, Points, Reader
from backend.inference.model import NumpyModel
from backend.progress import CancelToken, Stages
from backend.prompt_reader import PromptReader
from backend.surface.contour import contour
from backend.surface.topology import label_parts
from tests.tiny import TINY, tiny_checkpoint

FINEST, FAINT = 32, 4.0
"""Vertices of the finest grid; how far below the level what is faint may be."""
SLOPE, GENTLE = 150.0, 60.0
"""By how much the pre-density falls a metre, before ``density_scale``: at a solid part's surface,
and around a ridge that cells have blurred."""
CELL = 2.0 / (FINEST - 1)


@dataclass(frozen=True)
class BallAndRod:
    """A solid ball at the left, and along x at its right a rod whose ridge has this pre-density
    above the level; above them a crumb as faint."""

    ridge: float
    crumb: float = -20.0
    bound: float = 1.0
    level: float = 13.0
    density_scale: float = 16.0

    def pre_density(self, points: Points) -> np.ndarray:
        x, y, z = points.T.astype(np.float64)
        ball = SLOPE * (0.3 - np.linalg.norm(points - np.array([-0.5, 0.0, 0.0]), axis=1))
        beyond = np.maximum(np.abs(x - 0.2) - 0.5, 0.0)
        rod = self.ridge - GENTLE * np.sqrt(y**2 + z**2 + beyond**2)
        crumb = self.crumb - GENTLE * np.linalg.norm(points - np.array([0.0, 0.0, 0.7]), axis=1)
        highest = np.maximum(np.maximum(ball, rod), crumb)
        return (self.level + self.density_scale * highest).astype(np.float32)

    def sample(self, points: Points) -> tuple[np.ndarray, np.ndarray]:
        return self.pre_density(points), np.clip(np.abs(points), 0.0, 1.0).astype(np.float32)

    def lattice(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        points = np.stack(np.meshgrid(x, y, z, indexing="ij"), axis=-1).reshape(-1, 3)
        return self.pre_density(points).reshape(len(x), len(y), len(z))


def surface(field: Field) -> tuple[np.ndarray, np.ndarray]:
    cancel = CancelToken()
    return contour(Reader(field, cancel).dense(96), field.level, field.bound, cancel)


def test_a_faint_rod_is_drawn_from_end_to_end_and_is_thin() -> None:
    field = BallAndRod(ridge=-1.0)
    assert surface(field)[0][:, 0].max() < 0.0
    vertices, faces = surface(FaintParts(field, FAINT, FINEST))
    assert vertices[:, 0].max() == pytest.approx(0.7, abs=0.05)
    assert label_parts(faces, len(vertices))[0] == 1
    rod = vertices[vertices[:, 0] > 0.1]
    assert np.linalg.norm(rod[:, 1:], axis=1).max() < DEPTH / GENTLE + CELL / 2


def test_what_is_fainter_than_allowed_is_not_drawn() -> None:
    vertices, _ = surface(FaintParts(BallAndRod(ridge=-FAINT - 0.5), FAINT, FINEST))
    assert vertices[:, 0].max() < 0.0


def test_a_crumb_that_is_faint_all_through_is_not_drawn() -> None:
    field = BallAndRod(ridge=-20.0, crumb=-1.0)
    vertices, _ = surface(FaintParts(field, FAINT, FINEST))
    assert vertices[:, 2].max() < 0.4


def test_a_crumb_that_reaches_the_level_stays() -> None:
    field = BallAndRod(ridge=-20.0, crumb=6.0)
    for shown in (field, FaintParts(field, FAINT, FINEST)):
        assert surface(shown)[0][:, 2].max() == pytest.approx(0.7 + 6.0 / GENTLE, abs=CELL / 2)


def test_a_solid_object_keeps_its_surface_where_it_was() -> None:
    field = BallAndRod(ridge=-20.0)
    before, after = (surface(shown)[0] for shown in (field, FaintParts(field, FAINT, FINEST)))
    radius = [np.linalg.norm(v - np.array([-0.5, 0.0, 0.0]), axis=1) for v in (before, after)]
    assert abs(radius[1].mean() - radius[0].mean()) < 0.002
    assert radius[1].max() < 0.3 + 0.2 * CELL


def test_points_and_lattices_read_the_same_and_colors_stay() -> None:
    field = BallAndRod(ridge=-1.0)
    shown = FaintParts(field, FAINT, FINEST)
    x, y, z = np.linspace(-0.9, 0.9, 17), np.linspace(-0.2, 0.3, 9), np.linspace(-0.1, 0.1, 11)
    lines = [line.astype(np.float32) for line in (x, y, z)]
    points = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1).reshape(-1, 3)
    density, color = shown.sample(points)
    np.testing.assert_allclose(shown.lattice(*lines).reshape(-1), density, atol=1e-2)
    np.testing.assert_array_equal(shown.pre_density(points), density)
    np.testing.assert_array_equal(color, field.sample(points)[1])
    assert (density >= field.pre_density(points)).all()


@pytest.mark.parametrize("faint", [0.0, 2.0])
def test_a_checkpoint_says_whether_its_faint_parts_are_drawn(faint: float, tmp_path: Path) -> None:
    """Of prompts, and of chains, which show the same objects."""
    config = dataclasses.replace(TINY, faint=faint)
    path = tiny_checkpoint(tmp_path / "tiny.safetensors", config=config)
    reader = PromptReader(NumpyModel(path))
    field, _ = reader.field("a pig", Stages(), None, None)
    between = reader.chain(["a pig", "a bear"]).field(0.5)
    assert {isinstance(shown, FaintParts) for shown in (field, between)} == {faint > 0.0}


def test_it_is_a_field() -> None:
    assert isinstance(FaintParts(BallAndRod(ridge=1.0), FAINT, FINEST), Field)
