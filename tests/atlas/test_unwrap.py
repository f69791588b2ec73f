"""UVs of awkward meshes."""

from __future__ import annotations

import numpy as np
import pytest

from backend.atlas.rasterize import affine, rasterise
from backend.atlas.unwrap import unwrap
from backend.progress import CancelToken
from backend.surface.geometry import face_areas

CUBE = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=float)
CUBE_FACES = np.array(
    [
        [0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
        [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3],
    ]
)  # fmt: skip


def helix(turns: float, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """A ramp that winds above itself: connected, never steep, and overlapping when projected."""
    angle = np.linspace(0, 2 * np.pi * turns, steps)
    height = 0.2 * angle / (2 * np.pi)
    inner = np.stack([0.5 * np.cos(angle), 0.5 * np.sin(angle), height], 1)
    outer = np.stack([np.cos(angle), np.sin(angle), height], 1)
    low = np.arange(steps - 1)
    faces = np.concatenate(
        [
            np.stack([low, low + steps, low + steps + 1], 1),
            np.stack([low, low + steps + 1, low + 1], 1),
        ]
    )
    return np.concatenate([inner, outer]), faces


def texels(uvs: np.ndarray, size: int) -> np.ndarray:
    _, row, column = rasterise(uvs.astype(float) * size, size)
    return row * size + column


def test_a_cube_has_six_charts_of_equal_size():
    made = unwrap(CUBE, CUBE_FACES, 256, CancelToken())
    assert len(np.unique(made.chart_of_face)) == 6
    a, b = made.uvs[:, 1] - made.uvs[:, 0], made.uvs[:, 2] - made.uvs[:, 0]
    area = 0.5 * (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
    np.testing.assert_allclose(area, area.mean(), rtol=1e-4)
    assert (area > 0).all()


def test_a_ramp_above_itself_is_cut_so_that_nothing_overlaps():
    vertices, faces = helix(3.0, 120)
    made = unwrap(vertices, faces, 512, CancelToken())
    covered = texels(made.uvs, 512)
    assert len(np.unique(covered)) == len(covered) > 50_000
    assert 3 <= len(np.unique(made.chart_of_face)) < 20


def test_faces_without_area_do_no_harm():
    vertices = np.concatenate([CUBE, CUBE[:2]])
    faces = np.concatenate([CUBE_FACES, [[0, 1, 8], [8, 1, 9], [9, 8, 0]]])
    made = unwrap(vertices, faces, 128, CancelToken())
    assert np.isfinite(made.uvs).all()
    assert made.uvs.min() >= 0 and made.uvs.max() <= 1


@pytest.mark.parametrize("size", [64, 256, 1024])
def test_charts_keep_their_distance(size: int):
    made = unwrap(CUBE, CUBE_FACES, size, CancelToken())
    owner = np.full((size, size), -1)
    triangle, row, column = rasterise(made.uvs.astype(float) * size, size)
    owner[row, column] = made.chart_of_face[triangle]
    for dy in range(-2, 3):
        for dx in range(-2, 3):
            other = np.roll(owner, (dy, dx), (0, 1))
            assert ((owner < 0) | (other < 0) | (owner == other)).all()


def test_triangles_that_share_an_edge_share_no_texel_and_leave_none_out():
    generator = np.random.default_rng(0)
    for _ in range(20):
        fan = generator.random((7, 2)) * 60 + 2
        centre = fan.mean(axis=0)
        angle = np.arctan2(*(fan - centre).T[::-1])
        ring = fan[np.argsort(angle)]
        corners = np.stack([np.tile(centre, (7, 1)), ring, np.roll(ring, -1, 0)], axis=1)
        _, row, column = rasterise(corners, 64)
        cells = row * 64 + column
        assert len(np.unique(cells)) == len(cells)
        area = face_areas(np.c_[corners.reshape(-1, 2), np.zeros(21)], np.arange(21).reshape(7, 3))
        assert len(cells) == pytest.approx(area.sum(), abs=60)


def test_affine_interpolation_gives_the_corners_back():
    generator = np.random.default_rng(1)
    corners, values = generator.random((5, 3, 2)), generator.random((5, 3, 4))
    base, slopes = affine(corners, values)
    for k in range(3):
        offset = corners[:, k] - corners[:, 0]
        np.testing.assert_allclose(base + (offset[..., None] * slopes).sum(1), values[:, k])
