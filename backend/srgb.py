"""sRGB and linear light, each to the other, and [0, 1] as bytes. Needs numpy only.

Pictures and vertex colors are sRGB. glTF's factors are linear, and so is whatever mixes light.
"""

from __future__ import annotations

import numpy as np

from .shapes import Float, UInt8


def linear_to_srgb(light: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Linear light as sRGB, in [0, 1]; what is outside is clipped."""
    light = np.clip(light, 0.0, 1.0)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def srgb_to_linear(color: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """sRGB as linear light, in [0, 1]; what is outside is clipped."""
    color = np.clip(color, 0.0, 1.0)
    return np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)


def to_bytes(values: Float[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape"]:
    """[0, 1] as 8 bits; what is outside is clipped."""
    return np.rint(np.clip(values, 0.0, 1.0) * 255.0).astype(np.uint8)


LINEAR_LIGHT = srgb_to_linear(np.arange(256, dtype=np.float32) / np.float32(255.0))
"""Linear light of each sRGB byte, float32."""
