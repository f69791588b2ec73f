"""The steps between the field and the decimated mesh, one by one."""

from __future__ import annotations

import numpy as np
import pytest

from backend.field_reader import Reader
from backend.progress import CancelToken
from backend.surface.contour import contour
from backend.surface.face_fit import fit_faces
from backend.surface.flips import flip_edges
from backend.surface.refine import finer_grid
from backend.surface.simplify import decimate
from backend.surface.topology import Faces, Vertices, is_closed, label_parts

from .analytic import TOY, AnalyticField
from .sampling import at, surface_points

Coarse = tuple[Reader, Vertices, Faces]


def mean_distance(field: AnalyticField, vertices: Vertices, faces: Faces) -> float:
    face, barycentric = surface_points(vertices, faces, 20_000)
    points = at(vertices[faces].astype(float), face, barycentric)
    return float(np.abs(field.distance(points)).mean())


@pytest.fixture(scope="module")
def field() -> AnalyticField:
    return AnalyticField(balls=TOY)


@pytest.fixture(scope="module")
def decimated(field: AnalyticField) -> Coarse:
    reader = Reader(field, CancelToken())
    vertices, faces = contour(field.dense(64), field.level, field.bound, reader.cancel)
    return reader, *decimate(vertices, faces, 1500, reader.cancel)


@pytest.mark.parametrize(("coarse", "fine"), [(24, 48), (32, 45), (40, 40)])
def test_the_finer_grid_is_the_dense_one_where_the_surface_passes(
    field: AnalyticField, coarse: int, fine: int
):
    reader = Reader(field, CancelToken())
    field.reads = 0
    values = finer_grid(reader, field.dense(coarse), fine)
    assert field.reads - coarse**3 < 0.5 * fine**3
    inside, truth = values > field.level, field.dense(fine)
    np.testing.assert_array_equal(inside, truth > field.level)
    for axis in range(3):
        first, second = (np.moveaxis(x, axis, 0) for x in (inside, values - truth))
        crossing = first[1:] != first[:-1]
        for side in (second[1:], second[:-1]):
            np.testing.assert_allclose(side[crossing], 0.0, atol=1e-3)


def test_the_contour_does_not_depend_on_the_empty_space_around_the_object():
    ball = AnalyticField(balls=((0.3, -0.2, 0.4, 0.25),))
    grid = ball.dense(64)
    vertices, faces = contour(grid, ball.level, ball.bound, CancelToken())
    assert is_closed(faces)
    distance = ball.distance(vertices)
    assert np.abs(distance).max() < 2e-3


def test_flipped_edges_keep_the_mesh_closed_and_its_vertices(decimated: Coarse):
    reader, vertices, faces = decimated
    flipped = flip_edges(reader, vertices, faces, 3)
    assert not np.array_equal(flipped, faces)
    assert is_closed(flipped) and len(flipped) == len(faces)
    assert label_parts(flipped, len(vertices))[0] == label_parts(faces, len(vertices))[0]
    np.testing.assert_array_equal(np.unique(flipped), np.unique(faces))


def test_flipping_and_fitting_each_bring_the_faces_nearer(field: AnalyticField, decimated: Coarse):
    reader, vertices, faces = decimated
    flipped = flip_edges(reader, vertices, faces, 3)
    fitted = fit_faces(reader, vertices, flipped, 0.02)
    distances = [
        mean_distance(field, vertices, faces),
        mean_distance(field, vertices, flipped),
        mean_distance(field, fitted, flipped),
    ]
    assert distances[1] < distances[0]
    assert distances[2] < 0.6 * distances[1]


def test_a_fit_moves_no_vertex_further_than_its_reach(decimated: Coarse):
    reader, vertices, faces = decimated
    moved = np.linalg.norm(fit_faces(reader, vertices, faces, 1e-3) - vertices, axis=1)
    assert 0.0 < moved.max() < 1.001e-3
