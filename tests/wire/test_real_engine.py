"""The process that ships, with a real (tiny) checkpoint: from prompt to arrays and pictures."""

from __future__ import annotations

import base64
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image
from trimesh.visual import TextureVisuals
from trimesh.visual.material import PBRMaterial

from backend.protocol import jsonrpc as rpc
from backend.protocol.errors import BadPrompt, BadRequest, Cancelled, CheckpointError
from tests.timed import within

from .extension import arrays
from .pipes import ROOT, Pipes
from .test_server import CANCEL_SECONDS

BACKEND = [sys.executable, "-m", "backend", "serve"]
HEAVY = ("torch", "scipy", "numpy", "safetensors", "PIL")
READY_SECONDS = 6.0
"""From starting the process to ready, with a warm disk cache."""


@pytest.fixture(scope="module")
def backend(
    tiny_checkpoint_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Pipes, float, float]]:
    """A process with the tiny checkpoint, and when it answered and was ready."""
    start = time.monotonic()
    cache = str(tmp_path_factory.mktemp("cache"))
    with Pipes(BACKEND, extra={"ATT3D_CACHE": cache}) as pipes:
        pipes.shake(checkpoint=str(tiny_checkpoint_path))
        answered = time.monotonic() - start
        pipes.notification("$/status", state="ready")
        yield pipes, answered, time.monotonic() - start


@pytest.fixture
def wire(backend: tuple[Pipes, float, float]) -> Pipes:
    backend[0].kept.clear()
    return backend[0]


@pytest.mark.timed
def test_the_handshake_and_the_model_come_in_time(backend: tuple[Pipes, float, float]) -> None:
    _, answered, ready = backend
    assert answered < ready
    assert within(answered, 1.5) and within(ready, READY_SECONDS)


def test_the_handshake_does_not_wait_for_torch(tmp_path: Path) -> None:
    """Torch, and what is as heavy, cannot be imported before the handshake was answered."""
    for name in HEAVY:
        (tmp_path / f"{name}.py").write_text(
            f"import pathlib, time\nwhile not pathlib.Path({str(tmp_path / 'go')!r}).exists():\n"
            f"    time.sleep(0.01)\nraise ImportError('{name} came late')\n"
        )
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    with Pipes(BACKEND, extra={"PYTHONPATH": path}) as pipes:
        pipes.shake()
        (tmp_path / "go").touch()
        assert pipes.notification("$/status", state="failed")
        pipes.request(1, "generate", prompt="a pig")
        assert "came late" in str(pipes.error(1))


@pytest.mark.skipif(os.name == "nt", reason="Windows deletes no folder that is in use")
def test_a_backend_that_is_started_in_a_deleted_folder_works(
    tiny_checkpoint_path: Path, tmp_path: Path
) -> None:
    """A person deleted the folder that Blender was started in."""
    gone = tmp_path / "gone"
    gone.mkdir()
    command = f'cd "{gone}" && rmdir "{gone}" && exec "{sys.executable}" -m backend serve'
    with Pipes(["/bin/sh", "-c", command]) as pipes:
        pipes.shake(checkpoint=str(tiny_checkpoint_path))
        pipes.request(1, "generate", prompt="a pig", faces=300, texture_size=64, resolution=32)
        assert Path(pipes.result(1)["mesh"]).is_file()


def test_generate(wire: Pipes, tiny_checkpoint_path: Path) -> None:
    wire.request(
        1, "generate", prompt="a pig wearing a tophat", faces=500, texture_size=64, resolution=32
    )
    result = wire.result(1)
    mesh = arrays.read_mesh(Path(result["mesh"]))
    assert len(mesh.faces) == result["faces"] <= 500
    assert mesh.texture.shape == (64, 64, 3)
    assert Path(result["checkpoint"]) == tiny_checkpoint_path
    assert len(result["checkpoint_hash"]) == 64
    assert {"text", "density", "contour", "uv", "bake", "total"} <= result["timings"].keys()
    fractions = [fraction for fraction, _ in wire.progress(1)]
    assert len(fractions) >= 5
    assert fractions == sorted(fractions)


def test_object_between_two_prompts(wire: Pipes) -> None:
    """At a prompt it is that prompt's object; in between it is another, and says what it is."""
    size = {"faces": 500, "texture_size": 64, "resolution": 32}
    chain = ["a pig", "a lion", "a pig on a chair"]
    wire.request(1, "generate", prompt="a lion", **size)
    wire.request(2, "generate", prompt="", chain=chain, alpha=1.0, **size)
    wire.request(3, "generate", prompt="", chain=chain, alpha=0.25, **size)
    lion, end, between = (wire.result(id) for id in (1, 2, 3))
    meshes = [arrays.read_mesh(Path(result["mesh"])) for result in (lion, end, between)]
    np.testing.assert_allclose(meshes[1].vertices, meshes[0].vertices, atol=1e-5)
    assert end["prompt"] == "a lion"
    assert between["prompt"] == "75% a pig, 25% a lion"
    assert meshes[2].vertices.shape != meshes[0].vertices.shape or not np.allclose(
        meshes[2].vertices, meshes[0].vertices, atol=1e-4
    )
    wire.request(4, "generate", prompt="", chain=chain, alpha=2.5, **size)
    assert "alpha" in wire.error(4).message


def test_unknown_words_are_noted(wire: Pipes) -> None:
    wire.request(1, "generate", prompt="a zebra", faces=500, texture_size=64, resolution=32)
    assert "zebra" in " ".join(wire.result(1)["notes"])


def test_render(wire: Pipes) -> None:
    wire.request(1, "render", prompt="a pig", views=2, size=32)
    picture = np.asarray(Image.open(wire.result(1)["image"]))
    assert picture.shape == (32, 64, 3)
    assert picture[16, 16].min() < 250  # the ball in front of white


def test_checkpoints(wire: Pipes, tiny_checkpoint_path: Path, tmp_path: Path) -> None:
    (tmp_path / "wrong.safetensors").write_bytes(b"PK\x03\x04")
    folders = [str(tiny_checkpoint_path.parent), str(tmp_path), str(tmp_path / "nowhere")]
    wire.request(1, "checkpoints", folders=folders)
    found = {entry["path"]: entry for entry in wire.result(1)["checkpoints"]}
    tiny = found[str(tiny_checkpoint_path)]
    assert (tiny["name"], tiny["problem"]) == ("tiny", "")
    assert tiny["bytes"] == tiny_checkpoint_path.stat().st_size
    assert "pickle" in found[str(tmp_path / "wrong.safetensors")]["problem"]


def test_info(wire: Pipes) -> None:
    wire.request(1, "info")
    info = wire.result(1)
    assert info["state"] == "ready"
    assert info["engine"]["name"] == "tiny"


def test_errors(wire: Pipes, tmp_path: Path) -> None:
    wire.request(1, "generate", prompt="  ")
    assert isinstance(wire.error(1), BadPrompt)
    wire.request(2, "generate", prompt="a pig", checkpoint=str(tmp_path / "none.safetensors"))
    assert isinstance(wire.error(2), CheckpointError)


@pytest.mark.timed
@pytest.mark.parametrize("delay", [0.0, 0.2, 0.6])
def test_cancel_in_any_stage(wire: Pipes, delay: float) -> None:
    wire.request(1, "generate", prompt="a pig", faces=20_000, texture_size=2048, resolution=256)
    wire.notification("$/progress", id=1)
    time.sleep(delay)
    sent = time.monotonic()
    wire.notify("$/cancel", id=1)
    at, answer = wire.answer(1)
    assert isinstance(answer, rpc.ErrorResponse)
    assert isinstance(answer.error, Cancelled)
    assert within(at - sent, CANCEL_SECONDS)


def _ball_file() -> str:
    """A red ball as the Base64 of a .glb."""
    mesh = trimesh.creation.icosphere(subdivisions=2, radius=0.5)
    mesh.visual = TextureVisuals(material=PBRMaterial(baseColorFactor=[200, 40, 30, 255]))
    content = mesh.export(file_type="glb")
    assert isinstance(content, bytes)
    return base64.b64encode(content).decode()


def test_a_model_is_inverted_and_stands_in_a_chain(wire: Pipes) -> None:
    wire.request(30, "invert", name="mine", data=_ball_file(), turn=0.0)
    result = wire.result(30)
    assert result["name"] == "mine" and result["iou"] > 0.8
    objects = {"Mine": result["object"]}
    wire.request(31, "preview", prompts=["mine", "a pig"], alpha=0.5, objects=objects)
    assert wire.result(31)["faces"] > 0
    wire.request(
        32, "generate", prompt="mine", objects=objects, faces=300, texture_size=64, resolution=32
    )
    assert wire.result(32)["notes"] == []  # it is no unknown word
    other = {"mine": {**result["object"], "checkpoint_hash": "0" * 64}}
    wire.request(33, "generate", prompt="mine", objects=other)
    assert "another model" in wire.error(33).message
    short = {"mine": {**result["object"], "code": [1.0]}}
    wire.request(34, "generate", prompt="mine", objects=short)
    assert "1 numbers" in wire.error(34).message


def test_an_inversion_is_cancelled_and_bad_models_are_refused(wire: Pipes) -> None:
    wire.request(40, "invert", name="mine", data=_ball_file())
    wire.notification("$/progress", id=40)
    wire.notify("$/cancel", id=40)
    assert isinstance(wire.error(40), Cancelled)
    for index, params in enumerate(({}, {"data": "AAAA"}, {"path": "/nowhere.glb"})):
        wire.request(41 + index, "invert", name="mine", **params)
        assert isinstance(wire.error(41 + index), BadRequest)


def test_shares_of_several_prompts(wire: Pipes) -> None:
    prompts = ["a pig", "a lion", "a pig on a chair"]
    small = {"faces": 300, "texture_size": 64, "resolution": 32}
    wire.request(50, "generate", prompt="", chain=prompts, weights=[0.2, 0.3, 0.5], **small)
    assert wire.result(50)["prompt"] == "20% a pig, 30% a lion, 50% a pig on a chair"
    wire.request(51, "interpolate", prompts=prompts, weights=[[1, 0, 0], [0.2, 0.3, 0.5]], **small)
    result = wire.result(51)
    assert result["prompts"] == ["a pig", "20% a pig, 30% a lion, 50% a pig on a chair"]
    for index, bad in enumerate(([0.5, 0.5], [0.5, 0.4, 0.0], [1.5, -0.5, 0.0])):
        wire.request(52 + index, "preview", prompts=prompts, weights=bad)
        assert "weight" in wire.error(52 + index).message
    wire.request(59, "preview", prompts=["a pig", "a lion", "A  pig"], weights=[0.5, 0.5, 0])
    assert "equal" in wire.error(59).message
