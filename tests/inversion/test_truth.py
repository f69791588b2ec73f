"""What is true about a model in space, however its mesh is."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from backend.inversion.truth import NODES, THICKNESS, ModelTruth, PointTruth, winding
from backend.progress import CancelToken
from backend.protocol.errors import Cancelled

from .models import BALL_COLOR, ball, colored, together

CELL = 2.0 / (NODES - 1)


def _distance(truth: PointTruth, radius: float) -> np.ndarray:
    return np.linalg.norm(truth.points, axis=1) - radius


def test_a_ball_has_its_distance_side_and_color():
    truth = ModelTruth(colored(ball(0.6)), CancelToken()).draw(4000)
    wanted = _distance(truth, 0.6)
    np.testing.assert_allclose(truth.distance, wanted, atol=0.006)
    np.testing.assert_allclose(truth.color, np.tile(BALL_COLOR, (4000, 1)), atol=1e-6)
    near = np.abs(wanted) < 0.05
    assert 0.3 < near.mean() < 0.9  # most points are where the surface is, and some anywhere


def test_faces_that_look_inwards_change_nothing():
    mesh = ball(0.6)
    mesh.invert()
    truth = ModelTruth(colored(mesh), CancelToken()).draw(2000)
    np.testing.assert_allclose(truth.distance, _distance(truth, 0.6), atol=0.006)


def test_parts_inside_each_other_are_one_solid():
    both = together(ball(0.6), ball(0.3))
    model = ModelTruth(colored(both), CancelToken())
    truth = model.draw(2000)
    np.testing.assert_allclose(truth.distance, _distance(truth, 0.6), atol=0.006)
    assert model.sheets == 0.0


def test_a_hole_does_not_empty_a_model():
    mesh = ball(0.6)
    mesh.update_faces(mesh.triangles_center[:, 2] < 0.5)
    truth = ModelTruth(colored(mesh), CancelToken()).draw(4000)
    low = truth.points[:, 2] < 0.2
    wrong = (truth.distance < 0) != (_distance(truth, 0.6) < 0)
    assert (wrong & low & (np.abs(_distance(truth, 0.6)) > CELL)).mean() < 0.01


def test_a_sheet_is_as_thick_as_the_grid_can_hold():
    plane = trimesh.creation.box((1.0, 1.0, 1e-9))
    sheet = trimesh.Trimesh(plane.vertices, plane.faces[plane.face_normals[:, 2] > 0.9])
    model = ModelTruth(colored(sheet), CancelToken())
    truth = model.draw(3000)
    assert model.sheets == 1.0
    inner = np.abs(truth.points[:, :2]).max(axis=1) < 0.4
    wanted = np.abs(truth.points[inner, 2]) - THICKNESS / 2
    np.testing.assert_allclose(truth.distance[inner], wanted, atol=0.006)


def test_winding_counts_how_often_a_place_is_surrounded():
    both = together(ball(0.6), ball(0.3))
    found = winding(colored(both), 41, CancelToken())
    line = np.linspace(-1.0, 1.0, 41)
    distance = np.sqrt(sum(np.square(axis) for axis in np.meshgrid(line, line, line)))
    np.testing.assert_allclose(found[distance < 0.27], 2.0, atol=1e-6)
    np.testing.assert_allclose(found[(distance > 0.33) & (distance < 0.57)], 1.0, atol=1e-6)
    np.testing.assert_allclose(found[distance > 0.63], 0.0, atol=1e-6)


def test_it_can_be_cancelled():
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        ModelTruth(colored(ball()), token)
