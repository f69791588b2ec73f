"""Checkpoints that somebody else made: whatever they hold, it is refused by name or harmless."""

# The extension's package is made up while the tests run.
# pyright: reportMissingImports=false

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file

from backend.inference.model import NumpyModel
from backend.model.checkpoint import load_checkpoint
from backend.model.checkpoint_file import read_metadata
from backend.protocol.errors import CheckpointError
from backend.protocol.foreign_text import DEPTH, one_line, parse_json, printable
from backend.server.checkpoint_list import list_checkpoints
from tests.wire import extension as _wire  # noqa: F401  # makes the package of the extension

from att3d_extension.blender_addon.checkpoints import card, catalog, prompt_index  # isort: skip

ROOT = Path(__file__).resolve().parents[2]
ESCAPES = "\x1b]0;owned\x07\x1b[2J\x9b31m\r\x08\u202e\u2028\ud800"
Reader = Callable[[Path], object]
readers = pytest.mark.parametrize("reader", [load_checkpoint, NumpyModel])


def foreign(
    source: Path,
    target: Path,
    *,
    tensors: dict[str, torch.Tensor] | None = None,
    header: dict[str, str] | None = None,
    **metadata: object,
) -> Path:
    """A copy of a checkpoint with other tensors, header fields, and fields of its metadata."""
    with safe_open(source, framework="pt") as file:
        said = dict(file.metadata())
        held = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    said["metadata"] = json.dumps(json.loads(said["metadata"]) | metadata)
    save_file(held | (tensors or {}), target, said | (header or {}))
    return target


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def obeyed(text: str) -> set[str]:
    """Characters that a terminal would act on."""
    return {c for c in text if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or c == "\u202e"}


# --- texts ----------------------------------------------------------------------------------


@given(st.text(st.characters()))
def test_nothing_printable_is_obeyed(text: str) -> None:
    assert obeyed(printable(text)) <= {"\n", "\t"}
    assert not obeyed(one_line(text))
    assert printable(printable(text)) == printable(text)
    printable(text).encode()


@pytest.mark.parametrize("text", ["Größe 豚 🐖", "👩\u200d🚀", "פיל", "a\n\tb"])
def test_what_people_write_stays(text: str) -> None:
    assert printable(text) == text


def test_json_is_read_to_a_depth_at_which_it_can_be_walked() -> None:
    assert json.dumps(parse_json(nested(DEPTH))) == nested(DEPTH)
    for depth in (DEPTH + 1, 600, 5_000, 200_000):
        with pytest.raises(ValueError, match="nested deeper"):
            parse_json(nested(depth))
    assert parse_json('{"a\\u001b": ["\\ud800"]}') == {"a\ufffd": ["\ufffd"]}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_numbers_that_json_does_not_have_are_read_as_none(number: str) -> None:
    assert parse_json(f'[{number}, {{"a": {number}}}, 1.5]') == [None, {"a": None}, 1.5]


def test_what_is_said_of_a_file_is_json_whatever_its_numbers_are(
    tiny_checkpoint_path: Path, tmp_path: Path
) -> None:
    """NaN in figures is harmless; it must not spoil the output for the program that reads it."""
    odd = {"psnr": {"seen": float("nan"), "unseen": [float("inf"), 3]}}
    path = foreign(tiny_checkpoint_path, tmp_path / "a.safetensors", metrics=odd, recipe=odd)
    done = subprocess.run(
        [sys.executable, "-m", "backend", "info", "--json", str(path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout, parse_constant=pytest.fail)
    assert said["metrics"] == said["recipe"] == {"psnr": {"seen": None, "unseen": [None, 3]}}
    metadata = catalog.metadata(path)
    assert metadata is not None
    json.dumps(metadata, allow_nan=False)


def test_a_configuration_without_a_number_is_refused(
    tiny_checkpoint_path: Path, tmp_path: Path
) -> None:
    config = json.loads(json.dumps(dataclasses.asdict(read_metadata(tiny_checkpoint_path).config)))
    path = foreign(
        tiny_checkpoint_path, tmp_path / "a.safetensors", config=config | {"gain": float("nan")}
    )
    with pytest.raises(CheckpointError, match="gain must be a number"):
        read_metadata(path)


def test_no_text_of_a_file_moves_the_cursor(tiny_checkpoint_path: Path, tmp_path: Path) -> None:
    path = foreign(
        tiny_checkpoint_path,
        tmp_path / "a.safetensors",
        name=f"bear\nbear{ESCAPES}",
        description=f"A bear.\n\nA bear.{ESCAPES}",
        limits=ESCAPES,
        licence=ESCAPES,
        prompts=[f"a bear{ESCAPES}"],
        metrics={ESCAPES: 1.0, "a": {ESCAPES: 2}},
        recipe={"preset": ESCAPES, "deep": [ESCAPES]},
    )
    said = read_metadata(path)
    assert not obeyed(json.dumps(dataclasses.asdict(said), ensure_ascii=False)) - {"\n"}
    for command in (["info", str(path)], ["checkpoints", str(tmp_path)]):
        done = subprocess.run(
            [sys.executable, "-m", "backend", *command],
            cwd=ROOT,
            capture_output=True,
            check=True,
            env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        )
        assert not obeyed(done.stdout.decode()) - {"\n"}
        assert b"bear bear" in done.stdout
    read = card.read_card(path)
    shown = [read.name, read.summary, *(part for fact in read.facts for part in fact)]
    assert not obeyed("".join(shown))
    assert not obeyed(prompt_index.prompt_index(path, wait=True).prompts[0])


@readers
def test_no_error_moves_the_cursor(
    reader: Reader, tiny_checkpoint_path: Path, tmp_path: Path
) -> None:
    target = tmp_path / "a.safetensors"
    foreign(tiny_checkpoint_path, target, tensors={f"x{ESCAPES[:-1]}": torch.zeros(1)})
    with pytest.raises(CheckpointError, match="unknown tensor") as caught:
        reader(target)
    assert not obeyed(caught.value.message)
    foreign(tiny_checkpoint_path, target, config={ESCAPES: 1})
    with pytest.raises(CheckpointError, match="unknown field") as caught:
        reader(target)
    assert not obeyed(caught.value.message)


# --- types and values -----------------------------------------------------------------------


@readers
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", 7), ("name", None), ("prompts", ["a pig", 7]), ("unseen", [["a pig"]]),
        ("words", "pig"), ("words", [None]), ("synonyms", {"hog": 1}), ("synonyms", ["hog"]),
        ("text_encoder", "small"), ("recipe", []), ("metrics", 3), ("licence", {}),
        ("prompts", ["pig " * 501]),
    ],
)  # fmt: skip
def test_every_field_has_its_type(
    reader: Reader, tiny_checkpoint_path: Path, tmp_path: Path, field: str, value: Any
) -> None:
    path = foreign(tiny_checkpoint_path, tmp_path / "a.safetensors", **{field: value})
    with pytest.raises(CheckpointError, match=f"metadata: {field}"):
        reader(path)


@readers
@pytest.mark.parametrize("text", ["[]", "7", "null", "{}", "", nested(5_000), '{"name": "x"}'])
def test_metadata_of_another_kind_is_refused(
    reader: Reader, tiny_checkpoint_path: Path, tmp_path: Path, text: str
) -> None:
    target = tmp_path / "a.safetensors"
    with pytest.raises(CheckpointError):
        reader(foreign(tiny_checkpoint_path, target, header={"metadata": text}))


@readers
@pytest.mark.parametrize("version", ["", "0", "-1", "3.0", "1e0", " 3", "٣", "9" * 5_000])
def test_a_format_version_that_is_none_is_refused(
    reader: Reader, tiny_checkpoint_path: Path, tmp_path: Path, version: str
) -> None:
    target = tmp_path / "a.safetensors"
    with pytest.raises(CheckpointError, match="format version"):
        reader(foreign(tiny_checkpoint_path, target, header={"format_version": version}))


@readers
def test_a_newer_format_version_is_refused(
    reader: Reader, tiny_checkpoint_path: Path, tmp_path: Path
) -> None:
    target = tmp_path / "a.safetensors"
    with pytest.raises(CheckpointError, match="newer than this ATT3D reads") as caught:
        reader(foreign(tiny_checkpoint_path, target, header={"format_version": "4"}))
    assert caught.value.remedy == "update ATT3D"


@readers
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_no_tensor_holds_numbers_that_are_not_finite(
    reader: Reader, tiny_checkpoint_path: Path, tmp_path: Path, value: float
) -> None:
    with safe_open(tiny_checkpoint_path, framework="pt") as file:
        held = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    names = [name for name, tensor in held.items() if tensor.is_floating_point()]
    assert any(name.startswith("text.") for name in names)
    if reader is NumpyModel:  # which reads no environment map
        names = [name for name in names if not name.startswith("environment.")]
    for name in names:
        broken = held[name].clone()
        broken.view(-1)[-1] = value
        path = foreign(tiny_checkpoint_path, tmp_path / "a.safetensors", tensors={name: broken})
        with pytest.raises(CheckpointError, match="not finite"):
            reader(path)


@readers
def test_tensors_of_other_types_and_shapes_are_refused(
    reader: Reader, tiny_checkpoint_path: Path, tmp_path: Path
) -> None:
    with safe_open(tiny_checkpoint_path, framework="pt") as file:
        held = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    text = next(name for name in held if name.startswith("text."))
    scale = next(name for name in held if name.endswith(".scale"))
    integers = scale.replace(".scale", ".integers")
    for changed in (
        {text: held[text].to(torch.int32)},
        {"mlp.head.bias": held["mlp.head.bias"].to(torch.float8_e4m3fn)},
        {scale: torch.tensor(1.0)},
        {scale: held[scale][:, None]},
        {scale: held[scale].to(torch.int16)},
        {integers: torch.tensor(1, dtype=torch.int8)},
    ):
        path = foreign(tiny_checkpoint_path, tmp_path / "a.safetensors", tensors=changed)
        with pytest.raises(CheckpointError):
            reader(path)


# --- lists ----------------------------------------------------------------------------------


@pytest.fixture
def folder(tiny_checkpoint_path: Path, tmp_path: Path) -> Path:
    """One good file among files of which each could end or stop a list."""
    shutil.copy(tiny_checkpoint_path, tmp_path / "good.safetensors")
    for name, changed in {
        "brackets": {"header": {"metadata": nested(5_000)}},
        "array": {"header": {"metadata": "[1]"}},
        "types": {"name": 7, "prompts": 7, "unseen": {"a": 1}, "words": 3, "text_encoder": "x"},
        "long": {"prompts": ["pig " * 100_000], "name": "bear " * 100_000},
    }.items():
        arguments: dict[str, Any] = dict(changed)
        foreign(tiny_checkpoint_path, tmp_path / f"{name}.safetensors", **arguments)
    (tmp_path / "empty.safetensors").touch()
    (tmp_path / "noise.safetensors").write_bytes(b"\xff" * 4096)
    (tmp_path / "folder.safetensors").mkdir()
    if sys.platform != "win32":
        os.mkfifo(tmp_path / "pipe.safetensors")
        os.mkfifo(tmp_path / "good.safetensors.sha256")
        (tmp_path / "loop.safetensors").symlink_to("loop.safetensors")
        (tmp_path / "dangling.safetensors").symlink_to("nowhere")
    return tmp_path


def test_one_file_never_hides_the_others_from_the_backend(folder: Path) -> None:
    entries = {Path(entry.path).stem: entry for entry in list_checkpoints([str(folder)])}
    named = {path.stem for path in folder.glob("*.safetensors")}
    assert named <= entries.keys()
    sound = {stem for stem in named if not entries[stem].problem}
    assert sound == {"good"}
    assert "nested deeper" in entries["brackets"].problem


def test_one_file_never_hides_the_others_from_the_extension(folder: Path) -> None:
    found = {choice.path.stem: choice for choice in catalog.choices(str(folder))}
    assert found["good"].label == "tiny"
    assert len(found["good"].prompts) == len(read_metadata(found["good"].path).prompts)
    assert len(found["long"].label) <= 100
    for path in folder.glob("*.safetensors"):
        choice = catalog.Choice(str(path), path, False)
        assert choice.description
        card.read_card(path)
        card.fingerprint(path)
        catalog.hash_of(path)
        if path.exists():
            assert prompt_index.prompt_index(path, wait=True) is not None


def test_a_folder_of_nobody_hides_no_other(folder: Path) -> None:
    entries = list_checkpoints(["~nobody-of-this-name/x", "/nowhere", str(folder)])
    assert "good" in {Path(entry.path).stem for entry in entries}
