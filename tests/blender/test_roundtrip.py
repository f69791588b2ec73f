"""An animated chain in other programs: saved, exported, and read back, corner by corner.

The truth is what Blender shows of the original at eight frames, with an edited place and a scaled
strip in the NLA.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pygltflib
import pytest

from .conftest import INSIDE, SECONDS, run_blender, run_job

pytestmark = pytest.mark.timeout(SECONDS)
FPS = 24
NEAR = 1e-4
"""Metres; the object is about one metre."""


@dataclass(frozen=True)
class Film:
    folder: Path
    frames: np.ndarray
    corners: np.ndarray
    """f32[T, 3 F, 3], world."""
    colors: np.ndarray
    """f64[T, 2], green and blue of the whole object, linear light."""
    output: str


@pytest.fixture(scope="session")
def film(
    bpy_python: Path,
    extension: Path,
    tiny_checkpoint_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Film:
    folder = tmp_path_factory.mktemp("film")
    zip, checkpoint = str(extension), str(tiny_checkpoint_path)
    done = run_job(bpy_python, folder, "roundtrip.py", zip=zip, checkpoint=checkpoint)
    if not (folder / "truth.npz").is_file():
        pytest.fail(done.stdout)
    truth = np.load(folder / "truth.npz")
    return Film(folder, truth["frames"], truth["corners"], truth["colors"], done.stdout)


def test_object_moves(film: Film) -> None:
    """Otherwise the comparisons below would say nothing."""
    travel = np.linalg.norm(film.corners - film.corners[:1], axis=-1).max(axis=1)
    assert travel[0] == 0 and (travel[1:] > 0.01).all()
    assert np.ptp(film.corners[0], axis=0).min() > 0.2


@pytest.mark.parametrize("suffix", ["glb", "usdc", "abc"])
def test_blender_imports_what_was_exported(film: Film, suffix: str) -> None:
    path = film.folder / f"{suffix}.npz"
    assert path.is_file(), film.output
    corners = np.load(path)["corners"]
    assert corners.shape == film.corners.shape
    assert np.abs(corners - film.corners).max() < NEAR


@pytest.mark.parametrize("name", ["chain.glb", "copy.glb"])
def test_morph_targets_in_a_file_of_their_own_reader(film: Film, name: str) -> None:
    """pygltflib knows nothing of Blender; here glTF's own arithmetic gives the same corners."""
    gltf = pygltflib.GLTF2().load(str(film.folder / name))
    assert gltf is not None
    read = reader(gltf)
    (node,) = [node for node in gltf.nodes if node.mesh is not None]
    (primitive,) = gltf.meshes[node.mesh].primitives
    base = read(primitive.attributes.POSITION)
    targets = np.stack([read(target["POSITION"]) for target in primitive.targets])
    indices = read(primitive.indices).reshape(-1)
    (animation,) = gltf.animations
    (weights,) = [c for c in animation.channels if c.target.path == "weights"]
    sampler = animation.samplers[weights.sampler]
    times = read(sampler.input).reshape(-1)
    values = read(sampler.output).reshape(len(times), len(targets))
    assert sampler.interpolation == "LINEAR"
    for frame, wanted in zip(film.frames, film.corners, strict=True):
        moment = frame / FPS
        assert times[0] - 1e-4 <= moment <= times[-1] + 1e-4
        weight = [np.interp(moment, times, values[:, i]) for i in range(len(targets))]
        local = (base + np.tensordot(weight, targets, axes=1))[indices]
        world = rotated(local, node.rotation) + np.array(node.translation)
        blender = np.stack([world[:, 0], -world[:, 2], world[:, 1]], -1)  # y up to z up
        assert np.abs(blender - wanted).max() < NEAR, frame
    assert gltf.meshes[node.mesh].extras["targetNames"][-1] == "03 a tree in winter"
    assert len(gltf.images) == 1, "one texture, and it is there"


def test_changing_colors_are_in_the_morph_targets(film: Film) -> None:
    """By glTF's own arithmetic, as a viewer that reads COLOR_0 of targets would show them."""
    gltf = pygltflib.GLTF2().load(str(film.folder / "colored.glb"))
    assert gltf is not None, film.output
    read = reader(gltf)
    (mesh,) = gltf.meshes
    (primitive,) = mesh.primitives
    assert primitive.attributes.COLOR_0 is not None
    assert "_VERTEX" not in gltf.to_json(), "what was only needed on the way"
    base = read(primitive.attributes.COLOR_0)
    targets = np.stack([read(target["COLOR_0"]) for target in primitive.targets])
    assert base.shape == read(primitive.attributes.POSITION).shape
    (animation,) = gltf.animations
    (weights,) = [c for c in animation.channels if c.target.path == "weights"]
    sampler = animation.samplers[weights.sampler]
    times = read(sampler.input).reshape(-1)
    values = read(sampler.output).reshape(len(times), len(targets))
    for frame, wanted in zip(film.frames, film.colors, strict=True):
        weight = [np.interp(frame / FPS, times, values[:, i]) for i in range(len(targets))]
        shown = base + np.tensordot(weight, targets, axes=1)
        assert np.abs(shown[:, 1:] - wanted).max() < 0.02, frame
    assert np.ptp(film.colors, axis=0).max() > 0.2, "and they do change"
    assert not gltf.images and not gltf.materials[0].pbrMetallicRoughness.baseColorTexture


def test_changing_colors_are_in_every_frame_of_a_usd_file(film: Film) -> None:
    text = (film.folder / "colored.usda").read_text(encoding="utf-8")
    samples = text.partition("primvars:displayColor.timeSamples = {")[2].partition("}")[0]
    found = ast.literal_eval("{" + samples + "}")
    for frame, wanted in zip(film.frames.tolist(), film.colors, strict=True):
        at = min(max(frame, min(found)), max(found))  # at its ends nothing changes
        assert np.abs(np.array(found[at])[:, 1:] - wanted).max() < 0.02


def test_changing_colors_are_in_every_frame_of_an_alembic_file(film: Film) -> None:
    found = np.load(film.folder / "colored.npz")
    for wanted, colors in zip(film.colors, found["colors"], strict=True):
        assert np.abs(colors[:, 1:] - wanted).max() < 0.02
    assert np.abs(found["corners"] - film.corners).max() < NEAR, "the shape too"


def reader(gltf: pygltflib.GLTF2) -> Callable[[int], np.ndarray]:
    """Reads an accessor of the file, also a sparse one."""
    blob = gltf.binary_blob()
    kinds = {5121: np.uint8, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
    widths = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}

    def part(view: int, offset: int | None, kind: int, count: int, width: int) -> np.ndarray:
        start = (gltf.bufferViews[view].byteOffset or 0) + (offset or 0)
        return np.frombuffer(blob, kinds[kind], count * width, start).reshape(count, width)

    def read(index: int) -> np.ndarray:
        a = gltf.accessors[index]
        width = widths[a.type]
        if a.bufferView is None:
            values = np.zeros((a.count, width), kinds[a.componentType])
        else:
            values = part(a.bufferView, a.byteOffset, a.componentType, a.count, width).copy()
        if (s := a.sparse) is not None:
            which = part(s.indices.bufferView, s.indices.byteOffset, s.indices.componentType,
                         s.count, 1)  # fmt: skip
            values[which.reshape(-1)] = part(
                s.values.bufferView, s.values.byteOffset, a.componentType, s.count, width
            )
        return values

    return read


def rotated(points: np.ndarray, quaternion: list[float]) -> np.ndarray:
    x, y, z, w = quaternion
    axis = np.array([x, y, z])
    return points + 2 * np.cross(axis, np.cross(axis, points) + w * points)


def test_file_moves_without_the_extension_and_without_scripts(film: Film, bpy_python: Path) -> None:
    bare = film.folder / "bare"
    bare.mkdir()
    out = bare / "seen.npz"
    arguments = (str(INSIDE / "reopen.py"), str(film.folder / "chain.blend"), str(out))
    done = run_blender(bpy_python, bare, *arguments, seconds=120)
    assert out.is_file(), done.stdout
    seen = np.load(out)
    assert np.abs(seen["corners"] - film.corners).max() < 1e-6
    assert seen["packed"].all() and len(seen["packed"]) == 5
    assert os.path.getsize(film.folder / "chain.blend") > 0
