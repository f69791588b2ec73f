"""The steps between the field and the decimated mesh, one by one."""

from __future__ import annotations

import numpy as np
import pytest

from backend.field_reader import Reader
from backend.progress import CancelToken
from backend.surface.contour import contour
from backend.surface.curved import split_curved
from backend.surface.face_fit import fit_faces
from backend.surface.flips import flip_edges
from backend.surface.geometry import face_crosses, normalise
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
    reader, vertices, faces = contoured(field)
    return reader, *decimate(vertices, faces, 1500, reader.cancel)


def contoured(field: AnalyticField) -> Coarse:
    reader = Reader(field, CancelToken())
    return reader, *contour(field.dense(64), field.level, field.bound, reader.cancel)


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


@pytest.mark.parametrize("share", [0.05, 0.2, 0.9])
def test_split_edges_leave_the_contour_closed_and_as_many_parts(field: AnalyticField, share: float):
    reader, vertices, faces = contoured(field)
    finer = split_curved(reader, vertices, faces, share, 0.01)
    assert is_closed(finer[1])
    edges = len(faces) * 1.5
    assert 0.8 * share * edges < 0.5 * (len(finer[1]) - len(faces)) < 1.01 * share * edges
    assert label_parts(finer[1], len(finer[0]))[0] == label_parts(faces, len(vertices))[0]


def test_no_face_is_turned_over_by_a_split(field: AnalyticField):
    reader, vertices, faces = contoured(field)
    finer, own = split_curved(reader, vertices, faces, 0.15, 0.01)
    centres = finer[own].mean(axis=1).astype(np.float32)
    outwards = -normalise(field.gradient(centres, 1e-3))
    facing = (normalise(face_crosses(finer, own)) * outwards).sum(axis=1)
    assert facing.min() > 0.3


def test_edges_are_split_where_the_surface_bends(field: AnalyticField):
    """The nose has a fifth of the body's radius."""
    reader, vertices, faces = contoured(field)
    finer, _ = split_curved(reader, vertices, faces, 0.1, 0.01)

    def near(points: Vertices, ball: int) -> int:
        *centre, radius = TOY[ball]
        return int((np.linalg.norm(points - np.array(centre), axis=1) < 1.05 * radius).sum())

    nose, body = len(TOY) - 1, 0
    assert near(finer, nose) > 1.8 * near(vertices, nose)
    assert near(finer, body) < 1.1 * near(vertices, body)


def test_new_vertices_and_those_that_they_lie_between_are_on_the_surface(field: AnalyticField):
    reader, vertices, faces = contoured(field)
    finer, _ = split_curved(reader, vertices, faces, 0.1, 0.01)
    new = np.abs(field.distance(finer[len(vertices) :]))
    moved = (finer[: len(vertices)] != vertices).any(axis=1)
    assert moved.any() and new.mean() < 1e-4
    before, after = (
        np.abs(field.distance(x[: len(vertices)][moved])).mean() for x in (vertices, finer)
    )
    assert after < 0.7 * before


def test_as_many_faces_miss_curved_places_by_less_if_the_contour_was_split(field: AnalyticField):
    """The nose, of 10 cm, in the same 4,000 faces for the whole."""
    reader, vertices, faces = contoured(field)
    split = split_curved(reader, vertices, faces, 0.1, 0.01)
    *centre, radius = TOY[-1]
    errors = []
    for some, own in ((vertices, faces), split):
        some, own = decimate(some, own, 4000, reader.cancel)
        some = fit_faces(reader, some, own, 0.02)
        face, barycentric = surface_points(some, own, 60_000)
        points = at(some[own].astype(float), face, barycentric)
        near = np.linalg.norm(points - np.array(centre), axis=1) < 1.05 * radius
        errors.append(np.abs(field.distance(points[near])).mean())
    assert errors[1] < 0.8 * errors[0], errors
