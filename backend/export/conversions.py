"""Conventions of the files we write. Inside the program: Blender's axes, v up, texture rows down.

Each function is named by what it turns into what; each pair is its own inverse.
"""

from __future__ import annotations

import numpy as np

from ..shapes import Float


def z_up_to_y_up(vectors: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
    """Blender to glTF and OBJ: the front, -y, becomes +z."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    return np.stack([x, z, -y], axis=-1)


def y_up_to_z_up(vectors: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
    """glTF and OBJ to Blender."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    return np.stack([x, -z, y], axis=-1)


def v_up_to_v_down(uvs: Float[np.ndarray, "*n 2"]) -> Float[np.ndarray, "*n 2"]:
    """Blender (origin at the texture's lower left) to glTF (upper left)."""
    return np.stack([uvs[..., 0], 1.0 - uvs[..., 1]], axis=-1)


def v_down_to_v_up(uvs: Float[np.ndarray, "*n 2"]) -> Float[np.ndarray, "*n 2"]:
    """glTF to Blender."""
    return v_up_to_v_down(uvs)
