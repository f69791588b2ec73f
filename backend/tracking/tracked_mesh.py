"""One mesh for a whole chain: one topology and UV layout, positions and a texture for each key."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..protocol.messages import AlphaQuality, TopologyChange
from ..shapes import Float, Int, UInt8


@dataclass
class TrackedMesh:
    """In Blender's axes (z up, front at -y), metres. Between keys everything is blended linearly
    in alpha."""

    prompts: list[str]
    alphas: Float[np.ndarray, " keys"]
    """Rising, from 0 to N-1; every whole number is a key."""
    names: list[str]
    """Of the keys."""
    faces: Int[np.ndarray, "faces 3"]
    """int32, counter-clockwise seen from outside."""
    uvs: Float[np.ndarray, "faces 3 2"]
    """float32, per corner; (0, 0) is the lower left of the texture."""
    positions: Float[np.ndarray, "keys vertices 3"]
    """float32."""
    textures: UInt8[np.ndarray, "keys size size 3"]
    """sRGB; the top row first."""
    quality: list[AlphaQuality] = field(default_factory=list)
    """At the keys."""
    between: list[AlphaQuality] = field(default_factory=list)
    drift_pct: float = 0.0
    changes: list[TopologyChange] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)
    """Seconds by stage."""
    notes: list[str] = field(default_factory=list)
    checkpoint_hash: str = ""

    def prompts_of_keys(self) -> list[str]:
        """Each key's prompt; empty for a key between two prompts."""
        return [
            self.prompts[round(float(alpha))] if float(alpha).is_integer() else ""
            for alpha in self.alphas
        ]

    def at(self, alpha: float) -> Float[np.ndarray, "vertices 3"]:
        """Positions at any alpha: what shape keys driven by ``max(0, 1 - |...|)`` show."""
        after = int(np.clip(np.searchsorted(self.alphas, alpha), 1, len(self.alphas) - 1))
        first, second = self.alphas[after - 1], self.alphas[after]
        share = np.float32(np.clip((alpha - first) / (second - first), 0.0, 1.0))
        return (1 - share) * self.positions[after - 1] + share * self.positions[after]
