"""Textures as arrays: PNG files, linear light, and which of a chain a material needs. No bpy.

A material may use about sixteen images before graphics drivers refuse it, and every image makes the
.blend larger; so textures are left out where blending their neighbours shows the same colors.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

from ...backend.srgb import LINEAR_LIGHT, linear_to_srgb, to_bytes

MOST = 16
"""Textures of one material."""
UNSEEN = 0.01
"""Root mean square difference, linear light in [0, 1], that nobody sees in a moving picture."""
_STEP = 4


def png_bytes(picture: np.ndarray) -> bytes:
    """A PNG file of u8[H, W, C], top row first; C = 3, or 4 with alpha that is not premultiplied.

    Each row is stored as its difference to the one above. Standard library and numpy: Blender has
    no other encoder that may run beside its main thread.
    """
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


def textures_to_keep(alphas: np.ndarray, textures: np.ndarray) -> list[int]:
    """Which textures the material needs; those of the prompts are always among them.

    Args:
        alphas: f32[K], rising; a whole number is a prompt.
        textures: u8[K, S, S, 3].

    Returns:
        Indices into the keys, rising; at most :data:`MOST` unless there are more prompts.
    """
    small = [to_linear(texture[::_STEP, ::_STEP]) for texture in textures]
    kept = list(range(len(alphas)))
    while True:
        removable = [i for i in range(1, len(kept) - 1) if alphas[kept[i]] % 1 != 0]
        if not removable:
            return kept
        errors = {}
        for i in removable:
            before, after = kept[i - 1], kept[i + 1]
            # All that lie between the two that would be blended, also those that went before.
            errors[i] = max(
                _difference(small, alphas, before, after, j) for j in range(before + 1, after)
            )
        least = min(errors, key=lambda i: errors[i])
        if errors[least] > UNSEEN and len(kept) <= MOST:
            return kept
        del kept[least]


def to_linear(pixels: np.ndarray) -> np.ndarray:
    """sRGB u8 to linear light f32 in [0, 1], as Blender mixes colors."""
    return LINEAR_LIGHT[pixels]


def to_srgb(light: np.ndarray) -> np.ndarray:
    """Linear light in [0, 1] to sRGB u8; the inverse of :func:`to_linear`."""
    return to_bytes(linear_to_srgb(light))


def _difference(
    small: list[np.ndarray], alphas: np.ndarray, before: int, after: int, index: int
) -> float:
    share = (alphas[index] - alphas[before]) / (alphas[after] - alphas[before])
    blend = small[before] * (1 - share) + small[after] * share
    return float(np.sqrt(np.mean((blend - small[index]) ** 2)))
