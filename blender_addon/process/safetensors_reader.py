"""A reader of .safetensors files, with numpy alone. No bpy.

The format: eight bytes with the length of a JSON header, the header, then the arrays' bytes. The
header maps a name to ``dtype``, ``shape`` and ``data_offsets``. Blender has no safetensors package.
"""

from __future__ import annotations

import json
import math
import zlib
from pathlib import Path

import numpy as np

from ...backend.protocol.errors import ProtocolError

MAX_HEADER = 1024 * 1024
"""Bytes; ours take some hundreds."""
MAX_FILE = 2 * 1024**3
DTYPES = {"F32": "<f4", "F16": "<f2", "I32": "<i4", "U8": "|u1"}
COMPRESSED = ".z"
"""Suffix of a file that zlib has compressed, as the history keeps them."""
_MAX_DIMENSIONS = 8


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a .safetensors file, or of a compressed one (``.z``), by name, read-only.

    Raises:
        ProtocolError: the file cannot be read, or its header does not describe its bytes.
    """
    try:
        size = path.stat().st_size
        if size > MAX_FILE:
            raise ProtocolError(f"{path.name} is larger than {MAX_FILE} bytes.")
        data = path.read_bytes()
        if path.suffix == COMPRESSED:
            unpacker = zlib.decompressobj()
            data = unpacker.decompress(data, MAX_FILE)
            if not unpacker.eof:
                raise ProtocolError(f"{path.name} is cut off, or holds more than {MAX_FILE} bytes.")
    except OSError as error:
        raise ProtocolError(f"{path} cannot be read: {error.strerror}.") from error
    except zlib.error as error:
        raise ProtocolError(f"{path.name} is damaged: {error}.") from error
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > MAX_HEADER or 8 + length > len(data):
        raise ProtocolError(f"{path.name} is truncated or not a .safetensors file.")
    try:
        header = json.loads(data[8 : 8 + length].decode())
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"{path.name} has a header that is not JSON: {error}.") from None
    if not isinstance(header, dict):
        raise ProtocolError(f"{path.name} has a header that is not an object.")
    header.pop("__metadata__", None)
    body = memoryview(data)[8 + length :]
    spans: list[tuple[int, int]] = []
    arrays: dict[str, np.ndarray] = {}
    for name, entry in header.items():
        dtype, shape, start, end = _entry(path, name, entry, len(body))
        spans.append((start, end))
        arrays[name] = np.frombuffer(body[start:end], dtype).reshape(shape)
    # As the format demands: no byte belongs to two arrays, or to none.
    place = 0
    for start, end in sorted(spans):
        if start != place:
            raise ProtocolError(f"{path.name} has arrays that overlap or leave a gap.")
        place = end
    if place != len(body):
        raise ProtocolError(f"{path.name} has bytes that belong to no array.")
    return arrays


def _entry(
    path: Path, name: str, entry: object, size: int
) -> tuple[np.dtype, tuple[int, ...], int, int]:
    where = f"{path.name}, array {name[:40]!r}:"
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ProtocolError(f"{where} its description is malformed.")
    code, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(code, str) or code not in DTYPES:
        raise ProtocolError(f"{where} the type {str(code)[:20]!r} is not one of {list(DTYPES)}.")
    if not _whole(shape) or len(shape) > _MAX_DIMENSIONS:
        raise ProtocolError(f"{where} its shape is malformed.")
    if not _whole(offsets) or len(offsets) != 2 or not offsets[0] <= offsets[1] <= size:
        raise ProtocolError(f"{where} its bytes are outside the file.")
    dtype = np.dtype(DTYPES[code])
    if math.prod(shape) * dtype.itemsize != offsets[1] - offsets[0]:
        raise ProtocolError(f"{where} its shape does not fit its bytes.")
    return dtype, tuple(shape), offsets[0], offsets[1]


def _whole(values: object) -> bool:
    """Whether this is a list of whole numbers that are not negative."""
    return isinstance(values, list) and all(
        isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_FILE
        for value in values
    )


def expect(
    path: Path, name: str, array: np.ndarray, dtype: str, shape: tuple[int | None, ...]
) -> None:
    """Raise ProtocolError unless the array has this type and shape; None: any length."""
    fits = len(array.shape) == len(shape) and all(
        want is None or want == have for want, have in zip(shape, array.shape, strict=True)
    )
    if not fits or array.dtype != np.dtype(dtype):
        raise ProtocolError(f"{path.name}: {name} is {array.dtype}{list(array.shape)}.")
