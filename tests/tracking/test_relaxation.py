"""Spreading a mesh over a surface: properties on balls, whose surface is known."""

from __future__ import annotations

import numpy as np
import pytest

from backend.field_reader import Reader
from backend.progress import CancelToken
from backend.protocol.errors import Cancelled
from backend.surface.geometry import face_areas, face_crosses, normalise
from backend.surface.simplify import decimate
from backend.tracking.relaxation import SettleConfig, Surface, Topology, bring_lost, settle
from tests.surface.analytic import AnalyticField, Ball
from tests.tracking.worlds import mesh_of

BALL: Ball = (0.0, 0.0, 0.0, 0.5)
FIELD = AnalyticField(balls=[BALL])


@pytest.fixture(scope="module")
def ball() -> tuple[np.ndarray, np.ndarray]:
    vertices, faces = decimate(*mesh_of([BALL]), 1500, CancelToken())
    return normalise(vertices.astype(np.float64)) * 0.5, faces


def settled(
    ball: tuple[np.ndarray, np.ndarray], start: np.ndarray, fixed: np.ndarray | None = None
) -> np.ndarray:
    topology = Topology(*ball)
    held = np.zeros(len(start), dtype=bool) if fixed is None else fixed
    return settle(Reader(FIELD, CancelToken()), topology, Surface(*ball), start, held)


def test_what_is_well_already_stays(ball: tuple[np.ndarray, np.ndarray]) -> None:
    moved = settled(ball, ball[0])
    assert np.linalg.norm(moved - ball[0], axis=1).mean() < 0.005  # 1% of the radius


def test_what_is_off_the_surface_goes_back_to_it(ball: tuple[np.ndarray, np.ndarray]) -> None:
    noise = np.random.default_rng(0).uniform(-0.01, 0.01, ball[0].shape)
    moved = settled(ball, ball[0] + noise)
    assert np.abs(np.linalg.norm(moved, axis=1) - 0.5).max() < 0.002


def test_squeezed_faces_are_spread(ball: tuple[np.ndarray, np.ndarray]) -> None:
    """All vertices of the upper half are drawn to its pole: their faces lose nearly all area."""
    squeezed = ball[0].copy()
    upper = squeezed[:, 2] > 0.3
    squeezed[upper, :2] *= 0.1
    squeezed = normalise(squeezed) * 0.5
    own = upper[ball[1]].all(axis=1)
    before, after = (
        np.percentile(face_areas(v, ball[1])[own] / face_areas(*ball)[own], 10)
        for v in (squeezed, settled(ball, squeezed))
    )
    assert before < 0.05
    assert after > 4 * before


def test_no_face_is_turned_over(ball: tuple[np.ndarray, np.ndarray]) -> None:
    noise = np.random.default_rng(1).uniform(-0.02, 0.02, ball[0].shape)
    moved = settled(ball, ball[0] + noise).astype(np.float64)
    outwards = (face_crosses(moved, ball[1]) * moved[ball[1]].mean(axis=1)).sum(1)
    assert (outwards > 0).all()


def test_fixed_vertices_stay_where_they_are(ball: tuple[np.ndarray, np.ndarray]) -> None:
    fixed = ball[0][:, 0] > 0.2
    moved = settled(ball, 1.03 * ball[0], fixed)
    np.testing.assert_allclose(moved[fixed], 1.03 * ball[0][fixed], atol=1e-6)
    assert np.abs(np.linalg.norm(moved[~fixed], axis=1) - 0.5).max() < 0.004


def test_a_cancel_is_heard(ball: tuple[np.ndarray, np.ndarray]) -> None:
    token = CancelToken()
    token.cancel()
    fixed = np.zeros(len(ball[0]), dtype=bool)
    with pytest.raises(Cancelled):
        settle(Reader(FIELD, token), Topology(*ball), Surface(*ball), ball[0], fixed)


def test_lost_vertices_join_the_nearest_along_the_mesh() -> None:
    """A strip of two rows: the last three columns have not arrived."""
    column = np.arange(6, dtype=float)
    vertices = np.concatenate([np.stack([column, 0 * column + y, 0 * column], 1) for y in (0, 1)])
    low = np.arange(5)
    faces = np.concatenate(
        [np.stack([low, low + 1, low + 6], 1), np.stack([low + 1, low + 7, low + 6], 1)]
    )
    arrived = np.tile(column < 3, 2)
    found, absent = bring_lost(Topology(vertices, faces), vertices, arrived)
    assert not absent.any()
    np.testing.assert_array_equal(found[arrived], vertices[arrived])
    np.testing.assert_array_equal(found[~arrived][:, 0], 2.0)


def test_a_part_of_which_nothing_arrived_is_absent_and_a_point() -> None:
    one = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    vertices = np.concatenate([one, one + 5.0])
    faces = np.array([[0, 1, 2], [3, 4, 5]])
    arrived = np.arange(6) < 3
    found, absent = bring_lost(Topology(vertices, faces), vertices, arrived)
    np.testing.assert_array_equal(absent, ~arrived)
    np.testing.assert_allclose(found[absent], np.tile(vertices[absent].mean(axis=0), (3, 1)))


def test_a_piece_that_is_not_shown_draws_nothing_from_another() -> None:
    """A mesh of one ball on a surface of two: all stays on its own, however strong the pull."""
    balls: list[Ball] = [BALL, (0.8, 0.0, 0.0, 0.15)]
    vertices, faces = decimate(*mesh_of([BALL]), 1500, CancelToken())
    fixed = np.zeros(len(vertices), dtype=bool)
    reader = Reader(AnalyticField(balls=balls), CancelToken())
    surface = Surface(*mesh_of(balls))
    assert surface.piece.max() == 1
    config = SettleConfig(pull=1e4)
    moved = settle(reader, Topology(vertices, faces), surface, vertices, fixed, config)
    assert np.abs(np.linalg.norm(moved, axis=1) - 0.5).max() < 0.01


def test_a_thin_sheet_is_not_turned_inside_out() -> None:
    """A small plate as the flow lays it, with few vertices: both its sides stay where they are."""
    row = [(0.07 * x, 0.0, 0.07 * z, 0.045) for x in range(-2, 3) for z in range(-2, 3)]
    plate, faces = mesh_of(row, 128)
    vertices, coarse = decimate(plate, faces, 60, CancelToken())
    reader = Reader(AnalyticField(balls=row), CancelToken())
    surface = Surface(plate, faces, 1500)
    nothing = np.zeros(len(vertices), dtype=bool)
    moved = settle(reader, Topology(vertices, coarse, 1500), surface, vertices, nothing)
    outward = reader.normals(moved[coarse].mean(axis=1).astype(np.float32), 0.004)
    facing = (face_crosses(moved.astype(np.float64), coarse) * outward).sum(axis=1)
    assert (facing > 0).mean() > 0.95
    assert np.ptp(moved, axis=0)[[0, 2]] == pytest.approx(np.ptp(plate, axis=0)[[0, 2]], abs=0.05)
