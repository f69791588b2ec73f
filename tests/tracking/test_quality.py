"""Every figure of quality, on shapes for which its value is known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from backend.field_reader import Reader
from backend.progress import CancelToken
from backend.surface.geometry import face_areas
from backend.surface.topology import Faces, Vertices
from backend.tracking.quality import (
    SAMPLES,
    diagonal,
    distances,
    drift,
    flipped_area,
    measure,
    sample_surface,
    visible_backfaces,
)
from backend.tracking.sudden import ASIDE, INSTANT
from backend.tracking.visibility import directions, look
from benchmarks.tracking import keys_around_moments, over_the_way
from tests.surface.analytic import AnalyticField
from tests.tracking.worlds import mesh_of

BALL = [(0.0, 0.0, 0.0, 0.5)]
Mesh = tuple[Vertices, Faces]


@pytest.fixture(scope="module")
def ball() -> Mesh:
    return mesh_of(BALL)


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(AnalyticField(balls=BALL), CancelToken())


def test_samples_lie_evenly_on_the_faces(ball: Mesh) -> None:
    samples = sample_surface(*ball, 5000, np.random.default_rng(0))
    radius = np.linalg.norm(samples.points, axis=1)
    np.testing.assert_allclose(radius, 0.5, atol=0.005)
    np.testing.assert_allclose(samples.points.mean(axis=0), 0.0, atol=0.01)
    assert ((samples.normals * samples.points).sum(1) > 0.49).all()


def test_the_distance_of_a_known_displacement(ball: Mesh) -> None:
    """Concentric balls with radii .5 and .55: 5 cm everywhere, both ways."""
    generator = np.random.default_rng(0)
    small = sample_surface(*ball, SAMPLES, generator)
    large = sample_surface(ball[0] * 1.1, ball[1], SAMPLES, generator)
    found = distances(large, small, size=2.0)
    assert found.mean == pytest.approx(2.5, rel=0.01)
    assert found.p95 == pytest.approx(2.5, rel=0.03)
    assert found.normal_consistency > 0.99


def test_two_samplings_of_one_surface_are_only_their_noise_apart(ball: Mesh) -> None:
    generator = np.random.default_rng(0)
    one, other = (sample_surface(*ball, SAMPLES, generator) for _ in range(2))
    found = distances(one, other, diagonal(ball[0]))
    # Random points: half the distance between neighbours, 0.5 / sqrt(points per area).
    noise = 50.0 * np.sqrt(float(face_areas(*ball).sum()) / SAMPLES) / diagonal(ball[0])
    assert found.mean == pytest.approx(noise, rel=0.05)


def test_a_surface_inside_out_has_opposite_normals(ball: Mesh) -> None:
    generator = np.random.default_rng(0)
    real = sample_surface(*ball, 20_000, generator)
    wrong = sample_surface(ball[0], ball[1][:, ::-1], 20_000, generator)
    assert distances(wrong, real, 1.0).normal_consistency < -0.99


def test_flipped_area_is_the_share_of_the_area_that_is_flipped(ball: Mesh, reader: Reader) -> None:
    vertices, faces = ball
    assert flipped_area(reader, vertices, faces) == 0.0
    chosen = vertices[faces].mean(axis=1)[:, 2] > 0.3
    turned = faces.copy()
    turned[chosen] = turned[chosen][:, ::-1]
    area = face_areas(vertices, faces)
    share = 100.0 * float(area[chosen].sum() / area.sum())
    assert flipped_area(reader, vertices, turned) == pytest.approx(share, rel=1e-6)


def test_back_faces_are_seen_where_they_are(ball: Mesh) -> None:
    vertices, faces = ball
    cancel = CancelToken()
    assert visible_backfaces(vertices, faces, cancel) == 0.0
    assert visible_backfaces(vertices, faces[:, ::-1], cancel) == 100.0
    # Without its lower half, the inside is seen in the views from below, and only there.
    upper = faces[vertices[faces].mean(axis=1)[:, 2] > 0]
    seen = visible_backfaces(vertices, upper, cancel)
    assert 20.0 < seen < 50.0


def test_views_are_from_all_sides() -> None:
    found = directions()
    assert len(found) >= 8
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0)
    np.testing.assert_allclose(found.mean(axis=0), 0.0, atol=0.1)


def test_a_view_sees_the_nearest_face(ball: Mesh) -> None:
    view = look(*ball, np.array([0.0, -1.0, 0.0]), size=64)
    middle = ball[0][ball[1][view.face[32, 32]]].mean(axis=0)
    assert middle[1] < -0.48
    covered = float((view.face >= 0).mean())
    assert covered == pytest.approx(np.pi * 0.48**2, rel=0.03)


def test_drift_of_a_turning_ball(ball: Mesh) -> None:
    """Turned by 3 degrees about z, a ball stays where it is and its vertices travel: angle times
    the mean distance from the axis, which is pi / 4 of the radius."""
    vertices, faces = ball
    angle = np.radians(3.0)
    c, s = np.cos(angle), np.sin(angle)
    turned = vertices @ np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
    size = diagonal(vertices)
    expected = 100.0 * angle * 0.5 * np.pi / 4.0 / size
    assert drift([vertices, turned], faces, size) == pytest.approx(expected, rel=0.02)
    assert drift([vertices, vertices], faces, size) == 0.0


def test_drift_leaves_out_what_moves(ball: Mesh) -> None:
    vertices, faces = ball
    assert drift([vertices, vertices * 1.2], faces, diagonal(vertices)) == 0.0


def test_a_fresh_extraction_is_as_good_as_can_be(ball: Mesh, reader: Reader) -> None:
    uvs = np.zeros((len(ball[1]), 3, 2), dtype=np.float32)
    quality = measure(reader, 0.5, *ball, ball, uvs, np.zeros((4, 4, 3), dtype=np.uint8))
    assert quality.alpha == 0.5
    assert 0.1 < quality.chamfer_mean_pct < 0.3
    assert quality.chamfer_p95_pct < 0.6
    assert quality.normal_consistency > 0.99
    assert quality.flipped_area_pct == quality.visible_backfaces_pct == 0.0
    assert quality.farthest_pct == quality.extra_pixels_pct == 0.0
    assert quality.silhouette_iou == 1.0


def test_mean_over_the_way_is_that_of_a_line_wherever_it_is_measured() -> None:
    """Keys that crowd where the way is hardest do not make its mean larger."""
    at = [0.0, 0.7, 0.71, 0.72, 0.73, 1.0, 2.0]
    line = [SimpleNamespace(alpha=alpha, error=0.1 + 0.4 * alpha) for alpha in at]
    assert over_the_way(line[::-1], "error") == pytest.approx(0.5)


def test_keys_around_a_moment_are_told_from_the_others() -> None:
    """Also from one that happens to be near it."""
    moment = 0.6257
    around = [moment - ASIDE, moment - 0.5 * INSTANT, moment + 0.5 * INSTANT]
    others = [0.0, 0.5, 0.625, 0.63, 1.0]
    alphas = [float(alpha) for alpha in np.array([*around, *others], dtype=np.float32)]
    assert keys_around_moments(alphas) == set(alphas[:3])
    assert keys_around_moments(alphas[3:]) == set()
