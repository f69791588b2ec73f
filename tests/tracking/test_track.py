"""Tracking on chains whose truth is known: one topology that lies on every key's surface."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest

from backend.export.gltf import animated_glb_bytes
from backend.progress import CancelToken, Stages
from backend.protocol.errors import BadRequest, Cancelled
from backend.protocol.options import ChainOptions
from backend.surface.geometry import face_areas
from backend.surface.quads import is_manifold
from backend.surface.topology import is_closed
from backend.tracking.track import SHARES, track
from backend.tracking.tracked_mesh import TrackedMesh
from tests.surface.analytic import Ball
from tests.tracking.worlds import BODY, BallsChain, eared, growing, joined

SMALL = ChainOptions(faces=1000, texture_size=64, resolution=48, keys=3, quality=True)


@pytest.fixture(scope="module")
def ear() -> TrackedMesh:
    return track(BallsChain(eared), SMALL)


@pytest.fixture(scope="module")
def part() -> TrackedMesh:
    return track(BallsChain(joined), ChainOptions(1500, 64, 48, keys=3, quality=False))


def off_surface(balls: Sequence[Ball], vertices: np.ndarray) -> np.ndarray:
    field = BallsChain(lambda _: balls).field(0.0)
    return np.abs(field.distance(np.asarray(vertices, dtype=np.float32)))


def read_glb_triangles(glb: bytes) -> int:
    """How many triangles the only mesh of a .glb file has."""
    document = json.loads(glb[20 : 20 + int.from_bytes(glb[12:16], "little")])
    (primitive,) = document["meshes"][0]["primitives"]
    return document["accessors"][primitive["indices"]]["count"] // 3


def test_one_topology_whose_vertices_lie_on_every_keys_surface(ear: TrackedMesh) -> None:
    assert is_closed(ear.faces)
    assert len(ear.faces) <= 1500
    assert ear.positions.shape == (len(ear.alphas), ear.faces.max() + 1, 3)
    for alpha, vertices in zip(ear.alphas, ear.positions, strict=True):
        assert np.percentile(off_surface(eared(float(alpha)), vertices), 99) < 0.01


def test_quads_are_laid_once_and_lie_on_every_keys_surface() -> None:
    """A mesh to subdivide: quads alone, closed, most vertices with four edges; in every key."""
    options = ChainOptions(2000, 64, 48, keys=3, quality=True, topology="quads")
    mesh = track(BallsChain(eared), options)
    assert mesh.faces.shape[1] == 4 and is_manifold(mesh.faces)
    assert 2 * len(mesh.faces) <= 2000
    assert mesh.uvs.shape == (len(mesh.faces), 4, 2)
    edges = np.bincount(mesh.faces.reshape(-1))
    assert np.mean(edges == 4) > 0.8
    for alpha, vertices in zip(mesh.alphas, mesh.positions, strict=True):
        assert np.percentile(off_surface(eared(float(alpha)), vertices), 99) < 0.01
    for quality in mesh.quality:
        assert quality.chamfer_mean_pct < 0.35 and quality.flipped_area_pct < 1.0
    glb = animated_glb_bytes(mesh, [float(alpha) for alpha in mesh.alphas])
    assert read_glb_triangles(glb) == 2 * len(mesh.faces), "glTF knows triangles only"


def test_every_prompt_is_a_key(ear: TrackedMesh) -> None:
    assert ear.alphas[0] == 0.0
    assert ear.alphas[-1] == 1.0
    assert (np.diff(ear.alphas) > 0).all()
    assert len(ear.names) == len(ear.quality) == len(ear.textures) == len(ear.alphas) <= 3
    assert ear.prompts_of_keys()[0] == "one"


def test_quality_at_the_keys(ear: TrackedMesh) -> None:
    for quality in ear.quality:
        assert quality.chamfer_mean_pct < 0.35
        assert quality.chamfer_p95_pct < 0.8
        assert quality.normal_consistency > 0.95
        assert quality.visible_backfaces_pct < 0.1
        assert quality.flipped_area_pct < 1.0


def test_between_keys_as_well(ear: TrackedMesh) -> None:
    assert ear.between
    assert max(quality.chamfer_mean_pct for quality in ear.between) < 0.5


def test_what_stays_does_not_swim(ear: TrackedMesh) -> None:
    assert ear.drift_pct < 0.1
    body = ear.positions[0][:, 2] < -0.25
    travel = np.linalg.norm(ear.positions[-1][body] - ear.positions[0][body], axis=1)
    assert travel.max() < 0.01


def test_the_layout_is_one_and_textures_are_of_their_keys(ear: TrackedMesh) -> None:
    assert ear.uvs.shape == (len(ear.faces), 3, 2)
    assert 0.0 <= ear.uvs.min() < ear.uvs.max() <= 1.0
    # The analytic color is green where there is nothing: no texel was read off the surface.
    green = (ear.textures == [0, 255, 0]).all(axis=-1)
    assert green.mean() < 0.01


def test_linear_motion_needs_no_more_than_the_ends() -> None:
    options = ChainOptions(800, 64, 48, keys=5, quality=False)
    made = track(BallsChain(growing), options)
    assert made.alphas.tolist() == [0.0, 1.0]
    radius = np.linalg.norm(made.at(0.5), axis=1)
    np.testing.assert_allclose(radius, 0.5, atol=0.005)
    assert made.changes == []


def test_motion_that_is_not_linear_gets_keys_where_it_bends() -> None:
    def late(alpha: float) -> list[Ball]:
        return growing(max(0.0, 4.0 * alpha - 3.0))

    made = track(BallsChain(late), ChainOptions(800, 64, 48, keys=3, quality=False))
    assert made.alphas.tolist() == [0.0, 0.75, 1.0]


def test_a_part_that_is_not_there_is_a_point(part: TrackedMesh) -> None:
    own = part.positions[-1][:, 0] > 0.45
    assert own.any()
    first = part.positions[0][own]
    assert np.ptp(first, axis=0).max() == 0.0
    # Where it first appears, smaller than a voxel (4 cm).
    np.testing.assert_allclose(first[0], [0.7, 0.0, -0.2], atol=0.04)
    area = face_areas(part.positions[-1], part.faces)[own[part.faces].all(axis=1)].sum()
    assert area == pytest.approx(4 * np.pi * 0.18**2, rel=0.06)


def test_changes_of_the_topology_are_named(part: TrackedMesh) -> None:
    (change,) = part.changes
    assert change.kind == "part appears"
    # The part has a radius of one voxel (4 cm) at .54.
    assert 0.4 < change.alpha < 0.6


def test_an_empty_place_in_the_chain_is_named() -> None:
    def fading(alpha: float) -> list[Ball]:
        return [(*BODY[:3], 0.4 if alpha != 0.5 else -1.0)]

    with pytest.raises(BadRequest, match=r"draws nothing at '01\.50 one - other'") as caught:
        track(BallsChain(fading), SMALL)
    assert caught.value.remedy


def test_an_empty_prompt_is_named() -> None:
    with pytest.raises(BadRequest, match="'02 other'"):
        track(BallsChain(lambda alpha: [(*BODY[:3], 0.4 - 5 * max(0.0, alpha - 0.9))]), SMALL)


def test_progress_rises_and_names_every_stage() -> None:
    seen: list[tuple[float, str]] = []
    stages = Stages(lambda fraction, stage: seen.append((fraction, stage)), None, SHARES)
    track(BallsChain(growing), ChainOptions(300, 64, 32, keys=2, quality=True), stages)
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert set(SHARES) - {"text", "segments"} <= {stage for _, stage in seen}
    assert len([stage for _, stage in seen if stage == "keys"]) >= 9


@pytest.mark.parametrize("stage", ["fields", "keys", "bake"])
def test_cancel(stage: str) -> None:
    token = CancelToken()

    def report(_: float, now: str) -> None:
        if now == stage:
            token.cancel()

    with pytest.raises(Cancelled):
        track(
            BallsChain(growing),
            ChainOptions(300, 64, 32, keys=2, quality=True),
            Stages(report, token, SHARES),
        )


def test_a_long_chain_has_every_prompts_parts() -> None:
    def wandering(alpha: float) -> list[Ball]:
        sides = [(0.45, 0.0), (-0.45, 0.0), (0.0, 0.45)]
        return [BODY] + [
            (x, y, -0.2, 0.02 + 0.18 * max(0.0, 1.0 - abs(alpha - index)))
            for index, (x, y) in enumerate(sides)
        ]

    made = track(
        BallsChain(wandering, ("one", "two", "three")),
        ChainOptions(1500, 64, 48, keys=2, quality=False),
    )
    for index in range(3):
        vertices = made.positions[made.alphas.tolist().index(index)]
        assert np.percentile(off_surface(wandering(index), vertices), 99) < 0.01
