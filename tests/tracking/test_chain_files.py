"""A chain as a file: read back by independent readers; and the command line."""

from __future__ import annotations

import importlib.util
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pygltflib
import pytest
import trimesh
from PIL import Image

from backend import cli
from backend.commands.interpolate import frames_of_prompts
from backend.export.blend import chain_blend_bytes
from backend.export.conventions import y_up_to_z_up
from backend.export.gltf import animated_glb_bytes, lost
from backend.protocol.errors import BadRequest
from backend.tracking.tracked_mesh import TrackedMesh

SMALL = ["--faces", "300", "--texture-size", "64", "--resolution", "32", "--keys", "2"]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def chain() -> TrackedMesh:
    """A tetrahedron that grows, then leans; red, green, blue."""
    faces = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]], np.int32)
    base = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    corners = np.array([[0.1, 0.1], [0.9, 0.1], [0.1, 0.9]], np.float32)
    textures = np.zeros((3, 64, 64, 3), np.uint8)
    for key in range(3):
        textures[key, ..., key] = 255
    return TrackedMesh(
        prompts=["small", "leaning"],
        alphas=np.array([0.0, 0.25, 1.0], np.float32),
        names=["01 small", "01.25 small - leaning", "02 leaning"],
        faces=faces,
        uvs=np.tile(corners, (4, 1, 1)),
        positions=np.stack([base, 2 * base, base + np.array([0.5, 0, 0])]).astype(np.float32),
        textures=textures,
        texture_alphas=np.array([0.0, 0.25, 1.0], np.float32),
    )


def parse(content: bytes) -> Any:
    """By a reader without types."""
    return pygltflib.GLTF2.load_from_bytes(content)


def read(document: Any, index: int) -> np.ndarray:
    accessor = document.accessors[index]
    view = document.bufferViews[accessor.bufferView]
    assert accessor.componentType == pygltflib.FLOAT
    width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3}[accessor.type]
    content = document.binary_blob()[view.byteOffset :]
    return np.frombuffer(content, np.float32, accessor.count * width).reshape(-1, width)


def test_morph_targets_are_the_keys(chain: TrackedMesh) -> None:
    document = parse(animated_glb_bytes(chain, [0.0, 0.5, 2.0]))
    primitive = document.meshes[0].primitives[0]
    base = read(document, primitive.attributes.POSITION)
    assert document.meshes[0].extras["targetNames"] == chain.names[1:]
    for key, target in enumerate(primitive.targets, start=1):
        shown = y_up_to_z_up(base + read(document, target["POSITION"]))
        # Split at seams: every vertex of the key is there, and no other.
        assert {tuple(row) for row in shown.round(5)} == {
            tuple(row) for row in chain.positions[key].round(5)
        }


def test_the_animation_shows_each_key_at_its_time(chain: TrackedMesh) -> None:
    document = parse(animated_glb_bytes(chain, [0.0, 0.5, 2.0]))
    (animation,) = document.animations
    (channel,) = animation.channels
    assert channel.target.path == "weights"
    sampler = animation.samplers[channel.sampler]
    assert sampler.interpolation == "LINEAR"
    assert read(document, sampler.input).ravel().tolist() == [0.0, 0.5, 2.0]
    weights = read(document, sampler.output).reshape(3, 2)
    assert weights.tolist() == [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    times = document.accessors[sampler.input]
    assert (times.min, times.max) == ([0.0], [2.0])


def test_colors(chain: TrackedMesh) -> None:
    first = parse(animated_glb_bytes(chain, [0, 1, 2]))
    view = first.bufferViews[first.images[0].bufferView]
    blob = first.binary_blob()[view.byteOffset : view.byteOffset + view.byteLength]
    assert Image.open(io.BytesIO(blob)).getpixel((32, 32)) == (255, 0, 0)
    assert "small" in lost(chain, "first")
    vertex = parse(animated_glb_bytes(chain, [0, 1, 2], "vertex"))
    primitive = vertex.meshes[0].primitives[0]
    base = read(vertex, primitive.attributes.COLOR_0)
    np.testing.assert_array_equal(base, np.tile([1.0, 0.0, 0.0], (len(base), 1)))
    blue = base + read(vertex, primitive.targets[1]["COLOR_0"])
    np.testing.assert_array_equal(blue, np.tile([0.0, 0.0, 1.0], (len(base), 1)))
    assert not vertex.images
    assert "vertex colors" in lost(chain, "vertex")


def test_another_reader_agrees(chain: TrackedMesh) -> None:
    scene = trimesh.load(io.BytesIO(animated_glb_bytes(chain, [0, 1, 2])), file_type="glb")
    assert isinstance(scene, trimesh.Scene)
    (mesh,) = scene.geometry.values()
    assert len(mesh.faces) == 4
    assert mesh.volume == pytest.approx(1 / 6, rel=1e-4)


@pytest.mark.parametrize(
    ("frames", "expected"),
    [([], [1, 49, 97]), ([10], [1, 11, 21]), ([5, 6, 100], [5, 6, 100]), ([-5, 0, 3], [-5, 0, 3])],
)
def test_frames(frames: list[int], expected: list[int]) -> None:
    assert frames_of_prompts(frames, 3) == expected


@pytest.mark.parametrize(
    ("frames", "says"),
    [
        ([1, 2], "3 prompts and 2 frames"),
        ([1, 9, 5], "prompt 3 is at frame 5"),
        ([1, 9, 9], "not after frame 9"),
        ([0], "at least one"),
        ([10**6], "Blender's last frame"),
        ([0, 5, 2**31], "Blender's last frame"),
        ([-(2**40), 0, 5], "Blender's last frame"),
    ],
)
def test_frames_that_do_not_fit(frames: list[int], says: str) -> None:
    with pytest.raises(BadRequest, match=says):
        frames_of_prompts(frames, 3)


# --- the command line ---------------------------------------------------------------------------


@pytest.fixture
def att3d(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Run:
    monkeypatch.setenv("ATT3D_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = cli.main(["interpolate", *(str(argument) for argument in arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_json(att3d: Run, tiny_checkpoint_path: Path, tmp_path: Path) -> None:
    where = ["--checkpoint", tiny_checkpoint_path, "-o", "chain.glb"]
    code, out, _ = att3d("a pig", "a lion", *where, "--json", "--frames", 24, *SMALL)
    assert code == 0
    report = json.loads(out)
    assert report["frames"] == [1, 25]
    assert [key["alpha"] for key in report["keys"]] == [0.0, 1.0]
    assert report["between"]
    for quality in (*report["keys"], *report["between"]):
        assert quality.keys() == {
            "alpha",
            "chamfer_mean_pct",
            "chamfer_p95_pct",
            "normal_consistency",
            "flipped_area_pct",
            "visible_backfaces_pct",
            "farthest_pct",
            "missing_pct",
            "silhouette_iou",
            "picture_psnr_db",
            "extra_pixels_pct",
            "missing_pixels_pct",
            "color_mean_pct",
            "color_p95_pct",
        }
    assert report["drift_pct"] < 0.1
    assert report["changes"] == []
    assert {"load", "fields", "keys", "bake", "quality", "write", "total"} <= set(report["seconds"])
    assert any("glTF cannot blend" in note for note in report["notes"])
    document = parse((tmp_path / "chain.glb").read_bytes())
    assert len(document.meshes[0].primitives[0].targets) == 1
    times = document.accessors[document.animations[0].samplers[0].input]
    assert times.max == [1.0]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["a pig", "-o", "x.glb"], "at least two prompts"),
        (["a pig", "a pig", "-o", "x.glb"], "are equal"),
        (["-o", "x.glb", *(f"a pig {i}" for i in range(20))], "at most 16"),
        (["a pig", "a lion", "-o", "x.obj"], ".glb, .blend"),
        (["a pig", "a lion", "-o", "x.glb", "--frames", "9", "1"], "not after frame 9"),
        (["a pig", "a lion", "-o", "x.glb", "--fps", "0"], "fps"),
        (["a pig", "a lion", "-o", "x.glb", "--keys", "99"], "keys"),
        (["a pig", "a lion", "-o", "."], "ending"),
    ],
)
def test_bad_input_is_refused_in_one_line(att3d: Run, arguments: list[str], says: str) -> None:
    code, out, err = att3d(*arguments, "--checkpoint", "there-is-none.safetensors")
    assert code == 2
    assert not out
    assert says in err.splitlines()[0]
    assert err.splitlines()[1].startswith("try: ")


def test_an_unwritable_file_is_refused_before_the_model_is_loaded(
    att3d: Run, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    code, _, err = att3d("a pig", "a lion", "-o", "file/x.glb", "--checkpoint", "none")
    assert code == 2
    assert "cannot write" in err


@pytest.mark.skipif(importlib.util.find_spec("bpy") is None, reason="needs bpy")
def test_blend(chain: TrackedMesh, tmp_path: Path) -> None:
    """Opened without the extension, the object follows its property at every frame."""
    path = tmp_path / "chain.blend"
    path.write_bytes(chain_blend_bytes(chain, [1, 41], fps=20))
    program = """
import json, sys
import bpy, numpy
bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
(ob,) = (other for other in bpy.data.objects if other.type == "MESH")
scene, blocks = bpy.context.scene, ob.data.shape_keys.key_blocks
facts = {
    "keys": [block.name for block in blocks],
    "range": [scene.frame_start, scene.frame_end, scene.render.fps],
    "shown": {},
}
for frame in (1, 41):
    scene.frame_set(frame)
    seen = ob.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
    place = numpy.zeros(3 * len(seen.vertices))
    seen.vertices.foreach_get("co", place)
    place = place.reshape(-1, 3)
    facts["shown"][frame] = (place.max(0) - place.min(0)).tolist()
    facts[frame] = ob["Interpolation"]
print("FACTS" + json.dumps(facts))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("FACTS"))
    facts = json.loads(line.removeprefix("FACTS"))
    assert facts["keys"] == ["Basis", *chain.names[1:]]
    assert facts["range"] == [1, 41, 20]
    assert (facts["1"], facts["41"]) == (0.0, 1.0)
    for frame, key in ((1, 0), (41, 2)):
        np.testing.assert_allclose(
            facts["shown"][str(frame)], np.ptp(chain.positions[key], axis=0), atol=1e-5
        )
