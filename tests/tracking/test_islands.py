"""What breaks off on the way is shown by a surface of its own, and hidden before."""

from __future__ import annotations

import numpy as np
import pytest

from backend.progress import CancelToken
from backend.protocol.options import ChainOptions
from backend.surface.geometry import face_areas
from backend.surface.topology import label_parts
from backend.tracking.collapse import shrink
from backend.tracking.islands import Islands
from backend.tracking.samples import sample_surface
from backend.tracking.solids import extract, label_voxels, union
from backend.tracking.track import track
from backend.tracking.tracked_mesh import TrackedMesh
from tests.surface.analytic import Ball
from tests.tracking.test_solids import ring
from tests.tracking.worlds import BODY, BallsChain, mesh_of, solid_of

FAR: Ball = (0.7, 0.0, -0.2, 0.15)
BRIDGE: Ball = (0.45, 0.0, -0.2, 0.2)


def breaking(alpha: float) -> list[Ball]:
    """A ball on a bridge to the body; the bridge is gone from alpha .5 on."""
    return [BODY, FAR, *([(*BRIDGE[:3], 0.2 - 0.4 * alpha)] if alpha < 0.45 else [])]


@pytest.fixture(scope="module")
def islands() -> Islands:
    everything = union(solid_of(breaking(0.0)), solid_of(breaking(1.0)))
    return Islands(everything, [0.0, 1.0], lambda alpha: solid_of(breaking(alpha)))


@pytest.fixture(scope="module")
def broken() -> TrackedMesh:
    return track(BallsChain(breaking), ChainOptions(1500, 64, 48, keys=5, quality=True))


def count(balls: list[Ball]) -> int:
    return int(solid_of(balls).inside.sum())


def test_islands_are_what_is_apart_though_the_whole_is_one(islands: Islands) -> None:
    assert islands.all is not None
    assert int(islands.all.inside.sum()) == count([FAR])
    assert islands.alphas == [1.0]
    # A part that is never joined to another is no island, and neither is a crumb.
    apart = solid_of(breaking(1.0))
    assert Islands(apart, [0.0], lambda _: apart).all is None
    crumb = solid_of([BODY, (0.7, 0.0, -0.2, 0.03)])
    assert label_voxels(crumb.inside)[1] == 2
    assert Islands(solid_of(breaking(0.0)), [0.0], lambda _: crumb).all is None


def test_an_island_is_split_off(islands: Islands) -> None:
    rest, second, voxels = islands.split(solid_of(breaking(1.0)))
    assert int(rest.inside.sum()) == count([BODY])
    assert int(second.inside.sum()) == int(voxels.sum()) == count([FAR])


def test_what_is_joined_is_no_island_but_has_a_place_inside(islands: Islands) -> None:
    solid = solid_of(breaking(0.0))
    rest, second, voxels = islands.split(solid)
    np.testing.assert_array_equal(rest.inside, solid.inside)
    assert not voxels.any()
    assert (solid.inside | ~second.inside).all()
    assert second.inside.any()


def test_where_there_is_nothing_the_second_surface_shows_nothing(islands: Islands) -> None:
    rest, second, voxels = islands.split(solid_of([BODY]))
    assert int(rest.inside.sum()) == count([BODY])
    assert not second.inside.any()
    assert not voxels.any()


def test_no_sheet_is_left_across_the_gap(broken: TrackedMesh) -> None:
    last = sample_surface(broken.positions[-1], broken.faces, 20_000, np.random.default_rng(0))
    field = BallsChain(breaking).field(1.0)
    off = np.abs(field.distance(last.points.astype(np.float32)))
    assert off.max() < 0.03
    for quality in (*broken.quality, *broken.between):
        assert quality.chamfer_mean_pct < 0.6
        assert quality.chamfer_p95_pct < 1.5


def test_what_is_hidden_does_not_show(broken: TrackedMesh) -> None:
    for alpha, vertices in zip(broken.alphas, broken.positions, strict=True):
        field = BallsChain(breaking).field(float(alpha))
        place = vertices.astype(np.float32)
        assert field.distance(place).max() < 0.02
    assert max(one.visible_backfaces_pct for one in broken.quality) < 0.1


def test_long_before_it_comes_out_an_island_has_no_area(broken: TrackedMesh) -> None:
    count, part = label_parts(broken.faces, broken.positions.shape[1])
    assert count == 2
    first, last = (face_areas(broken.positions[key], broken.faces) for key in (0, -1))
    assert last[part == 1].sum() == pytest.approx(4 * np.pi * FAR[3] ** 2, rel=0.1)
    assert first[part == 1].max() == 0.0


def test_a_ring_shrinks_to_a_line_and_a_ball_to_a_point() -> None:
    vertices, faces = extract(ring(), CancelToken())
    around = np.linalg.norm(vertices[:, :2], axis=1).mean()
    line = shrink(vertices, faces)
    assert face_areas(line, faces).max() == 0.0
    assert np.linalg.norm(line[:, :2], axis=1) == pytest.approx(around, rel=0.1)
    assert np.abs(line[:, 2]).max() < 0.02
    vertices, faces = mesh_of([(0.2, 0.0, 0.1, 0.3)])
    point = shrink(vertices, faces)
    assert face_areas(point, faces).max() == 0.0
    np.testing.assert_allclose(point, [[0.2, 0.0, 0.1]] * len(point), atol=0.03)
