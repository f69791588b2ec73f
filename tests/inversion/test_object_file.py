"""Inverted models as files: what is written is read again, and every other file is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from backend.inversion.object_file import ObjectMetadata, objects_among, read_object, write_object
from backend.protocol.errors import BadRequest

CODE = np.array([0.5, -1.25, 3.0])
METADATA = ObjectMetadata("my  Chair", "toybox", "ab" * 32, psnr=28.5, iou=0.97, nearest="a pig")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_object(tmp_path / "chair.safetensors", CODE, METADATA)
    return tmp_path / "chair.safetensors"


def rewritten(path: Path, code: np.ndarray, **header: str) -> Path:
    whole = {"format": "att3d-object", "format_version": "1", "metadata": "{}"} | header
    save_file({"code": code.astype(np.float32)}, path, whole)
    return path


def test_what_was_written_is_read_again(file: Path):
    metadata, code = read_object(file)
    assert (metadata.name, metadata.psnr, metadata.nearest) == ("my Chair", 28.5, "a pig")
    assert (code.code, code.checkpoint_hash) == (CODE.tolist(), "ab" * 32)


def test_names_stand_in_the_place_of_the_files(file: Path):
    said, objects = objects_among(["a pig", str(file), str(file)])
    assert said == ["a pig", "my Chair", "my Chair"]
    assert {name: found.code for name, found in objects.items()} == {"my Chair": CODE.tolist()}


def test_two_models_of_one_name_are_refused(file: Path, tmp_path: Path):
    write_object(tmp_path / "other.safetensors", 2 * CODE, METADATA)
    with pytest.raises(BadRequest, match="two objects of your own are called 'my Chair'"):
        objects_among([str(file), str(tmp_path / "other.safetensors")])


@pytest.mark.parametrize(
    ("header", "code", "said"),
    [
        ({"format": "pt"}, CODE, "is not an object of your own"),
        ({"format_version": "2"}, CODE, "newer ATT3D"),
        ({"metadata": "{"}, CODE, "cannot be"),
        ({}, CODE, "the field 'name' is missing"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, header: dict[str, str], code, said: str):
    with pytest.raises(BadRequest, match=said):
        read_object(rewritten(tmp_path / "x.safetensors", code, **header))


def test_a_missing_and_a_damaged_file_are_refused(file: Path, tmp_path: Path):
    with pytest.raises(BadRequest, match="cannot be read"):
        read_object(tmp_path / "none.safetensors")
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(BadRequest, match="cannot be read"):
        read_object(file)
    write_object(file, np.array([1.0, np.nan]), METADATA)
    with pytest.raises(BadRequest, match="not finite"):
        read_object(file)
