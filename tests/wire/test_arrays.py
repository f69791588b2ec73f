"""The extension's reader of .safetensors files against the library that writes them."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save, save_file

from .extension import arrays, errors, safetensors_reader

TYPES = [np.float32, np.float16, np.int32, np.uint8]


def write(path: Path, header: Any, body: bytes = b"") -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)
    return path


def entry(**changes: Any) -> dict[str, Any]:
    return {"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]} | changes}


def square() -> dict[str, np.ndarray]:
    return {
        "vertices": np.zeros((4, 3), np.float32),
        "faces": np.array([[0, 1, 2], [0, 2, 3]], np.int32),
        "uvs": np.zeros((2, 3, 2), np.float32),
        "texture": np.zeros((8, 8, 3), np.uint8),
    }


@given(
    st.lists(st.tuples(st.sampled_from(TYPES), st.lists(st.integers(0, 4), max_size=3)), max_size=4)
)
def test_reads_what_the_library_writes(
    tmp_path_factory: pytest.TempPathFactory, wanted: list[tuple[type, list[int]]]
) -> None:
    numbers = np.random.default_rng(0)
    written = {
        f"array {i}": numbers.integers(0, 255, shape).astype(kind)
        for i, (kind, shape) in enumerate(wanted)
    }
    path = tmp_path_factory.mktemp("arrays") / "x.safetensors"
    save_file(written, path, metadata={"made by": "a test"})
    read = safetensors_reader.read_arrays(path)
    assert read.keys() == written.keys()
    for name, array in written.items():
        assert read[name].dtype == array.dtype
        np.testing.assert_array_equal(read[name], array)


@given(data=st.data())
def test_a_damaged_file_is_refused_or_read_but_never_anything_else(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray(save(square()))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, 300))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    path = tmp_path_factory.mktemp("arrays") / "x.safetensors"
    path.write_bytes(content[:cut])
    with contextlib.suppress(errors.ProtocolError):
        arrays.read_mesh(path)


@pytest.mark.parametrize(
    ("header", "body", "text"),
    [
        (b"", b"", "not JSON"),
        (b"[]", b"", "not an object"),
        (b"[" * 100_000, b"", "not JSON"),
        ({"a": 3}, b"", "malformed"),
        (entry(extra=1), b"abcd", "malformed"),
        (entry(dtype="F64"), b"abcd", "'F64'"),
        (entry(dtype=["U8"]), b"abcd", "not one of"),
        (entry(shape=[5]), b"abcd", "does not fit"),
        (entry(shape=[-4]), b"abcd", "shape is malformed"),
        (entry(shape=[True] * 4), b"abcd", "shape is malformed"),
        (entry(shape=[2**31, 2**31, 0]), b"abcd", "does not fit"),
        (entry(shape=[1] * 9), b"abcd", "shape is malformed"),
        (entry(data_offsets=[0, 5]), b"abcd", "outside"),
        (entry(data_offsets=[4, 0]), b"abcd", "outside"),
        (entry(data_offsets=[-4, 0]), b"abcd", "outside"),
        (entry(), b"abcdefg", "no array"),
        (entry(data_offsets=[1, 5]), b"abcde", "gap"),
        (entry() | {"b": entry()["a"]}, b"abcd", "overlap"),
    ],
)
def test_a_header_that_lies_is_named(tmp_path: Path, header: Any, body: bytes, text: str) -> None:
    with pytest.raises(errors.ProtocolError, match=text):
        safetensors_reader.read_arrays(write(tmp_path / "x.safetensors", header, body))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\xff" * 100, (10).to_bytes(8, "little")])
def test_another_kind_of_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(errors.ProtocolError, match="truncated or not"):
        safetensors_reader.read_arrays(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(errors.ProtocolError, match="cannot be read"):
        safetensors_reader.read_arrays(tmp_path / "nothing.safetensors")


def test_a_mesh(tmp_path: Path) -> None:
    save_file(square(), tmp_path / "x")
    mesh = arrays.read_mesh(tmp_path / "x")
    assert mesh.normal_map is None
    assert mesh.texture.shape == (8, 8, 3)
    assert not mesh.vertices.flags.writeable


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"faces": None}, "not a mesh"),
        ({"secret": np.zeros(1, np.uint8)}, "not a mesh"),
        ({"faces": np.array([[0, 1, 4]], np.int32)}, "uvs"),
        ({"faces": np.array([[0, 1, 4], [0, 1, 2]], np.int32)}, "does not exist"),
        ({"faces": np.array([[0, 1, -1], [0, 1, 2]], np.int32)}, "does not exist"),
        ({"vertices": np.zeros((4, 2), np.float32)}, "vertices"),
        ({"vertices": np.zeros((4, 3), np.float16)}, "vertices"),
        ({"vertices": np.full((4, 3), np.nan, np.float32)}, "not finite"),
        ({"uvs": np.full((2, 3, 2), np.inf, np.float32)}, "not finite"),
        ({"texture": np.zeros((8, 4, 3), np.uint8)}, "texture"),
        ({"texture": np.zeros((), np.uint8)}, "texture"),
        ({"normal_map": np.zeros((8, 8, 4), np.uint8)}, "normal_map"),
    ],
)
def test_a_mesh_that_blender_should_not_see_is_named(
    tmp_path: Path, change: dict[str, np.ndarray | None], text: str
) -> None:
    changed = {k: v for k, v in (square() | change).items() if v is not None}
    save_file(changed, tmp_path / "x")
    with pytest.raises(errors.ProtocolError, match=text):
        arrays.read_mesh(tmp_path / "x")
