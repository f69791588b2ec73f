"""The mesh that comes out, compared with the analytic object that went in."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from backend.atlas.tangents import corner_frames, decode
from backend.mesh_pipeline import field_to_mesh
from backend.progress import Stages
from backend.protocol.errors import BadRequest
from backend.protocol.options import MeshOptions
from backend.surface.geometry import (
    corner_angles,
    face_areas,
    face_crosses,
    normalise,
    signed_volumes,
)
from backend.surface.topology import is_closed, label_parts
from backend.textured_mesh import GeneratedMesh

from .analytic import BALLOON, TOY, AnalyticField
from .sampling import at, coverage, look_up, surface_points


def parts_of(mesh: GeneratedMesh) -> list[np.ndarray]:
    count, label = label_parts(mesh.faces, len(mesh.vertices))
    return [mesh.faces[label == part] for part in range(count)]


def test_the_mesh_is_closed_and_within_its_budget(mesh: GeneratedMesh):
    assert is_closed(mesh.faces)
    assert 5000 < len(mesh.faces) <= 6000
    assert mesh.vertices.dtype == np.float32 and mesh.faces.dtype == np.int32
    assert np.unique(mesh.faces).tolist() == list(range(len(mesh.vertices)))


def test_every_part_faces_outwards(mesh: GeneratedMesh):
    for faces in parts_of(mesh):
        assert signed_volumes(mesh.vertices, faces).sum() > 0


def test_no_face_is_degenerate(mesh: GeneratedMesh):
    assert face_areas(mesh.vertices, mesh.faces).min() > 1e-9
    assert np.degrees(corner_angles(mesh.vertices, mesh.faces)).min() > 0.1


def test_the_speck_and_the_cavity_are_gone_and_the_balloon_is_not(mesh: GeneratedMesh):
    parts = parts_of(mesh)
    assert len(parts) == 2
    balloon = min(parts, key=len)
    centre = mesh.vertices[np.unique(balloon)].mean(axis=0)
    np.testing.assert_allclose(centre, BALLOON[:3], atol=0.01)
    assert mesh.notes == ["1 tiny loose piece left out", "1 surface hidden inside left out"]


def test_faces_straddle_the_surface(mesh: GeneratedMesh, toy: AnalyticField):
    """Vertices a little outside, faces a little inside: the mean distance is about zero."""
    face, barycentric = surface_points(mesh.vertices, mesh.faces, 20_000)
    points = at(mesh.vertices[mesh.faces].astype(float), face, barycentric)
    distance = toy.distance(points)
    assert abs(distance.mean()) < 1e-4
    assert np.abs(distance).mean() < 4e-4


def test_the_surface_is_where_the_object_is_both_ways(mesh: GeneratedMesh, toy: AnalyticField):
    face, barycentric = surface_points(mesh.vertices, mesh.faces, 20_000)
    points = at(mesh.vertices[mesh.faces], face, barycentric)
    assert np.abs(toy.distance(points)).max() < 6e-3
    fine = AnalyticField(balls=(*TOY, BALLOON))
    truth = field_to_mesh(fine, MeshOptions(faces=60_000, resolution=160, texture_size=64))
    assert cKDTree(points).query(truth.vertices)[0].max() < 0.04


def test_normals_follow_the_object(mesh: GeneratedMesh, toy: AnalyticField):
    centres = mesh.vertices[mesh.faces].mean(axis=1)
    truth = -normalise(toy.gradient(centres, 1e-3))
    agreement = (normalise(face_crosses(mesh.vertices, mesh.faces)) * truth).sum(1)
    assert np.median(agreement) > 0.995
    assert (agreement > 0.5).mean() > 0.999


def test_uvs_fill_the_unit_square_without_overlaps(mesh: GeneratedMesh):
    assert mesh.uvs.min() >= 0.0 and mesh.uvs.max() <= 1.0
    count = coverage(mesh, 512)
    assert count.max() == 1
    assert count.mean() > 0.5


def test_colours_are_the_field_s(mesh: GeneratedMesh, toy: AnalyticField):
    face, barycentric = surface_points(mesh.vertices, mesh.faces, 20_000)
    shown = look_up(mesh.texture, at(mesh.uvs, face, barycentric))
    points = at(mesh.vertices[mesh.faces], face, barycentric)
    error = np.abs(shown - toy.color(points)).max(axis=1)
    assert np.median(error) < 0.01
    assert np.quantile(error, 0.99) < 0.03
    assert error.max() < 0.1


def test_the_background_is_nowhere_in_the_texture(mesh: GeneratedMesh):
    """The field is pure green off the object: (0, 255, 0)."""
    assert mesh.texture[..., 0].min() > 20


def test_both_sides_of_a_seam_look_the_same(mesh: GeneratedMesh):
    edges: dict[tuple[int, int], list[np.ndarray]] = {}
    for face, uv in zip(mesh.faces.tolist(), mesh.uvs, strict=True):
        for k in range(3):
            a, b = face[k], face[(k + 1) % 3]
            ends = uv[[k, (k + 1) % 3]] if a < b else uv[[(k + 1) % 3, k]]
            edges.setdefault((min(a, b), max(a, b)), []).append(ends)
    seams = np.array([sides for sides in edges.values() if not np.array_equal(*sides)])
    assert len(seams) > 100
    for t in (0.0, 0.3, 0.5, 1.0):
        place = seams[:, :, 0] * (1 - t) + seams[:, :, 1] * t
        step = np.abs(look_up(mesh.texture, place[:, 0]) - look_up(mesh.texture, place[:, 1]))
        assert step.max() < 0.06


def test_the_normal_map_decodes_to_the_field_s_normals(mesh: GeneratedMesh, toy: AnalyticField):
    assert mesh.normal_map is not None
    face, barycentric = surface_points(mesh.vertices, mesh.faces, 20_000)
    local = look_up(mesh.normal_map, at(mesh.uvs, face, barycentric)) * 2 - 1
    tangents, normals = corner_frames(mesh.vertices, mesh.faces, mesh.uvs)
    shown = decode(local, at(tangents, face, barycentric), at(normals, face, barycentric))
    points = at(mesh.vertices[mesh.faces], face, barycentric)
    truth = -normalise(toy.gradient(points, 4e-3))
    flat = normalise(at(normals, face, barycentric))
    angle = np.degrees(np.arccos(np.clip((shown * truth).sum(1), -1, 1)))
    without = np.degrees(np.arccos(np.clip((flat * truth).sum(1), -1, 1)))
    assert np.median(angle) < 1.5
    assert angle.mean() < 0.6 * without.mean()


def test_the_same_field_gives_the_same_mesh(toy: AnalyticField, mesh: GeneratedMesh):
    options = MeshOptions(faces=1500, texture_size=128, resolution=48, normal_map=True)
    first, second = field_to_mesh(toy, options), field_to_mesh(toy, options)
    for name in ("vertices", "faces", "uvs", "texture", "normal_map"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_every_stage_is_timed_and_reported(toy: AnalyticField):
    seen: list[tuple[float, str]] = []
    stages = Stages(lambda fraction, stage: seen.append((fraction, stage)))
    made = field_to_mesh(toy, MeshOptions(faces=500, texture_size=64, resolution=32), stages)
    names = ["density", "contour", "clean", "decimate", "uv", "bake"]
    assert list(made.timings) == names
    assert all(seconds >= 0 for seconds in made.timings.values())
    assert [stage for _, stage in seen] == [*names, "done"]
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0


@pytest.mark.parametrize("faces", [100, 333, 20_000])
def test_the_budget_holds_from_coarse_to_fine(toy: AnalyticField, faces: int):
    made = field_to_mesh(toy, MeshOptions(faces=faces, texture_size=64, resolution=64))
    assert len(made.faces) <= faces
    assert is_closed(made.faces)
    assert len(parts_of(made)) == 2


@pytest.mark.parametrize("size", [64, 100, 333])
def test_small_and_odd_textures_work(toy: AnalyticField, size: int):
    made = field_to_mesh(toy, MeshOptions(faces=1000, texture_size=size, resolution=48))
    assert made.texture.shape == (size, size, 3)
    assert coverage(made, size).max() <= 1


def test_an_object_that_fills_the_whole_space_is_closed_there():
    made = field_to_mesh(
        AnalyticField(balls=((0.0, 0.0, 0.0, 1.8),)), MeshOptions(texture_size=64, resolution=32)
    )
    assert is_closed(made.faces)
    cell = 2.0 / 31
    assert np.abs(made.vertices).max() <= 1.0 + 2 * cell


def test_fog_becomes_a_valid_mesh_all_the_same():
    """A field full of noise, as an untrained or confused checkpoint gives."""

    class Fog(AnalyticField):
        def distance(self, points: np.ndarray) -> np.ndarray:
            waves = np.sin(points * 23.0 + np.roll(points, 1, -1) * 17.0).sum(-1)
            return super().distance(points) + 0.08 * waves

    made = field_to_mesh(Fog(), MeshOptions(faces=4000, texture_size=256, resolution=64))
    assert is_closed(made.faces)
    assert len(made.faces) <= 4000
    assert signed_volumes(made.vertices, made.faces).sum() > 0
    assert coverage(made, 256).max() <= 1


def test_nothing_to_draw_is_said_so():
    empty = AnalyticField(balls=((5.0, 5.0, 5.0, 0.1),))
    with pytest.raises(BadRequest, match="no surface"):
        field_to_mesh(empty, MeshOptions(resolution=32, texture_size=64))
