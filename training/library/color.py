"""Conversion of linear colors, which glTF's factors and vertex colors are, to sRGB."""

from __future__ import annotations

import numpy as np

from backend.shapes import Float, UInt8


def to_srgb(linear: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """sRGB in [0, 1] of linear values; values out of [0, 1] are clipped."""
    clipped = np.clip(linear, 0.0, 1.0)
    return np.where(clipped <= 0.0031308, 12.92 * clipped, 1.055 * clipped ** (1 / 2.4) - 0.055)


def to_bytes(color: Float[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape"]:
    """[0, 1] as 8 bits."""
    return np.round(np.clip(color, 0.0, 1.0) * 255.0).astype(np.uint8)
