"""Files, read back by libraries that did not write them."""

from __future__ import annotations

import ast
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pygltflib
import pytest
import trimesh
from PIL import Image

from backend.export import blend, conventions
from backend.export.conventions import split_at_seams
from backend.export.files import write_files
from backend.export.formats import FORMATS, check_output, write_mesh
from backend.export.gltf import glb_bytes
from backend.prompts.materials import Finish
from backend.protocol.errors import BadRequest, MissingDependency, OutputError
from backend.surface.topology import is_closed
from backend.textured_mesh import GeneratedMesh

ROOT = Path(__file__).resolve().parents[2]
VALIDATOR = ROOT / ".venv" / "node" / "node_modules" / "gltf-validator"


@pytest.fixture
def glb(mesh: GeneratedMesh, tmp_path: Path) -> Path:
    return write_mesh(mesh, tmp_path / "bear.glb")[0]


def test_conversions_are_inverses_and_keep_orientation():
    points = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_allclose(conventions.y_up_to_z_up(conventions.z_up_to_y_up(points)), points)
    front, up = np.array([0.0, -1, 0]), np.array([0.0, 0, 1])
    assert conventions.z_up_to_y_up(up).tolist() == [0, 1, 0]
    assert conventions.z_up_to_y_up(front).tolist() == [0, 0, 1]
    turned = conventions.z_up_to_y_up(np.eye(3))
    assert np.linalg.det(turned) == pytest.approx(1.0)
    assert conventions.v_up_to_v_down(conventions.v_up_to_v_down(points[:, :2])) == pytest.approx(
        points[:, :2]
    )


def test_vertices_are_split_at_seams_only(mesh: GeneratedMesh):
    split = split_at_seams(mesh)
    corners = {
        (vertex, *uv)
        for vertex, uv in zip(
            mesh.faces.reshape(-1).tolist(), mesh.uvs.reshape(-1, 2).tolist(), strict=True
        )
    }
    assert len(split.positions) == len(corners)
    np.testing.assert_array_equal(split.source[split.faces], mesh.faces)
    np.testing.assert_array_equal(split.uvs[split.faces], mesh.uvs)


def test_glb_has_the_mesh_its_textures_and_its_origin(mesh: GeneratedMesh, glb: Path):
    document = pygltflib.GLTF2().load(str(glb))
    assert document is not None
    material = document.materials[0]
    assert material.pbrMetallicRoughness.roughnessFactor == 0.6
    assert material.pbrMetallicRoughness.metallicFactor == 0.0
    assert material.normalTexture.index == 1
    assert document.nodes[0].extras == {
        "prompt": mesh.prompt,
        "checkpoint_hash": mesh.checkpoint_hash,
    }
    accessors = document.accessors
    primitive = document.meshes[0].primitives[0]
    assert accessors[primitive.indices].count == 3 * len(mesh.faces)
    view = document.bufferViews[document.images[0].bufferView]
    content = document.binary_blob()[view.byteOffset : view.byteOffset + view.byteLength]
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(content))), mesh.texture)


def test_another_reader_sees_the_same_shape_and_colours(mesh: GeneratedMesh, glb: Path):
    read = trimesh.load(glb, process=False, force="mesh")
    assert isinstance(read, trimesh.Trimesh)
    split = split_at_seams(mesh)
    np.testing.assert_allclose(conventions.y_up_to_z_up(read.vertices), split.positions, atol=1e-6)
    # trimesh turns glTF's v downwards into v upwards, as Blender does.
    np.testing.assert_allclose(read.visual.uv, split.uvs, atol=1e-6)
    assert read.volume > 0


@pytest.mark.parametrize("normal_map", [True, False])
def test_glb_passes_the_khronos_validator(mesh: GeneratedMesh, tmp_path: Path, normal_map: bool):
    if shutil.which("node") is None:
        pytest.skip("node is not installed: the Khronos validator did not run")
    if not VALIDATOR.is_dir():
        pytest.skip("the Khronos validator is not installed: `make test` does it with npm")
    path = tmp_path / "bear.glb"
    chosen = GeneratedMesh(**{**vars(mesh), "normal_map": mesh.normal_map if normal_map else None})
    path.write_bytes(glb_bytes(chosen))
    script = (
        "require(process.argv[1]).validateBytes(new Uint8Array(require('fs')"
        ".readFileSync(process.argv[2]))).then(r => console.log(JSON.stringify(r)))"
    )
    done = subprocess.run(
        ["node", "-e", script, str(VALIDATOR), str(path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    report = json.loads(done.stdout)
    issues = [m for m in report["issues"]["messages"] if m["severity"] <= 1]
    assert issues == []


def test_obj_has_its_material_and_texture_beside_it(mesh: GeneratedMesh, tmp_path: Path):
    files = write_mesh(mesh, tmp_path / "bear.obj")
    assert {file.name for file in files} == {
        "bear.obj",
        "bear.mtl",
        "bear.png",
        "bear_normal.png",
    }
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(file.name for file in files)
    read = trimesh.load(tmp_path / "bear.obj", process=False, force="mesh")
    assert isinstance(read, trimesh.Trimesh)
    assert read.visual.material.image.size == (512, 512)
    assert read.volume > 0
    lines = (tmp_path / "bear.obj").read_text().splitlines()
    positions = [line for line in lines if line.startswith("v ")]
    assert len(positions) == len(mesh.vertices)


@pytest.mark.parametrize("name", ["my pig", "Schwein 豚", "豚", "#1 - pig", "a" * 240])
def test_every_reader_finds_the_texture_of_an_obj(mesh: GeneratedMesh, tmp_path: Path, name: str):
    files = write_mesh(mesh, tmp_path / f"{name}.obj")
    assert files[0].name == f"{name}.obj"
    for file in files[1:]:
        assert re.fullmatch(r"[A-Za-z0-9._-]+", file.name)
    texts = [file.read_text("ascii") for file in files if file.suffix in (".obj", ".mtl")]
    named = re.findall(r"^(?:mtllib|map_Kd|norm) (\S+)$", "\n".join(texts), re.MULTILINE)
    assert sorted(named) == sorted(file.name for file in files[1:])
    read = trimesh.load(files[0], process=False, force="mesh")
    assert isinstance(read, trimesh.Trimesh)
    assert read.visual.material.image.size == (512, 512)


def test_objects_of_other_scripts_do_not_share_a_texture(mesh: GeneratedMesh, tmp_path: Path):
    names = ("豚", "虎", "my pig", "my_pig")
    files = [file for name in names for file in write_mesh(mesh, tmp_path / f"{name}.obj")]
    assert len(set(files)) == len(files) == 4 * len(names)


@pytest.mark.parametrize("ending", [".ply", ".obj"])
@pytest.mark.parametrize("prompt", ["Schwein 豚", "back\\", "line\nend_header"])
def test_headers_are_lines_of_ascii(mesh: GeneratedMesh, tmp_path: Path, ending: str, prompt: str):
    odd = GeneratedMesh(**{**vars(mesh), "prompt": prompt})
    content = write_mesh(odd, tmp_path / f"x{ending}")[0].read_bytes()
    lines = content.partition(b"end_header\n")[0].decode("ascii").splitlines()
    (comment,) = [line for line in lines if "ATT3D: " in line]
    assert json.loads(comment.partition("ATT3D: ")[2]) == prompt
    read = trimesh.load(tmp_path / f"x{ending}", process=False, force="mesh")
    assert len(read.faces) == len(mesh.faces)


def test_ply_has_vertex_colours(mesh: GeneratedMesh, tmp_path: Path):
    read = trimesh.load(write_mesh(mesh, tmp_path / "bear.ply")[0], process=False)
    assert isinstance(read, trimesh.Trimesh)
    np.testing.assert_array_equal(read.vertices.astype(np.float32), mesh.vertices)
    assert is_closed(np.asarray(read.faces)) and read.is_watertight
    assert read.visual.vertex_colors.shape == (len(mesh.vertices), 4)
    assert read.visual.vertex_colors[:, 0].min() > 10


def test_odd_prompts_do_not_break_text_formats(mesh: GeneratedMesh, tmp_path: Path):
    odd = GeneratedMesh(**{**vars(mesh), "prompt": "פיל 🐘 «é»"})
    for ending in (".glb", ".obj", ".ply"):
        write_mesh(odd, tmp_path / f"x{ending}")
        assert len(trimesh.load(tmp_path / f"x{ending}", process=False, force="mesh").faces) == len(
            mesh.faces
        )


@pytest.mark.skipif(importlib.util.find_spec("bpy") is None, reason="bpy is not installed")
def test_blend_holds_one_object_with_packed_textures(mesh: GeneratedMesh, tmp_path: Path):
    path = write_mesh(mesh, tmp_path / "bear.blend")[0]
    script = (
        "import bpy, json, sys; bpy.ops.wm.open_mainfile(filepath=sys.argv[1]);"
        "o, = [o for o in bpy.data.objects];"
        "print('RESULT', json.dumps([o['att3d_prompt'], len(o.data.polygons),"
        "len(o.data.vertices), len(o.data.uv_layers),"
        "sorted(bool(i.packed_file) for i in bpy.data.images if i.users)]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    result = next(line for line in done.stdout.splitlines() if line.startswith("RESULT"))
    assert json.loads(result[7:]) == [
        mesh.prompt,
        len(mesh.faces),
        len(mesh.vertices),
        1,
        [True, True],
    ]


def test_metal_and_roughness_are_in_the_files(mesh: GeneratedMesh, tmp_path: Path):
    golden = replace(mesh, finish=Finish(1.0, 0.25))
    read = pygltflib.GLTF2().load(str(write_mesh(golden, tmp_path / "gold.glb")[0]))
    surface = read.materials[0].pbrMetallicRoughness
    assert (surface.metallicFactor, surface.roughnessFactor) == (1.0, 0.25)
    assert surface.metallicRoughnessTexture is None
    write_mesh(golden, tmp_path / "gold.obj")
    assert "Pr 0.25\nPm 1.0\n" in (tmp_path / "gold.mtl").read_text()


def test_the_finish_of_parts_is_a_texture_in_the_files(mesh: GeneratedMesh, tmp_path: Path):
    finish_map = np.zeros_like(mesh.texture)
    finish_map[:] = 255, 90, 200
    armored = replace(mesh, finish_map=finish_map)
    read = pygltflib.GLTF2().load(str(write_mesh(armored, tmp_path / "armor.glb")[0]))
    surface = read.materials[0].pbrMetallicRoughness
    assert (surface.metallicFactor, surface.roughnessFactor) == (1.0, 1.0)
    image = read.images[read.textures[surface.metallicRoughnessTexture.index].source]
    view = read.bufferViews[image.bufferView]
    data = read.binary_blob()[view.byteOffset : view.byteOffset + view.byteLength]
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), finish_map)
    write_mesh(armored, tmp_path / "armor.obj")
    said = (tmp_path / "armor.mtl").read_text()
    for what, key, value in (("roughness", "map_Pr", 90), ("metallic", "map_Pm", 200)):
        assert f"{key} armor_{what}.png" in said
        assert (np.asarray(Image.open(tmp_path / f"armor_{what}.png")) == value).all()


@pytest.fixture(scope="module")
def quads() -> GeneratedMesh:
    """A ball of quads."""
    from backend.mesh_pipeline import field_to_mesh
    from backend.protocol.options import MeshOptions
    from tests.surface.analytic import AnalyticField

    ball = AnalyticField(balls=((0.0, 0.0, 0.0, 0.6),))
    return field_to_mesh(ball, MeshOptions(800, 64, 32, normal_map=True, topology="quads"))


def test_obj_and_ply_have_the_quads(quads: GeneratedMesh, tmp_path: Path):
    written = write_mesh(quads, tmp_path / "ball.obj")[0].read_text()
    faces = [line.split()[1:] for line in written.splitlines() if line.startswith("f ")]
    corners = [[int(corner.split("/")[0]) - 1 for corner in face] for face in faces]
    assert corners == quads.faces.tolist()
    read = trimesh.load(write_mesh(quads, tmp_path / "ball.ply")[0], process=False)
    assert b"element face %d" % len(quads.faces) in (tmp_path / "ball.ply").read_bytes()
    assert read.is_watertight and len(read.faces) == 2 * len(quads.faces)


def test_glb_has_the_triangles_of_the_quads(quads: GeneratedMesh, tmp_path: Path):
    read = trimesh.load(write_mesh(quads, tmp_path / "ball.glb")[0], force="mesh", process=False)
    assert len(read.faces) == 2 * len(quads.faces)
    radius = np.linalg.norm(read.triangles_center, axis=1)
    assert np.abs(radius - 0.6).max() < 0.02
    assert ((read.face_normals * read.triangles_center).sum(axis=1) > 0.0).all()


def test_blend_has_the_quads_with_their_seams_marked(quads: GeneratedMesh, tmp_path: Path):
    pytest.importorskip("bpy")
    path = write_mesh(quads, tmp_path / "ball.blend")[0]
    code = (
        "import bpy, sys, json; bpy.ops.wm.open_mainfile(filepath=sys.argv[1]);"
        "mesh = bpy.data.objects[0].data;"
        "print('FOUND', json.dumps([[list(p.vertices) for p in mesh.polygons],"
        "sum(edge.use_seam for edge in mesh.edges), len(mesh.edges)]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    said = next(line for line in done.stdout.splitlines() if line.startswith("FOUND"))
    polygons, seams, edges = json.loads(said.removeprefix("FOUND"))
    assert polygons == quads.faces.tolist()
    assert 0 < seams < edges / 2


def test_the_writer_of_blend_files_is_a_module_of_the_extension():
    """Only its name is known here; it runs in a process of its own."""
    module = ROOT / Path(*blend.WRITER.split(".")).with_suffix(".py")
    functions = {
        node.name
        for node in ast.parse(module.read_text()).body
        if isinstance(node, ast.FunctionDef)
    }
    assert "write" in functions


def test_every_format_says_whether_it_has_an_animation(tmp_path: Path):
    assert {ending for ending, known in FORMATS.items() if known.animate} == {".glb", ".blend"}
    with pytest.raises(BadRequest, match=r"an animation to bear\.obj.*\.glb, \.blend$"):
        check_output(tmp_path / "bear.obj", animated=True)


def test_blend_without_bpy_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv(blend.PYTHON_VARIABLE, raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match="bpy") as caught:
        check_output(tmp_path / "bear.blend")
    assert "pip install bpy" in caught.value.remedy and ".glb" in caught.value.remedy


def test_blend_with_a_python_that_is_not_there(
    mesh: GeneratedMesh, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv(blend.PYTHON_VARIABLE, str(tmp_path / "python"))
    with pytest.raises(MissingDependency, match="cannot run"):
        write_mesh(mesh, tmp_path / "bear.blend")


def test_blend_without_a_temporary_folder(
    mesh: GeneratedMesh, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv(blend.PYTHON_VARIABLE, sys.executable)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(OutputError, match=r"temporary files in .*gone: No such file") as caught:
        write_mesh(mesh, tmp_path / "bear.blend")
    assert "TMPDIR" in caught.value.remedy


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
@pytest.mark.skipif(importlib.util.find_spec("bpy") is None, reason="bpy is not installed")
@pytest.mark.parametrize("full", ["mesh.safetensors", "out.blend"])
def test_blend_with_a_full_temporary_folder(
    mesh: GeneratedMesh, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, full: str
):
    """The disk is full for us, and for Blender itself: it saves to "out.blend@", which is here the
    device that is always full."""
    original = Path.open

    def opened(self: Path, *arguments: object, **keywords: object) -> object:
        target = Path("/dev/full") if self.name == full else self
        return original(target, *arguments, **keywords)  # type: ignore[arg-type]

    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\nln -s /dev/full "$6@"\nexec "{sys.executable}" "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv(blend.PYTHON_VARIABLE, str(script))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    if full == "mesh.safetensors":
        monkeypatch.setattr(Path, "open", opened)
    with pytest.raises(OutputError, match=r"temporary files in .*the disk is full") as caught:
        write_mesh(mesh, tmp_path / "bear.blend")
    assert "TMPDIR" in caught.value.remedy
    assert [p.name for p in tmp_path.iterdir()] == ["python"]


@pytest.mark.parametrize("name", ["bear.fbx", "bear", "bear.glb.txt"])
def test_an_unknown_ending_is_refused(mesh: GeneratedMesh, tmp_path: Path, name: str):
    with pytest.raises(BadRequest, match=r"\.glb, \.obj, \.ply, \.blend"):
        write_mesh(mesh, tmp_path / name)


def test_a_folder_that_cannot_be_written_is_found_out_first(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    for path in (tmp_path / "file" / "bear.glb", Path("/proc/bear.glb")):
        with pytest.raises(OutputError, match="cannot write"):
            check_output(path)
    folder = tmp_path / "folder.glb"
    folder.mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        check_output(folder)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_disk_leaves_the_old_file_and_no_rubbish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    old = tmp_path / "bear.glb"
    old.write_bytes(b"old")
    original = Path.open

    def full(self: Path, *arguments: object, **keywords: object) -> object:
        target = Path("/dev/full") if self.suffix == ".part" else self
        return original(target, *arguments, **keywords)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(OutputError, match="the disk is full"):
        write_files({old: b"new" * 100_000})
    monkeypatch.undo()
    assert old.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["bear.glb"]


@pytest.mark.parametrize("beside", ["bear.mtl", "bear.png", "bear_normal.png"])
def test_a_read_only_file_beside_an_obj_is_found_out_first(
    mesh: GeneratedMesh, tmp_path: Path, beside: str
):
    (tmp_path / beside).touch(mode=0o444)
    path = tmp_path / "bear.obj"
    with pytest.raises(OutputError, match=rf"{beside}: it is read-only"):
        check_output(path, normal_map=True)
    with pytest.raises(OutputError, match=rf"{beside}: it is read-only"):
        write_mesh(mesh, path)
    assert [p.name for p in tmp_path.iterdir()] == [beside]
    if beside == "bear_normal.png":  # which an object without a normal map does not need
        check_output(path)


def test_the_files_that_are_checked_are_those_that_are_written(mesh: GeneratedMesh, tmp_path: Path):
    for name in ("bear.obj", "a bear.obj", "bear.glb", "bear.ply"):
        path = tmp_path / name
        assert set(write_mesh(mesh, path)) == set(FORMATS[path.suffix].names(path, True))


def test_if_one_of_several_files_fails_none_changes(tmp_path: Path):
    good, bad = tmp_path / "a.obj", tmp_path / "missing" / "a.png"
    with pytest.raises(OutputError):
        write_files({good: b"x", bad: b"y"})
    assert list(tmp_path.iterdir()) == []
