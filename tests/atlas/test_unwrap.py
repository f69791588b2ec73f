"""UVs of awkward meshes."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from backend.atlas.charts import neighbour_faces
from backend.atlas.flatten import flatten
from backend.atlas.rasterize import affine, rasterise
from backend.atlas.unwrap import unwrap
from backend.progress import CancelToken
from backend.protocol.errors import Cancelled, MissingDependency
from backend.protocol.options import Unwrapper
from backend.surface.geometry import face_areas
from backend.surface.simplify import decimate
from tests.surface.analytic import TOY
from tests.tracking.worlds import mesh_of

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


def bear() -> tuple[np.ndarray, np.ndarray]:
    """A closed surface with narrow places, 2,000 faces."""
    return decimate(*mesh_of(TOY), 2000, CancelToken())


def singular_values(
    vertices: np.ndarray, faces: np.ndarray, uvs: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Slow reference: of the linear map from each face's own plane to the texture."""
    found = []
    for corners, flat in zip(vertices[faces].astype(float), uvs.astype(float), strict=True):
        edges = corners[1:] - corners[0]
        x = edges[0] / np.linalg.norm(edges[0])
        y = np.cross(np.cross(edges[0], edges[1]), x)
        y /= np.linalg.norm(y)
        own = edges @ np.stack([x, y]).T
        found.append(np.linalg.svd(np.linalg.solve(own, flat[1:] - flat[0]), compute_uv=False))
    return tuple(np.array(found).T)


@pytest.mark.parametrize("unwrapper", ["own", "xatlas"])
def test_no_face_is_turned_over_and_nothing_overlaps(unwrapper: Unwrapper):
    vertices, faces = bear()
    made = unwrap(vertices, faces, 512, CancelToken(), unwrapper)
    a, b = made.uvs[:, 1] - made.uvs[:, 0], made.uvs[:, 2] - made.uvs[:, 0]
    area = 0.5 * (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
    assert area.sum() == pytest.approx(np.abs(area).sum(), rel=1e-3)
    covered = texels(made.uvs, 512)
    assert len(covered) - len(np.unique(covered)) <= 2
    assert len(covered) > 0.4 * 512**2


@pytest.mark.parametrize("unwrapper", ["own", "xatlas"])
def test_angles_and_areas_are_nearly_kept(unwrapper: Unwrapper):
    vertices, faces = bear()
    made = unwrap(vertices, faces, 512, CancelToken(), unwrapper)
    large, small = singular_values(vertices, faces, made.uvs)
    area = face_areas(vertices.astype(float), faces)
    assert np.average(large / small, weights=area) < 1.12
    density = large * small
    assert np.average(np.abs(density / np.average(density, weights=area) - 1), weights=area) < 0.15


@pytest.mark.parametrize("unwrapper", ["own", "xatlas"])
def test_texels_lie_as_densely_as_is_asked_for(unwrapper: Unwrapper):
    """Exactly in a chart of ours; of xatlas's each has the mean of its own."""
    vertices, faces = bear()
    scale = 1.0 + 0.4 * np.sin(3.0 * vertices[:, 2])
    made = unwrap(vertices, faces, 512, CancelToken(), unwrapper, scale)
    large, small = singular_values(vertices, faces, made.uvs)
    area = face_areas(vertices.astype(float), faces)
    found, wanted = np.sqrt(large * small), scale[faces].mean(axis=1)
    ratio = found / wanted / np.average(found / wanted, weights=area)
    assert np.average(np.abs(ratio - 1), weights=area) < (0.08 if unwrapper == "own" else 0.2)
    assert np.average(large / small, weights=area) < 1.2
    covered = texels(made.uvs, 512)
    assert len(covered) - len(np.unique(covered)) <= 2


def test_what_is_flat_or_rolled_is_flattened_without_any_distortion():
    """A third of a cylinder: its chart is the rectangle that it was rolled from."""
    angle, height = np.meshgrid(np.linspace(-1.0, 1.0, 25), np.linspace(0.0, 2.0, 21))
    vertices = np.stack([np.sin(angle), np.cos(angle), height], -1).reshape(-1, 3)
    low = (np.arange(20)[:, None] * 25 + np.arange(24)).reshape(-1)
    faces = np.concatenate(
        [np.stack([low, low + 25, low + 1], 1), np.stack([low + 1, low + 25, low + 26], 1)]
    )
    projected = np.stack([-vertices[..., 0], vertices[..., 2]], -1)[faces]
    labels, depth = np.zeros(len(faces), dtype=np.int64), vertices[faces][..., 1].mean(axis=1)
    even = np.ones(len(faces))
    flat = flatten(vertices, faces, labels, neighbour_faces(faces), projected, depth, even)
    for before, after in ((projected, 1.05), (flat, 0.0)):
        large, small = singular_values(vertices, faces, before)
        assert (large / small).max() > after
    assert (large / small).max() < 1.02
    assert large.max() / small.min() < 1.05


def test_xatlas_stops_when_it_is_told_to():
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        unwrap(CUBE, CUBE_FACES, 256, token, "xatlas")


def test_without_xatlas_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "xatlas", None)
    with pytest.raises(MissingDependency, match="xatlas") as caught:
        unwrap(CUBE, CUBE_FACES, 256, CancelToken(), "xatlas")
    assert "--unwrap own" in caught.value.remedy


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
