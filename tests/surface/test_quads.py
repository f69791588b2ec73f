"""Quads over an object: closed, regular, on its surface, fit to subdivide."""

from __future__ import annotations

import numpy as np
import pytest

from backend.field_reader import Reader
from backend.mesh_pipeline import field_to_mesh
from backend.progress import CancelToken
from backend.protocol.errors import BadRequest, Cancelled, MissingDependency, TooThin
from backend.protocol.options import MeshOptions
from backend.surface import quads as module
from backend.surface.geometry import signed_volumes
from backend.surface.quads import close_holes, is_manifold
from backend.surface.topology import half_edges, label_parts, triangulated, twins
from backend.textured_mesh import GeneratedMesh

from .analytic import TOY, AnalyticField

BUDGET = 3000


@pytest.fixture(scope="module")
def field() -> AnalyticField:
    return AnalyticField(balls=TOY)


@pytest.fixture(scope="module")
def made(field: AnalyticField) -> GeneratedMesh:
    options = MeshOptions(BUDGET, 256, 64, normal_map=True, topology="quads")
    return field_to_mesh(field, options)


def box(count: int) -> tuple[np.ndarray, np.ndarray]:
    """A cube's surface of quads, ``count`` along each edge."""
    line = np.linspace(-1.0, 1.0, count + 1)
    corners: dict[tuple[float, ...], int] = {}
    quads = []
    for axis in range(3):
        for side in (-1.0, 1.0):
            for i in range(count):
                for j in range(count):
                    ring = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)][:: int(side)]
                    quad = []
                    for a, b in ring:
                        place = np.empty(3)
                        place[axis], place[axis - 2], place[axis - 1] = side, line[a], line[b]
                        quad.append(corners.setdefault(tuple(place), len(corners)))
                    quads.append(quad)
    return np.array(list(corners)), np.array(quads, dtype=np.int32)


def test_all_faces_are_quads_within_the_budget(made: GeneratedMesh):
    assert made.faces.shape[1] == 4 and made.uvs.shape == (len(made.faces), 4, 2)
    assert 0.35 * BUDGET < len(made.faces) <= BUDGET // 2


def test_the_mesh_is_one_closed_manifold_surface(made: GeneratedMesh):
    assert is_manifold(made.faces)
    assert label_parts(made.faces, len(made.vertices))[0] == 1
    assert signed_volumes(made.vertices, triangulated(made.faces)).sum() > 0.0
    start, end = half_edges(made.faces)
    assert len({*zip(start.tolist(), end.tolist(), strict=True)}) == made.faces.size


def test_nearly_all_vertices_have_four_edges(made: GeneratedMesh):
    edges = np.bincount(made.faces.reshape(-1))
    assert (edges == 4).mean() > 0.85
    assert edges.min() >= 3 and edges.max() <= 8


def test_vertices_and_faces_lie_on_the_surface(made: GeneratedMesh, field: AnalyticField):
    assert np.abs(field.distance(made.vertices)).mean() < 0.002
    centers = made.vertices[triangulated(made.faces)].mean(axis=1)
    off = np.abs(field.distance(centers))
    assert off.mean() < 0.001 and np.percentile(off, 99) < 0.01


def test_subdivided_once_it_stays_on_the_surface(made: GeneratedMesh, field: AnalyticField):
    """Catmull and Clark's face, edge and vertex points."""
    vertices, faces = made.vertices.astype(np.float64), made.faces
    centers = vertices[faces].mean(axis=1)
    start, end = half_edges(faces)
    face = np.arange(faces.size) // 4
    across = centers[twins(faces) // 4]
    edges = (vertices[start] + vertices[end] + centers[face] + across) / 4
    meeting = np.bincount(start)[:, None]

    def mean(values: np.ndarray) -> np.ndarray:
        sums = [np.bincount(start, values[:, k], len(vertices)) for k in range(3)]
        return np.stack(sums, axis=1) / meeting

    middles = mean((vertices[start] + vertices[end]) / 2)
    corners = (mean(centers[face]) + 2 * middles + (meeting - 3) * vertices) / meeting
    for points in (centers, edges, corners):
        off = np.abs(field.distance(points))
        assert off.mean() < 0.004 and np.percentile(off, 99) < 0.02


def test_no_seam_cuts_a_quad_and_charts_do_not_overlap(made: GeneratedMesh):
    a, b, c, d = (made.uvs[:, k] for k in range(4))

    def area(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> np.ndarray:
        return (q - p)[:, 0] * (r - p)[:, 1] - (q - p)[:, 1] * (r - p)[:, 0]

    assert (area(a, b, c) > 0).mean() > 0.995 and (area(a, c, d) > 0).mean() > 0.995
    longest = np.linalg.norm(np.roll(made.uvs, -1, axis=1) - made.uvs, axis=2).max()
    assert longest < 0.25


def test_textures_are_baked_onto_the_quads(made: GeneratedMesh, field: AnalyticField):
    size = made.texture.shape[0]
    uv = made.uvs.mean(axis=1)
    shown = made.texture[((1 - uv[:, 1]) * size).astype(int), (uv[:, 0] * size).astype(int)]
    truth = field.sample(made.vertices[made.faces].mean(axis=1))[1]
    assert np.abs(shown / 255.0 - truth).mean() < 0.03
    assert made.normal_map is not None


def test_the_same_object_has_the_same_quads(made: GeneratedMesh, field: AnalyticField):
    options = MeshOptions(BUDGET, 256, 64, normal_map=True, topology="quads")
    again = field_to_mesh(field, options)
    np.testing.assert_array_equal(again.faces, made.faces)
    np.testing.assert_array_equal(again.vertices, made.vertices)


@pytest.mark.parametrize("gone", [[0], [0, 1], [0, 1, 2, 12, 13], [3, 40, 41, 80]])
def test_holes_are_closed_with_quads(gone: list[int]):
    vertices, quads = box(6)
    closed_vertices, closed = close_holes(vertices, np.delete(quads, gone, axis=0))
    assert is_manifold(closed)
    assert closed_vertices.shape[0] <= len(vertices)


def test_a_vertex_of_two_quads_goes_and_they_become_one():
    vertices, quads = box(2)
    first = quads[0]
    middle = len(vertices)
    vertices = np.concatenate([vertices, vertices[first].mean(axis=0, keepdims=True)])
    a, b, c, d = first
    doubled = np.concatenate([[[a, b, c, middle], [c, d, a, middle]], quads[1:]]).astype(np.int32)
    found, closed = close_holes(vertices, doubled)
    assert len(closed) == len(quads) and len(found) == len(vertices) - 1
    assert is_manifold(closed)


def test_what_is_not_closed_is_no_manifold():
    _, quads = box(3)
    assert is_manifold(quads)
    assert not is_manifold(quads[1:])
    assert not is_manifold(np.concatenate([quads, quads[:1]]))


def test_too_few_quads_are_refused_in_one_line(field: AnalyticField):
    reader = Reader(field, CancelToken())
    mesh = field_to_mesh(field, MeshOptions(2000, 64, 48))
    with pytest.raises(TooThin, match="cannot be covered with 4 quads"):
        module.remesh(reader, mesh.vertices, mesh.faces, 4)


def test_xatlas_is_refused_for_quads():
    with pytest.raises(BadRequest, match="would cut through quads"):
        MeshOptions(unwrap="xatlas", topology="quads")


def test_without_the_library_quads_are_refused(
    field: AnalyticField, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match="pynanoinstantmeshes"):
        field_to_mesh(field, MeshOptions(1000, 64, 48, topology="quads"))


def test_laying_quads_can_be_cancelled(field: AnalyticField):
    mesh = field_to_mesh(field, MeshOptions(2000, 64, 48))
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        module.remesh(Reader(field, token), mesh.vertices, mesh.faces, 800)
