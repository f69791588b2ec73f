"""Textures as PNG files in memory, encoded where it does not hold up the window. No bpy.

Blender takes 70 ms to pack a picture of 1024 x 1024 that it has only as pixels, and its window
stands still meanwhile. A picture that comes as a PNG is packed at once. :func:`prepare` makes it in
another thread; :func:`png` returns what was prepared, or makes it now.
"""

from __future__ import annotations

import struct
import threading
import weakref
import zlib

import numpy as np

_Key = tuple[int, tuple[int, ...]]
_ready: dict[_Key, bytes] = {}
_lock = threading.Lock()


def prepare(pictures: np.ndarray) -> None:
    """Encode u8[..., S, S, 3] and remember the files as long as the array lives."""
    flat = pictures.reshape(-1, *pictures.shape[-3:])
    keys = [_key(picture) for picture in flat]
    for key, picture in zip(keys, flat, strict=True):
        data = encode(picture)
        with _lock:
            _ready[key] = data
    weakref.finalize(pictures, _forget, keys).atexit = False


def png(picture: np.ndarray) -> bytes:
    """The PNG file of u8[H, W, 3], top row first."""
    with _lock:
        data = _ready.get(_key(picture))
    return encode(picture) if data is None else data


def encode(picture: np.ndarray) -> bytes:
    """The PNG file of u8[H, W, 3], top row first; each row as its difference to the one above."""
    height, width, channels = picture.shape
    pixels = np.ascontiguousarray(picture).reshape(height, width * channels)
    rows = np.empty((height, 1 + width * channels), np.uint8)
    rows[:, 0] = 2  # the filter "up"
    rows[0, 1:] = pixels[0]
    np.subtract(pixels[1:], pixels[:-1], out=rows[1:, 1:])  # modulo 256, as the format wants it
    kind = {3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    body = zlib.compress(rows.data, 4)
    parts = (_chunk(b"IHDR", header), _chunk(b"IDAT", body), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _key(picture: np.ndarray) -> _Key:
    """Where it is in memory: a view of the same pixels is the same picture."""
    return picture.__array_interface__["data"][0], picture.shape


def _forget(keys: list[_Key]) -> None:
    with _lock:
        for key in keys:
            _ready.pop(key, None)
