"""Fewer textures where blending their neighbours shows the same colours. numpy only.

A material may use about sixteen images before graphics drivers refuse it, and every image makes the
.blend larger.
"""

from __future__ import annotations

import numpy as np

MOST = 16
"""Textures of one material."""
UNSEEN = 0.01
"""Root mean square difference, linear light in [0, 1], that nobody sees in a moving picture."""
_STEP = 4


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
    """sRGB u8 to linear light f32 in [0, 1], as Blender mixes colours."""
    return _LINEAR[pixels]


def to_srgb(light: np.ndarray) -> np.ndarray:
    """Linear light in [0, 1] to sRGB u8; the inverse of :func:`to_linear`."""
    light = np.clip(light, 0.0, 1.0)
    encoded = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.round(encoded * 255).astype(np.uint8)


def _difference(
    small: list[np.ndarray], alphas: np.ndarray, before: int, after: int, index: int
) -> float:
    share = (alphas[index] - alphas[before]) / (alphas[after] - alphas[before])
    blend = small[before] * (1 - share) + small[after] * share
    return float(np.sqrt(np.mean((blend - small[index]) ** 2)))


def _table() -> np.ndarray:
    values = np.arange(256, dtype=np.float32) / 255
    low, high = values / 12.92, ((values + 0.055) / 1.055) ** 2.4
    return np.where(values <= 0.04045, low, high).astype(np.float32)


_LINEAR = _table()
