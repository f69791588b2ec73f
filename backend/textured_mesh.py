"""The mesh that a prompt becomes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .prompts.materials import PLAIN, Finish
from .shapes import Float, Int, UInt8


@dataclass
class GeneratedMesh:
    """A textured mesh in Blender's axes (z up, front at -y), metres."""

    vertices: Float[np.ndarray, "vertices 3"]
    """Positions, float32."""
    faces: Int[np.ndarray, "faces corners"]
    """int32, three or four corners, counter-clockwise seen from outside; a quad ``a b c d`` is the
    triangles ``a b c`` and ``a c d``."""
    uvs: Float[np.ndarray, "faces corners 2"]
    """float32, per corner; (0, 0) is the lower left of the texture."""
    texture: UInt8[np.ndarray, "size size 3"]
    """sRGB; the top row first."""
    normal_map: UInt8[np.ndarray, "size size 3"] | None = None
    """Tangent space, +Y up (Blender, glTF), linear; the top row first."""
    finish: Finish = PLAIN
    """Metal and roughness where there is no ``finish_map``."""
    finish_map: UInt8[np.ndarray, "size size 3"] | None = None
    """Metal (blue) and roughness (green) of every texel, as glTF has them, linear."""
    timings: dict[str, float] = field(default_factory=dict)
    """Seconds by stage."""
    notes: list[str] = field(default_factory=list)
    """What a person should know: unknown words, specks dropped."""
    prompt: str = ""
    checkpoint_hash: str = ""
