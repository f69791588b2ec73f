"""What a person sees of a difference: on balls, where it is known."""

from __future__ import annotations

import numpy as np
import pytest

from backend.field_reader import Reader
from backend.progress import CancelToken
from backend.tracking.appearance import (
    FINER,
    SIZE,
    Appearance,
    Camera,
    compare,
    farthest,
    missing_part,
    object_picture,
)
from backend.tracking.visibility import directions, look
from tests.surface.analytic import AnalyticField, Ball
from tests.tracking.worlds import mesh_of

BALL: Ball = (0.0, 0.0, 0.0, 0.4)
Mesh = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def ball() -> Mesh:
    return mesh_of([BALL], 40)


def joined(one: Mesh, other: Mesh) -> Mesh:
    return np.concatenate([one[0], other[0]]), np.concatenate([one[1], other[1] + len(one[0])])


def stick(width: float) -> Mesh:
    """A thin box from z .6 to .8, clear of the ball."""
    corners = [[x, y, z] for x in (0.0, width) for y in (0.0, width) for z in (0.6, 0.8)]
    quads = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    faces = [face for a, b, c, d in quads for face in ([a, b, c], [a, c, d])]
    return np.array(corners), np.array(faces)


def seen(mesh: Mesh, truth: Mesh, gray: int = 128) -> Appearance:
    uvs = np.zeros((len(mesh[1]), 3, 2), dtype=np.float32)
    texture = np.full((4, 4, 3), gray, dtype=np.uint8)
    reader = Reader(AnalyticField(balls=[BALL]), CancelToken())
    return compare(reader, *mesh, uvs, texture, truth)


def test_equal_surfaces_differ_only_in_their_colors(ball: Mesh) -> None:
    found = seen(ball, ball)
    assert found.farthest == found.missing == found.extra == found.missing_pixels == 0.0
    assert found.silhouette_iou == 1.0
    assert found.psnr > seen(ball, ball, gray=255).psnr > 5.0


def test_colors_are_compared_with_those_of_the_nearest_surface(ball: Mesh) -> None:
    reader = Reader(AnalyticField(balls=[BALL]), CancelToken())
    own = 255.0 * reader.color(ball[0][ball[1]].mean(axis=1).astype(np.float32))
    for gray in (0, 128, 255):
        found = seen(ball, ball, gray)
        off = 100.0 * np.abs(own - gray).mean(axis=1) / 255.0
        assert found.color_mean == pytest.approx(off.mean(), abs=1.0)
        assert found.color_p95 == pytest.approx(np.percentile(off, 95), abs=2.0)


def test_a_stick_is_found_though_it_has_hardly_any_surface(ball: Mesh) -> None:
    found = seen(joined(ball, stick(0.02)), ball)
    assert found.farthest == pytest.approx(0.4, abs=0.02)
    assert found.extra > 0.05
    assert found.silhouette_iou < 0.999


def test_a_stick_that_is_missing_is_found(ball: Mesh) -> None:
    """Neither the farthest place of the mesh nor extra pixels tell what it lacks."""
    found = seen(ball, joined(ball, stick(0.02)))
    assert found.farthest == found.extra == 0.0
    assert found.missing == pytest.approx(0.4, abs=0.02)
    assert found.missing_pixels > 0.05


def test_a_mesh_without_area_misses_the_whole_object(ball: Mesh) -> None:
    nothing = np.zeros_like(ball[0]), ball[1]
    assert missing_part(*nothing, *ball) == pytest.approx(0.8 * 3**0.5, rel=0.01)


def test_a_stick_without_area_is_not_there(ball: Mesh) -> None:
    assert seen(joined(ball, stick(0.0)), ball) == seen(ball, ball)


def test_silhouettes_of_a_smaller_ball(ball: Mesh) -> None:
    small = 0.9 * ball[0], ball[1]
    found = seen(small, ball)
    assert found.silhouette_iou == pytest.approx(0.81, abs=0.01)
    assert found.extra == 0.0
    assert farthest(*small, *ball) == pytest.approx(0.04, abs=0.01)


def test_an_outline_hardly_off_hardly_shows_and_a_missing_stick_does(ball: Mesh) -> None:
    """Against pictures of one sample a pixel, in which a shift by a tenth of a pixel turns a tenth
    of the outline's pixels from object to ground."""
    camera = Camera(np.array([0.0, -1.0, 0.0]), np.zeros(3), 0.9)
    pixel = camera.radius / (0.48 * SIZE)
    moved = ball[0] + np.array([0.1 * pixel, 0.0, 0.1 * pixel]), ball[1]

    def differences(one: Mesh, other: Mesh) -> tuple[float, float]:
        """Mean squared, of silhouettes: of one sample a pixel, and of four."""
        views = [camera.look(*mesh).covered.astype(float) for mesh in (one, other)]
        single = [view[::FINER, ::FINER] for view in views]
        means = [view.reshape(SIZE, FINER, SIZE, FINER).mean(axis=(1, 3)) for view in views]
        return ((single[0] - single[1]) ** 2).mean(), ((means[0] - means[1]) ** 2).mean()

    single, mean = differences(ball, moved)
    assert mean < 0.5 * single
    single, mean = differences(ball, joined(ball, stick(0.05)))
    assert mean > 0.8 * single


def test_a_picture_is_the_mean_of_its_samples(ball: Mesh) -> None:
    camera = Camera(np.array([0.0, -1.0, 0.0]), np.zeros(3), 0.5, 32)
    reader = Reader(AnalyticField(balls=[BALL]), CancelToken())
    view, picture = object_picture(reader, ball, camera)
    assert picture.shape == (32, 32, 3)
    covered = view.covered.reshape(32, FINER, 32, FINER).mean(axis=(1, 3))
    assert (picture[covered == 0.0] == 1.0).all()
    assert (picture[covered == 1.0] < 1.0).any(axis=1).all()
    rim = (covered > 0.0) & (covered < 1.0)
    assert rim.any()
    assert picture[rim].mean() > picture[covered == 1.0].mean()


def test_a_view_reads_values_at_its_pixels(ball: Mesh) -> None:
    """Seen from the front, a pixel's place gives the pixel back."""
    vertices, faces = ball
    view = look(vertices, faces, np.array([0.0, -1.0, 0.0]), 64, np.zeros(3), 0.5)
    place = view.read(vertices[faces])
    row, column = np.nonzero(view.covered)
    scale = 0.48 * 64 / 0.5
    np.testing.assert_allclose(32 + scale * place[:, 0], column + 0.5, atol=1e-6)
    np.testing.assert_allclose(32 - scale * place[:, 2], row + 0.5, atol=1e-6)
    assert (place[:, 1] < 0.01).all()
    assert len(directions(8)) == 8
