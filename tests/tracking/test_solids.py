"""Solids, what changes between them, and the flow from a large one to a small one inside it."""

from __future__ import annotations

import numpy as np
import pytest

from backend.field_reader import Reader
from backend.progress import CancelToken
from backend.protocol.errors import Cancelled
from backend.surface.clean import CleanConfig
from backend.tracking.harmonic_flow import between, flow, solve
from backend.tracking.solids import (
    GridField,
    Solid,
    clean,
    intersection,
    islands_of,
    label_voxels,
    largest_border,
    only,
    read_solid,
    union,
    without_specks,
)
from backend.tracking.topology_changes import changes_between, euler
from tests.surface.analytic import AnalyticField, Ball
from tests.tracking.worlds import BODY, eared, mesh_of, solid_of

BESIDE = (0.7, 0.0, -0.2, 0.15)


def ring(resolution: int = 48) -> Solid:
    line = np.linspace(-1.0, 1.0, resolution)
    x, y, z = np.meshgrid(line, line, line, indexing="ij")
    distance = np.hypot(np.hypot(x, y) - 0.5, z)
    return Solid((0.15 - distance).astype(np.float32), 1.0)


def test_a_solid_is_the_field_on_a_grid() -> None:
    reader = Reader(AnalyticField(balls=[BODY]), CancelToken())
    solid = read_solid(reader, 48)
    volume = float(solid.inside.sum()) * solid.voxel**3
    assert volume == pytest.approx(4 / 3 * np.pi * 0.4**3, rel=0.03)
    on_surface = np.array([[0.0, 0.4, -0.2], [0.4, 0.0, -0.2]])
    # Linear between samples: off by the square of half a voxel over the diameter.
    np.testing.assert_allclose(solid.at(on_surface), 0.0, atol=0.05 * 30 * solid.voxel)


def test_specks_and_cavities_are_cleaned_away() -> None:
    line = np.linspace(-1.0, 1.0, 64)
    speck = (float(line[54]), float(line[32]), float(line[44]), 0.02)  # one sample
    source = AnalyticField(balls=[BODY, speck], cavities=[(0.0, 0.0, -0.2, 0.15)])
    dirty = Solid((source.dense(64) - source.level).astype(np.float32), 1.0)
    assert label_voxels(dirty.inside)[1] == 2
    assert euler(dirty.inside) == 3  # two parts and a cavity
    tidy = clean(dirty, CleanConfig())
    assert label_voxels(tidy.inside)[1] == euler(tidy.inside) == 1
    assert tidy.inside[32, 32, 25]


@pytest.mark.parametrize(
    ("solid", "expected"),
    [(solid_of([BODY]), 1), (solid_of([BODY, BESIDE]), 2), (ring(), 0)],
    ids=["ball", "two balls", "ring"],
)
def test_eulers_characteristic(solid: Solid, expected: int) -> None:
    assert euler(solid.inside) == expected


def test_what_changes_is_named() -> None:
    def names(one: Solid, other: Solid) -> list[tuple[str, int]]:
        found = changes_between(one, other, (0.25, 0.5))
        assert all(change.alpha == 0.375 for change in found)
        return [(change.kind, change.count) for change in found]

    one, two = solid_of([BODY]), solid_of([BODY, BESIDE])
    bridge = solid_of([BODY, BESIDE, (0.45, 0.0, -0.2, 0.15)])
    disc = union(ring(), solid_of([(0.0, 0.0, 0.0, 0.45)]))
    assert names(one, one) == []
    assert names(one, two) == [("part appears", 1)]
    assert names(two, one) == [("part vanishes", 1)]
    assert names(two, bridge) == [("parts join", 1)]
    assert names(bridge, two) == [("part splits", 1)]
    assert names(disc, ring()) == [("handle opens", 1)]
    assert names(ring(), disc) == [("handle closes", 1)]


def test_between_balls_with_one_centre_the_flow_is_radial() -> None:
    large, small = solid_of([(0.0, 0.0, 0.0, 0.7)]), solid_of([(0.0, 0.0, 0.0, 0.3)])
    points, _ = mesh_of([(0.0, 0.0, 0.0, 0.7)], 24)
    end, arrived = flow(solve(large, small, CancelToken()), points, CancelToken())
    assert arrived.all()
    np.testing.assert_allclose(end, points * (0.3 / 0.7), atol=0.02)


def test_an_ear_ends_as_a_disc_at_its_root_and_the_rest_stays() -> None:
    whole, body = solid_of(eared(1.0), 64), solid_of([BODY], 64)
    points, faces = mesh_of(eared(1.0), 64)
    end, arrived = flow(solve(whole, body, CancelToken()), points, CancelToken())
    assert arrived.all()
    from_body = np.linalg.norm(points - [0.0, 0.0, -0.2], axis=1)
    same = from_body < 0.405
    assert np.linalg.norm(end - points, axis=1)[same].max() < 0.01
    ear = from_body > 0.45
    np.testing.assert_allclose(np.linalg.norm(end[ear] - [0, 0, -0.2], axis=1), 0.4, atol=0.02)
    assert np.linalg.norm(end[ear][:, :2], axis=1).max() < 0.15
    # Not folded: faces of the disc look outwards.
    corners = end[faces[ear[faces].all(axis=1)]]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    outwards = (normals * (corners.mean(axis=1) - [0, 0, -0.2])).sum(1)
    area = np.linalg.norm(normals, axis=1)
    assert area[outwards < 0].sum() < 0.01 * area.sum()


def test_a_long_thin_part_finds_its_way() -> None:
    """Ten times as long as wide: there the potential is below the rounding of a double."""
    rod = [(0.0, 0.0, z, 0.05) for z in np.linspace(0.1, 0.9, 40)]
    whole, body = solid_of([BODY, *rod], 64), solid_of([BODY], 64)
    points, _ = mesh_of([BODY, *rod], 64)
    end, arrived = flow(solve(whole, body, CancelToken()), points, CancelToken())
    assert arrived.mean() > 0.995
    tip = points[:, 2] > 0.8
    assert np.linalg.norm(end[tip & arrived] - [0, 0, 0.2], axis=1).max() < 0.1


def test_a_part_without_a_goal_does_not_arrive() -> None:
    whole, body = solid_of([BODY, BESIDE]), solid_of([BODY])
    points, _ = mesh_of([BODY, BESIDE])
    _, arrived = flow(solve(whole, body, CancelToken()), points, CancelToken())
    np.testing.assert_array_equal(arrived, points[:, 0] < 0.5)


def test_solving_can_be_cancelled() -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        solve(solid_of([(0.0, 0.0, 0.0, 0.7)]), solid_of([BODY]), token)


def test_a_solid_between_two_has_both_as_limits() -> None:
    large, small = solid_of([(0.0, 0.0, 0.0, 0.7)]), solid_of([(0.0, 0.0, 0.0, 0.3)])
    shell = solve(large, small, CancelToken())
    sizes = [int(between(shell, level).inside.sum()) for level in (0.01, 0.3, 0.6, 0.99)]
    assert int(large.inside.sum()) > sizes[0] > sizes[1] > sizes[2] > sizes[3]
    assert sizes[3] == pytest.approx(small.inside.sum(), rel=0.05)


def test_of_a_solid_whole_parts_are_left_out() -> None:
    far: Ball = (0.7, 0.0, -0.2, 0.1)
    both = solid_of([BODY, far])
    outside = islands_of(both, solid_of([BODY, (0.45, 0.0, -0.2, 0.2), far]))
    assert int(only(both, ~outside).inside.sum()) == int(solid_of([BODY]).inside.sum())
    assert int(only(both, outside).inside.sum()) == int(solid_of([far]).inside.sum())
    assert int(intersection(both, solid_of([far])).inside.sum()) == int(outside.sum())


def test_a_solids_grid_reads_like_a_field() -> None:
    ball = solid_of([(0.0, 0.0, 0.0, 0.5)])
    reader = Reader(GridField(ball), CancelToken())
    points = np.array([[0.4, 0.0, 0.0], [0.0, 0.6, 0.0]], dtype=np.float32)
    np.testing.assert_array_equal(reader.pre_density(points) > 0, [True, False])
    outward = reader.normals(points, 0.05)
    np.testing.assert_allclose(outward, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], atol=0.05)


def test_specks_in_a_box_are_those_of_the_whole_solid() -> None:
    whole = solid_of([BODY, (0.7, 0.0, -0.2, 0.1), (0.0, 0.0, 0.75, 0.01)])
    whole.values[2:5, 24, 24] = 1.0
    cleaned = clean(whole, CleanConfig(speck_share=0.02)).inside
    assert int(cleaned.sum()) < int(whole.inside.sum())
    least = 0.02 * largest_border(whole.inside)
    for box in ((slice(0, 10),) * 3, (slice(0, 8), slice(20, 28), slice(20, 28))):
        np.testing.assert_array_equal(without_specks(whole.inside[box], least), cleaned[box])
    crossing = slice(30, 44), slice(14, 30), slice(14, 24)
    np.testing.assert_array_equal(without_specks(whole.inside[crossing], least), cleaned[crossing])
