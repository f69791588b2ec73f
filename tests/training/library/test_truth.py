"""The truth about meshes of every kind, and its grid."""

import numpy as np
import pytest
import trimesh

from backend.surface.topology import label_parts
from training.library.checks import fingerprint, is_closed, warnings
from training.library.grid import BAND, fill, lookup
from training.library.mesh import HIDDEN, SHEET, SOLID, THICKNESS, Mesh, joined
from training.library.truth import Truth, open_edges, welded

POINTS = np.random.default_rng(0).uniform(-0.9, 0.9, (4000, 3))


def as_mesh(shape: trimesh.Trimesh, color=(200, 100, 50)) -> Mesh:
    count = len(shape.faces)
    return Mesh(
        np.asarray(shape.vertices, dtype=np.float32),
        np.asarray(shape.faces, dtype=np.int32),
        np.ones(count, dtype=np.int32),
        np.tile(np.array(color, dtype=np.uint8), (count, 1)),
    )


def box(size=(0.8, 0.6, 1.0), at=(0.0, 0.0, 0.0), **kwargs) -> Mesh:
    shape = trimesh.creation.box(size)
    shape.apply_translation(at)
    return as_mesh(shape, **kwargs)


def box_distance(points, size=(0.8, 0.6, 1.0), at=(0.0, 0.0, 0.0)):
    q = np.abs(points - at) - np.array(size) / 2
    return np.linalg.norm(np.maximum(q, 0), axis=1) + np.minimum(q.max(axis=1), 0)


def test_the_distance_to_a_box_is_the_formula():
    distance, color = Truth.of(box()).query(POINTS)
    np.testing.assert_allclose(distance, box_distance(POINTS), atol=1e-5)
    assert (color == (200, 100, 50)).all()


def test_parts_that_overlap_are_one_solid_and_what_is_within_is_hidden():
    inner = box((0.2, 0.2, 0.2))
    pair = joined([box(at=(-0.1, 0, 0)), box(at=(0.1, 0, 0)), inner])
    truth = Truth.of(pair)
    union = np.minimum(box_distance(POINTS, at=(-0.1, 0, 0)), box_distance(POINTS, at=(0.1, 0, 0)))
    distance, _ = truth.query(POINTS)
    np.testing.assert_array_equal(distance < 0, union < 0)
    np.testing.assert_allclose(distance[union > 0], union[union > 0], atol=1e-5)
    assert (truth.kinds[-12:] == HIDDEN).all() and (truth.kinds[:12] == SOLID).sum() >= 8


def test_a_box_without_a_bottom_is_still_full():
    shape = trimesh.creation.box((0.8, 0.6, 1.0))
    shape.update_faces(shape.face_normals[:, 2] > -0.5)
    truth = Truth.of(as_mesh(shape))
    inside = box_distance(POINTS) < -0.15
    outside = box_distance(POINTS) > 0.15
    assert truth.inside(POINTS[inside & (POINTS[:, 2] > 0)]).all()
    assert not truth.inside(POINTS[outside]).any()


def test_a_box_that_is_inside_out_is_turned():
    turned = trimesh.creation.box((0.8, 0.6, 1.0))
    turned.invert()
    distance, _ = Truth.of(as_mesh(turned)).query(POINTS)
    np.testing.assert_allclose(distance, box_distance(POINTS), atol=1e-5)


@pytest.mark.parametrize("both_sides", [False, True])
def test_a_sheet_counts_as_thick(both_sides):
    vertices = np.array([[-0.5, 0, -0.5], [0.5, 0, -0.5], [0.5, 0, 0.5], [-0.5, 0, 0.5]])
    faces = [[0, 1, 2], [0, 2, 3]] + ([[0, 2, 1], [0, 3, 2]] if both_sides else [])
    truth = Truth.of(as_mesh(trimesh.Trimesh(vertices, faces, process=False)))
    assert (truth.kinds == SHEET).all()
    near = np.abs(POINTS[:, [0, 2]]).max(1) < 0.5
    distance, _ = truth.query(POINTS)
    np.testing.assert_allclose(distance[near], np.abs(POINTS[near, 1]) - THICKNESS / 2, atol=1e-5)


def banner(depth, both_sides=False) -> Mesh:
    """A sheet of 1 m that hangs in waves of ``depth`` metres."""
    across, up = (each.reshape(-1) for each in np.meshgrid(*[np.linspace(-0.5, 0.5, 21)] * 2))
    vertices = np.stack([across, depth * np.sin(12 * across) * np.cos(5 * up), up], axis=1)
    corner = (np.arange(20)[:, None] * 21 + np.arange(20)).reshape(-1)
    faces = np.concatenate([corner[:, None] + [0, 1, 22], corner[:, None] + [0, 22, 21]], axis=0)
    faces = np.concatenate([faces, faces[:, ::-1]]) if both_sides else faces
    return as_mesh(trimesh.Trimesh(vertices, faces, process=False))


@pytest.mark.parametrize("both_sides", [False, True])
@pytest.mark.parametrize("depth", [0.002, 0.03])
def test_a_sheet_in_waves_is_a_sheet_everywhere(depth, both_sides):
    mesh = banner(depth, both_sides)
    truth = Truth.of(mesh)
    assert (truth.kinds == SHEET).all()
    middles = mesh.corners.mean(axis=1)
    inner = np.abs(middles[:, [0, 2]]).max(axis=1) < 0.5 - THICKNESS
    distance, _ = truth.query(middles[inner])
    np.testing.assert_allclose(distance, -THICKNESS / 2, atol=1e-6)


@pytest.mark.parametrize("both_sides", [False, True])
def test_a_sheet_ends_at_its_rim(both_sides):
    truth = Truth.of(banner(0.0, both_sides))
    past = np.array([[0.51, 0.0, 0.1], [0.5, 0.03, 0.0], [0.52, 0.0, 0.52]])
    np.testing.assert_allclose(
        truth.query(past)[0], [0.01, 0.03 - THICKNESS / 2, np.hypot(0.02, 0.02)], atol=1e-6
    )
    np.testing.assert_allclose(truth.query(np.array([[0.495, 0.0, 0.1]]))[0], -0.005, atol=1e-6)


@pytest.mark.parametrize(
    "mesh",
    [
        box(),
        joined([box(at=(-0.1, 0, 0)), box((0.3, 0.9, 0.2), at=(0.1, 0.1, 0.1), color=(0, 0, 255))]),
        as_mesh(trimesh.creation.icosphere(3, 0.7)),
        as_mesh(trimesh.creation.torus(0.6, 0.15)),
    ],
)
def test_the_grid_says_what_the_truth_says(mesh):
    truth = Truth.of(mesh)
    grid = fill(truth)
    chosen = np.random.default_rng(1).choice(
        len(mesh.faces), 4000, p=mesh.areas() / mesh.areas().sum()
    )
    weights = np.random.default_rng(2).dirichlet((1, 1, 1), 4000)
    surface = np.einsum("pk,pkx->px", weights, mesh.corners[chosen])
    points = surface + np.random.default_rng(3).normal(size=surface.shape) * 0.02
    points = np.concatenate([points, POINTS])
    exact, color = truth.query(points)
    read, painted = lookup(grid, points)
    clear = np.abs(exact) > 0.02
    np.testing.assert_array_equal(read[clear] < 0, exact[clear] < 0)
    error = np.abs(read - exact.clip(-BAND, BAND))
    assert error.mean() < 0.001 and np.quantile(error, 0.99) < 0.01
    near = np.abs(exact) < 0.05
    assert np.abs(painted[near] - color[near] / 255).mean() < 0.02


def test_closed_and_open_meshes_are_told_apart():
    sphere = trimesh.creation.icosphere(1)
    assert is_closed(as_mesh(sphere))
    # Corners of their own for every face, as files with normals have them.
    split = trimesh.Trimesh(
        sphere.vertices[sphere.faces].reshape(-1, 3),
        np.arange(len(sphere.faces) * 3).reshape(-1, 3),
        process=False,
    )
    assert is_closed(as_mesh(split))
    same = welded(split.vertices, split.faces)
    assert label_parts(same, int(same.max()) + 1)[0] == 1
    opened = as_mesh(split).only(np.arange(len(split.faces)) != 0)
    assert not is_closed(opened)
    assert open_edges(welded(opened.vertices, opened.faces)).sum() == 3


def test_flat_things_and_needles_are_said():
    kinds = np.zeros(12, dtype=np.uint8)
    assert warnings(box((1.0, 1.0, 0.9)), kinds) == []
    assert warnings(box((1.0, 1.0, 0.01)), kinds) == ["flat"]
    assert warnings(box((0.01, 1.0, 0.02)), kinds) == ["needle"]
    assert warnings(box(), np.full(12, SHEET, dtype=np.uint8)) == ["mostly sheets, 4.0 cm thick"]


def test_a_fingerprint_tells_looks_and_not_the_order_of_faces():
    mesh = box()
    turned = Mesh(mesh.vertices, mesh.faces[::-1], mesh.side, mesh.texels)
    assert fingerprint(mesh) == fingerprint(turned)
    assert fingerprint(mesh) != fingerprint(box(color=(1, 2, 3)))
    assert fingerprint(mesh) != fingerprint(box((0.8, 0.6, 0.9)))
