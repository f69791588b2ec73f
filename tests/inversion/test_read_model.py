"""Model files: what is read of them, held to trimesh's reading, and what is refused."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image
from trimesh.visual import ColorVisuals, TextureVisuals
from trimesh.visual.material import PBRMaterial

from backend.export.formats import write_mesh
from backend.inversion.colored_mesh import ColoredMesh
from backend.inversion.read_gltf import read_gltf
from backend.inversion.read_model import MOST_FACES, checked, model_from_base64, read_model
from backend.protocol.errors import BadRequest
from backend.textured_mesh import GeneratedMesh

from .models import ball, colored, written


def _middle_colors(model: ColoredMesh) -> np.ndarray:
    return model.color(np.arange(len(model.faces)), np.full((len(model.faces), 3), 1 / 3))


@pytest.mark.parametrize("ending", [".glb", ".obj"])
def test_what_we_write_is_read_back(mesh: GeneratedMesh, tmp_path: Path, ending: str):
    path = tmp_path / f"toy{ending}"
    write_mesh(mesh, path)
    model = read_model(path)
    want, found = mesh.vertices[mesh.faces], model.vertices[model.faces]
    np.testing.assert_allclose(found, want, atol=2e-5)
    centre = mesh.uvs.mean(axis=1)
    size = len(mesh.texture)
    row = ((1.0 - centre[:, 1]) * size).astype(int).clip(0, size - 1)
    column = (centre[:, 0] * size).astype(int).clip(0, size - 1)
    same = np.abs(_middle_colors(model) * 255 - mesh.texture[row, column]).max(axis=1) < 3
    assert same.mean() > 0.98
    assert model.colored and model.notes == ()


def test_nodes_move_turn_scale_and_mirror(tmp_path: Path):
    scene = trimesh.Scene()
    box = trimesh.creation.box((1.0, 2.0, 3.0))
    turn = np.asarray(
        trimesh.transformations.rotation_matrix(0.7, (1.0, 2.0, 0.5), (0.1, 0.2, 0.3)), dtype=float
    )
    mirror = np.diag([-1.0, 2.0, 1.0, 1.0])
    scene.add_geometry(box, node_name="above", transform=turn)
    scene.add_geometry(box, node_name="below", parent_node_name="above", transform=mirror)
    path = tmp_path / "boxes.glb"
    scene.export(path)
    model = read_model(path)
    want = trimesh.load_mesh(path)
    assert isinstance(want, trimesh.Trimesh)
    x, y, z = np.asarray(want.vertices)[want.faces].reshape(-1, 3).T
    ours = model.vertices[model.faces].reshape(-1, 3)
    theirs = np.stack([x, -z, y], axis=1)
    np.testing.assert_allclose(np.sort(ours, axis=0), np.sort(theirs, axis=0), atol=1e-5)
    corners = model.vertices[model.faces]
    volume = np.einsum("fc,fc->f", np.cross(corners[:, 0], corners[:, 1]), corners[:, 2]).sum() / 6
    assert volume == pytest.approx(18.0, rel=1e-4)  # 6 and 12; a mirrored one still looks out


def test_colors_of_materials_pictures_and_vertices(tmp_path: Path):
    plain_red = ball()
    plain_red.visual = TextureVisuals(material=PBRMaterial(baseColorFactor=[255, 0, 0, 255]))
    assert np.allclose(
        _middle_colors(read_model(written(tmp_path / "a.glb", plain_red))), [1, 0, 0]
    )

    painted = ball()
    blue = np.tile([0, 0, 255, 255], (len(painted.vertices), 1))
    painted.visual = ColorVisuals(vertex_colors=blue)
    assert np.allclose(_middle_colors(read_model(written(tmp_path / "b.glb", painted))), [0, 0, 1])

    picture = Image.new("RGB", (4, 4), (0, 200, 0))
    shown = ball()
    uv = np.zeros((len(shown.vertices), 2))
    shown.visual = TextureVisuals(uv=uv, material=PBRMaterial(baseColorTexture=picture))
    found = _middle_colors(read_model(written(tmp_path / "c.glb", shown)))
    np.testing.assert_allclose(found, np.tile([0, 200 / 255, 0], (len(found), 1)), atol=1e-3)


def test_a_model_without_color_is_gray_and_says_so(tmp_path: Path):
    path = tmp_path / "bare.obj"
    path.write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nv 1 1 0\nf 1 2 4 3\n")
    model = read_model(path)
    assert not model.colored and len(model.faces) == 2
    assert any("no color" in note for note in model.notes)


def _glb(header: dict, binary: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<2I", len(text), 0x4E4F534A) + text
    if binary:
        chunks += struct.pack("<2I", len(binary), 0x004E4942) + binary
    return struct.pack("<3I", 0x46546C67, 2, 12 + len(chunks)) + chunks


def _triangle(**more: object) -> tuple[dict, bytes]:
    """A file with one triangle."""
    binary = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32).tobytes()
    header: dict = {
        "asset": {"version": "2.0"},
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "type": "VEC3", "count": 3}],
        "bufferViews": [{"buffer": 0, "byteLength": 36}],
        "buffers": [{"byteLength": 36}],
    }
    return header | more, binary


def test_an_animated_model_is_taken_at_rest_and_says_so():
    header, binary = _triangle(animations=[{}])
    model = read_gltf(_glb(header, binary))
    assert len(model.faces) == 1
    assert any("animated" in note for note in model.notes)
    header["nodes"][0] |= {"skin": 0, "translation": [9, 9, 9]}
    model = read_gltf(_glb(header, binary))
    assert model.vertices.max() <= 1.0  # a skinned mesh's own node does not move it
    assert any("skeleton" in note for note in model.notes)


BROKEN = {
    "nothing": b"",
    "text": b"no model at all, but long enough to be one",
    "cut off": _glb(*_triangle())[:-40],
    "no triangles": _glb(_triangle(nodes=[{}])[0]),
    "draco": _glb(_triangle(extensionsRequired=["KHR_draco_mesh_compression"])[0]),
    "index out of range": _glb(
        _triangle(nodes=[{"mesh": 7}])[0],
    ),
    "view out of the file": _glb(_triangle(bufferViews=[{"buffer": 0, "byteLength": 999}])[0]),
    "nodes in a circle": _glb(_triangle(nodes=[{"children": [0]}])[0]),
    "negative count": _glb(
        *_triangle(
            accessors=[{"bufferView": 0, "componentType": 5126, "type": "VEC3", "count": -3}]
        )
    ),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_broken_files_are_refused_in_one_line(content: bytes, tmp_path: Path):
    path = tmp_path / "model.glb"
    path.write_bytes(content)
    with pytest.raises(BadRequest) as refused:
        read_model(path)
    assert "object" in refused.value.message and refused.value.remedy


def test_other_files_and_missing_ones_are_refused(tmp_path: Path):
    for name in ("model.fbx", "missing.glb", "model"):
        with pytest.raises(BadRequest):
            read_model(tmp_path / name)
    with pytest.raises(BadRequest, match="Base64"):
        model_from_base64("not base 64!")


def test_empty_flat_and_huge_models_are_refused():
    model = colored(ball())
    flat = model.moved(np.zeros_like(model.vertices))
    endless = model.moved(np.full_like(model.vertices, np.nan))
    for bad in (flat, endless):
        with pytest.raises(BadRequest, match="empty"):
            checked(bad)
    many = np.tile(model.faces[:1], (MOST_FACES + 1, 1))
    base, zeros = np.broadcast_to(model.base[:1], (len(many), 3)), np.zeros(len(many), int)
    wide = np.broadcast_to(model.corners[:1], (len(many), 3, 3))
    huge = ColoredMesh(model.vertices, many, base, wide, wide[:, :, :2], zeros)
    with pytest.raises(BadRequest, match="too large"):
        checked(huge)
