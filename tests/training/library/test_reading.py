"""Readers: every format and every way to color a model gives the same triangles and colors."""

import numpy as np
import pytest
import trimesh

from tests.training.library.models import (
    BLUE,
    RED,
    Gltf,
    box,
    picture,
    quad,
    textured_quad,
    write_box,
)
from training.library.mesh import texel_centres, texel_of
from training.library.one import normalised
from training.library.readers import read
from training.library.surfaces import Unreadable, to_mesh

SUFFIXES = [".glb", ".gltf", ".obj", ".ply", ".stl"]


def points_of(model):
    return np.concatenate([s.vertices[np.unique(s.faces)] for s in model.surfaces])


def color_at(model, point):
    """sRGB of the surface nearest to a point, in the file's coordinates."""
    mesh = to_mesh(model.surfaces, 0.01)
    shape = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    corners = mesh.vertices[mesh.faces].astype(float)
    centres = corners.mean(1)
    near = np.linalg.norm(centres - point, axis=1).argsort()[:50]
    place = trimesh.triangles.closest_point(corners[near], np.tile(point, (len(near), 1)))
    face = near[np.linalg.norm(place - point, axis=1).argmin()]
    spot = trimesh.triangles.closest_point(corners[[face]], np.array([point]))
    weights = trimesh.triangles.points_to_barycentric(shape.triangles[[face]], spot)
    return tuple(int(c) for c in mesh.color(np.array([face]), weights)[0])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_gives_the_box_that_was_written(tmp_path, suffix):
    model = read(write_box(tmp_path / f"box{suffix}", at=(5.0, 0.0, 0.0)))
    points = points_of(model)
    np.testing.assert_allclose(points.min(0), [4.5, -1.0, -1.5], atol=1e-5)
    np.testing.assert_allclose(points.max(0), [5.5, 1.0, 1.5], atol=1e-5)
    assert sum(len(s.faces) for s in model.surfaces) == 12
    assert model.up == ("z" if suffix in (".ply", ".stl") else "y")


@pytest.mark.parametrize("suffix", [".glb", ".gltf"])
def test_flat_material_colors_are_linear_in_gltf_and_srgb_with_us(tmp_path, suffix):
    gltf = Gltf()
    gltf.node(mesh=quad(gltf, gltf.material((0.2158605, 0.0, 1.0, 1.0))))
    model = read(gltf.write(tmp_path / f"quad{suffix}"))
    assert color_at(model, np.array([0.5, 0.4, 0.0])) == (128, 0, 255)


@pytest.mark.parametrize("where", ["external", "inside", "data"])
def test_pictures_are_read_wherever_they_are(tmp_path, where):
    gltf = Gltf()
    if where == "external":
        image = {"uri": "a%20picture.png"}
        (tmp_path / "a picture.png").write_bytes(picture())
    elif where == "inside":
        image = {"bufferView": gltf.view(picture()), "mimeType": "image/png"}
    else:
        import base64

        image = {"uri": "data:image/png;base64," + base64.b64encode(picture()).decode()}
    gltf.node(mesh=quad(gltf, gltf.material(image=image)))
    model = read(gltf.write(tmp_path / "quad.gltf", beside="quad.bin"))
    assert color_at(model, np.array([0.2, 0.6, 0.0])) == RED[:3]
    assert color_at(model, np.array([0.8, 0.6, 0.0])) == BLUE[:3]
    assert model.warnings == []


def test_a_material_factor_and_a_vertex_color_multiply_a_picture(tmp_path):
    (tmp_path / "p.png").write_bytes(picture((255, 255, 255, 255), (255, 255, 255, 255)))
    gltf = Gltf()
    green = np.array([[0, 255, 255, 255]] * 4, dtype=np.uint8)
    colors = gltf.accessor(green, "VEC4", normalized=True)
    material = gltf.material((1.0, 0.2158605, 0.0, 1.0), {"uri": "p.png"})
    gltf.node(mesh=quad(gltf, material, COLOR_0=colors))
    assert color_at(read(gltf.write(tmp_path / "q.glb")), np.array([0.5, 0.4, 0.0])) == (0, 128, 0)


def test_a_texture_transform_moves_the_picture(tmp_path):
    (tmp_path / "p.png").write_bytes(picture())
    transform = {"extensions": {"KHR_texture_transform": {"offset": [0.5, 0.0]}}}
    gltf = textured_quad({"uri": "p.png"}, texture=transform)
    model = read(gltf.write(tmp_path / "q.glb"))
    assert color_at(model, np.array([0.2, 0.6, 0.0])) == BLUE[:3]


def test_what_a_mask_cuts_out_is_not_there(tmp_path):
    (tmp_path / "p.png").write_bytes(picture(RED, (0, 0, 255, 0)))
    gltf = textured_quad({"uri": "p.png"}, alphaMode="MASK")
    mesh = to_mesh(read(gltf.write(tmp_path / "q.glb")).surfaces, 0.05)
    assert mesh.areas().sum() == pytest.approx(0.5, abs=0.05)
    assert (mesh.texels == RED[:3]).all()


def test_instances_and_transforms_of_nodes_all_count(tmp_path):
    gltf = Gltf()
    shape = quad(gltf, gltf.material())
    child = gltf.node(root=False, mesh=shape, translation=[0.0, 0.0, 2.0])
    gltf.node(children=[child], scale=[2.0, 2.0, 2.0])
    gltf.node(mesh=shape, scale=[-1.0, 1.0, 1.0])
    model = read(gltf.write(tmp_path / "two.glb"))
    points = points_of(model)
    np.testing.assert_allclose(points.min(0), [-1.0, 0.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(points.max(0), [2.0, 2.0, 4.0], atol=1e-6)
    # The mirrored one still faces +z.
    for surface in model.surfaces:
        corners = surface.vertices[surface.faces[0]]
        assert np.cross(corners[1] - corners[0], corners[2] - corners[0])[2] > 0


def test_a_skinned_mesh_takes_the_pose_of_its_skeleton_and_not_its_nodes(tmp_path):
    gltf = Gltf()
    joints = gltf.accessor(np.array([[0, 0, 0, 0]] * 4, dtype=np.uint8), "VEC4")
    # Files of real artists have weights that are no numbers.
    shares = [[1, 0, 0, 0]] * 2 + [[0, 0, 0, 0], [np.nan] * 4]
    weights = gltf.accessor(np.array(shares, dtype=np.float32), "VEC4")
    shape = quad(gltf, gltf.material(), JOINTS_0=joints, WEIGHTS_0=weights)
    bone = gltf.node(translation=[0.0, 5.0, 0.0])
    inverse = np.eye(4, dtype=np.float32)
    inverse[2, 3] = 1.0
    bind = gltf.accessor(inverse.T.reshape(1, 16), "MAT4")
    gltf.header["skins"] = [{"joints": [bone], "inverseBindMatrices": bind}]
    gltf.node(mesh=shape, skin=0, translation=[100.0, 0.0, 0.0])
    for suffix in (".glb", ".gltf"):
        points = points_of(read(gltf.write(tmp_path / f"skinned{suffix}")))
        np.testing.assert_allclose(points.min(0), [0.0, 5.0, 1.0], atol=1e-6)
        np.testing.assert_allclose(points.max(0), [1.0, 6.0, 1.0], atol=1e-6)


def test_draco_gives_the_same_model(tmp_path):
    pytest.importorskip("DracoPy")
    scene = trimesh.Scene(box())
    path = tmp_path / "box.glb"
    path.write_bytes(
        trimesh.exchange.gltf.export_glb(scene, extension_draco=True)
        if "extension_draco" in trimesh.exchange.gltf.export_glb.__code__.co_varnames
        else pytest.skip("trimesh cannot write Draco")
    )
    points = points_of(read(path))
    np.testing.assert_allclose(np.abs(points).max(0), [0.5, 1.0, 1.5], atol=1e-3)


def test_obj_reads_its_materials_and_pictures(tmp_path):
    (tmp_path / "p.png").write_bytes(picture())
    (tmp_path / "m.mtl").write_text("newmtl flat\nKd 0 1 0\nnewmtl pic\nmap_Kd p.png\n")
    (tmp_path / "m.obj").write_text(
        "mtllib m.mtl\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nv 0 0 1\nv 1 0 1\nv 1 1 1\nv 0 1 1\n"
        "vt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\nusemtl pic\nf 1/1 2/2 3/3\nf 1/1 3/3 4/4\n"
        "usemtl flat\nf 5 6 7\nf 5 7 8\n"
    )
    model = read(tmp_path / "m.obj")
    assert color_at(model, np.array([0.2, 0.6, 0.0])) == RED[:3]
    assert color_at(model, np.array([0.8, 0.6, 0.0])) == BLUE[:3]
    assert color_at(model, np.array([0.5, 0.4, 1.0])) == (0, 255, 0)


@pytest.mark.parametrize("kind", ["vertex", "face"])
def test_ply_reads_colors_of_vertices_and_faces(tmp_path, kind):
    mesh = box()
    if kind == "vertex":
        mesh.visual.vertex_colors = [RED] * 8
    else:
        mesh.visual.face_colors = [RED] * 12
    mesh.export(tmp_path / "box.ply")
    assert color_at(read(tmp_path / "box.ply"), np.array([0.5, 0.1, 0.1])) == RED[:3]


@pytest.mark.parametrize(
    "uri",
    [
        "http://example.org/a.bin",
        "//host/a.bin",
        "../a.bin",
        "/etc/passwd",
        "C:\\a.bin",
        "a/../../b",
    ],
)
@pytest.mark.parametrize("part", ["buffers", "images"])
def test_a_gltf_that_points_elsewhere_is_refused(tmp_path, uri, part):
    gltf = textured_quad({"uri": uri if part == "images" else "p.png"})
    (tmp_path / "p.png").write_bytes(picture())
    path = gltf.write(tmp_path / "in" / "q.gltf", beside="q.bin")
    if part == "buffers":
        path.write_text(path.read_text().replace('"q.bin"', f'"{uri}"'.replace("\\", "\\\\")))
    with pytest.raises(Unreadable, match=r"points (to the network|out of its folder)"):
        read(path)


def test_a_link_out_of_the_folder_is_refused(tmp_path):
    (tmp_path / "secret.png").write_bytes(picture())
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "p.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(Unreadable, match="out of its folder"):
        read(textured_quad({"uri": "p.png"}).write(tmp_path / "in" / "q.gltf"))


def test_an_obj_that_points_elsewhere_is_refused(tmp_path):
    (tmp_path / "m.obj").write_text("mtllib ../m.mtl\nv 0 0 0\nv 1 0 0\nv 1 1 0\nf 1 2 3\n")
    with pytest.raises(Unreadable, match="out of its folder"):
        read(tmp_path / "m.obj")


def test_missing_textures_are_said_and_the_color_is_flat(tmp_path):
    model = read(textured_quad({"uri": "gone.png"}).write(tmp_path / "q.gltf"))
    assert model.warnings == ["texture gone.png is missing: flat color"]
    assert color_at(model, np.array([0.2, 0.6, 0.0])) == (255, 255, 255)
    (tmp_path / "m.mtl").write_text("newmtl pic\nmap_Kd gone.png\n")
    (tmp_path / "m.obj").write_text(
        "mtllib m.mtl\nv 0 0 0\nv 1 0 0\nv 1 1 0\nvt 0 0\nusemtl pic\nf 1/1 2/1 3/1\n"
    )
    assert read(tmp_path / "m.obj").warnings == ["texture gone.png is missing: flat color"]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("content", [b"", b"nonsense", b"glTF\x02\0\0\0\xff\xff\xff\x7f", None])
def test_a_damaged_file_says_so_in_one_line(tmp_path, suffix, content):
    path = tmp_path / f"m{suffix}"
    if content is None:
        whole = write_box(path).read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    else:
        path.write_bytes(content)
    with pytest.raises(Unreadable) as caught:
        normalised(read(path), 0.0)
    assert "\n" not in str(caught.value)


def test_an_extension_that_is_needed_and_unknown_is_named(tmp_path):
    gltf = textured_quad({"uri": "p.png"})
    gltf.header["extensionsRequired"] = ["EXT_meshopt_compression"]
    with pytest.raises(Unreadable, match="EXT_meshopt_compression"):
        read(gltf.write(tmp_path / "q.glb"))


def test_vertices_that_are_no_numbers_leave_their_triangles_out(tmp_path):
    gltf = Gltf()
    vertices = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, np.nan]]
    gltf.node(mesh=gltf.mesh(vertices, [[0, 1, 2], [0, 2, 3]]))
    mesh, _, _, warnings = normalised(read(gltf.write(tmp_path / "q.glb")), 0.0)
    assert len(mesh.faces) == 1 and np.isfinite(mesh.vertices[mesh.faces]).all()
    assert warnings == ["1 of 2 triangles not numbers: left out"]


@pytest.mark.parametrize(
    ("vertices", "reason"),
    [
        ([[np.nan] * 3] * 3, "three numbers"),
        ([[1, 1, 1]] * 3, "no size"),
        ([[0, 0, 0], [1, 0, 0], [2, 0, 0]], "no area"),
    ],
)
def test_a_model_of_nothing_says_what_it_lacks(tmp_path, vertices, reason):
    gltf = Gltf()
    gltf.node(mesh=gltf.mesh(vertices, [[0, 1, 2]]))
    with pytest.raises(Unreadable, match=reason):
        normalised(read(gltf.write(tmp_path / "q.glb")), 0.0)


def test_every_point_of_a_face_lies_in_the_texel_that_its_picture_has_for_it():
    for side in (1, 2, 3, 7):
        centres = texel_centres(side)
        assert len(centres) == side**2
        np.testing.assert_allclose(centres.sum(1), 1.0)
        sides = np.full(side**2, side)
        np.testing.assert_array_equal(texel_of(sides, centres), np.arange(side**2))
    weights = np.random.default_rng(0).dirichlet((1, 1, 1), 2000)
    texel = texel_of(np.full(2000, 5), weights)
    assert np.abs(texel_centres(5)[texel] - weights).max() < 1 / 5
    assert texel_of(np.array([4, 4, 4]), np.eye(3)).max() < 16
