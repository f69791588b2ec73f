"""``att3d invert``, what it makes in other commands, and shares of several prompts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import trimesh
from safetensors.numpy import load_file, save_file

from backend import cli
from backend.inversion.object_file import ObjectMetadata, objects_among, write_object
from backend.protocol.errors import BadRequest
from tests.tiny import tiny_checkpoint

SMALL = ["--faces", "300", "--texture-size", "64", "--resolution", "32"]


def att3d(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "backend", *map(str, arguments)]
    root = Path(__file__).resolve().parents[2]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=folder, env={**_env(folder, root)}, check=False
    )


def _env(folder: Path, root: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(root), "ATT3D_CACHE": str(folder / "cache")}


def test_a_model_stands_in_a_chain_like_a_prompt(tmp_path: Path, tiny_checkpoint_path: Path):
    trimesh.creation.icosphere(subdivisions=2, radius=0.5).export(tmp_path / "ball.glb")
    tiny = ["--checkpoint", tiny_checkpoint_path]
    done = att3d(tmp_path, "invert", "ball.glb", "-o", "my-ball.safetensors", *tiny, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["name"] == "my ball" and report["iou"] > 0.8
    assert any("no color" in note for note in report["notes"])
    assert {"load", "model", "text", "place", "fit", "pictures", "total"} <= set(report["seconds"])

    made = att3d(
        tmp_path, "interpolate", "my-ball.safetensors", "a pig", "-o", "chain.glb", *tiny, *SMALL
    )
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "chain.glb").stat().st_size > 1000
    still = att3d(
        tmp_path, "interpolate", "my-ball.safetensors", "a pig", "a lion", "--weights",
        "0.5,0.3,0.2", "-o", "still.glb", *tiny, *SMALL, "--json",
    )  # fmt: skip
    assert still.returncode == 0, still.stderr
    assert json.loads(still.stdout)["prompts"] == ["50% my ball, 30% a pig, 20% a lion"]

    other = tiny_checkpoint(tmp_path / "other.safetensors", seed=5)
    refused = att3d(
        tmp_path, "generate", "my-ball.safetensors", "-o", "x.glb", "--checkpoint", other
    )
    assert refused.returncode == 2 and "another model" in refused.stderr

    numbers = load_file(tmp_path / "my-ball.safetensors")["code"]
    assert numbers.dtype == np.float32 and np.isfinite(numbers).all()


@pytest.mark.skipif(os.name == "nt", reason="no pipes among its files")
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_an_object_that_never_ends_is_no_object(tmp_path: Path, make):
    make(tmp_path / "mine.safetensors")
    with pytest.raises(BadRequest, match="cannot be read") as refused:
        objects_among([str(tmp_path / "mine.safetensors"), "a pig"])
    assert "att3d invert" in refused.value.remedy


@pytest.mark.parametrize("command", [["generate"], ["interpolate", "a pig"]])
@pytest.mark.parametrize(
    ("named", "said"), [(True, "another model than"), (False, "is not bundled")]
)
def test_an_object_of_another_checkpoint_is_refused(
    tmp_path: Path, tiny_checkpoint_path: Path, capsys, command, named, said
):
    """What one model means by v, another does not."""
    own = tmp_path / "mine.safetensors"
    metadata = ObjectMetadata("mine", "another", "0" * 64, psnr=30.0, iou=0.9)
    write_object(own, np.zeros(4, np.float32), metadata)
    checkpoint = ["--checkpoint", str(tiny_checkpoint_path)] if named else []
    output = ["-o", str(tmp_path / "x.glb")]
    assert cli.main([*command, str(own), *output, *checkpoint]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 2
    assert not (tmp_path / "x.glb").exists()


@pytest.mark.parametrize("turn", ["nan", "inf", "-inf", "1e999"])
def test_a_turn_that_is_no_number_is_refused_before_the_model_is_read(tmp_path: Path, capsys, turn):
    arguments = ["invert", "missing.glb", "-o", str(tmp_path / "x.safetensors"), "--turn", turn]
    assert cli.main(arguments) == 2
    assert "no number of degrees" in capsys.readouterr().err


def test_bad_input_is_refused_in_two_lines(tmp_path: Path, tiny_checkpoint_path: Path):
    (tmp_path / "empty.obj").write_text("v 0 0 0\n")
    (tmp_path / "bad.glb").write_bytes(b"glTF" + b"\0" * 40)
    save_file({"code": np.zeros(3, np.float32)}, tmp_path / "foreign.safetensors")
    tiny = ["--checkpoint", tiny_checkpoint_path]
    for arguments in (
        ["invert", "missing.glb", "-o", "x.safetensors"],
        ["invert", "empty.obj", "-o", "x.safetensors"],
        ["invert", "bad.glb", "-o", "x.safetensors"],
        ["invert", "empty.obj", "-o", "x.glb"],
        ["generate", "foreign.safetensors", "-o", "x.glb", *tiny],
        ["interpolate", "a pig", "a lion", "--weights", "0.5", "-o", "x.glb", *tiny],
        ["interpolate", "a pig", "a lion", "--weights", "much,more", "-o", "x.glb", *tiny],
    ):
        done = att3d(tmp_path, *arguments)
        assert done.returncode == 2, (arguments, done.stderr)
        error, remedy = done.stderr.strip().splitlines()
        assert error.startswith("error: ") and remedy.startswith("try: ")
    assert not list(tmp_path.glob("x.*"))
