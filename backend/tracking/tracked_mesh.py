"""One mesh for a whole chain: one topology and UV layout, positions for each key, textures."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..protocol.chain_quality import AlphaQuality, TopologyChange
from ..shapes import Float, UInt8
from ..srgb import LINEAR_LIGHT
from ..surface.topology import NewFaces, Polygons, triangulated


@dataclass
class TrackedMesh:
    """One mesh in Blender's axes (z up, front at -y), metres. Between keys all is blended linearly
    in alpha."""

    prompts: list[str]
    alphas: Float[np.ndarray, " keys"]
    """Rising, from 0 to N-1; every whole number is a key."""
    names: list[str]
    """Names of the keys."""
    faces: Polygons
    """int32, triangles or quads, counter-clockwise seen from outside."""
    uvs: Float[np.ndarray, "faces corners 2"]
    """float32, per corner; (0, 0) is the lower left of the texture."""
    positions: Float[np.ndarray, "keys vertices 3"]
    """Positions at each key, float32."""
    textures: UInt8[np.ndarray, "textures size size 3"]
    """sRGB; the top row first."""
    texture_alphas: Float[np.ndarray, " textures"]
    """Where these are: some of :attr:`alphas`, every prompt among them."""
    quality: list[AlphaQuality] = field(default_factory=list)
    """Quality at the keys."""
    between: list[AlphaQuality] = field(default_factory=list)
    drift_pct: float = 0.0
    changes: list[TopologyChange] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)
    """Seconds by stage."""
    notes: list[str] = field(default_factory=list)
    checkpoint_hash: str = ""

    @property
    def triangles(self) -> NewFaces:
        """The faces, quads cut in two."""
        return triangulated(self.faces)

    def prompts_of_keys(self) -> list[str]:
        """Each key's prompt; empty for a key between two prompts."""
        return [
            self.prompts[round(float(alpha))] if float(alpha).is_integer() else ""
            for alpha in self.alphas
        ]

    def at(self, alpha: float) -> Float[np.ndarray, "vertices 3"]:
        """Positions at any alpha: what shape keys driven by ``max(0, 1 - |...|)`` show."""
        after, share = place(self.alphas, alpha)
        return (1 - share) * self.positions[after - 1] + share * self.positions[after]

    def texture_at(self, alpha: float) -> UInt8[np.ndarray, "size size 3"]:
        """The texture at any alpha: two neighbours mixed in linear light, as a material does."""
        after, share = place(self.texture_alphas, alpha)
        return mix(self.textures[after - 1], self.textures[after], float(share))


def mix(
    one: UInt8[np.ndarray, "*shape"], other: UInt8[np.ndarray, "*shape"], share: float
) -> UInt8[np.ndarray, "*shape"]:
    """sRGB bytes between two, mixed in linear light: ``share`` of the other."""
    light = (1 - share) * LINEAR_LIGHT[:, None] + share * LINEAR_LIGHT
    table = np.searchsorted(0.5 * (LINEAR_LIGHT[1:] + LINEAR_LIGHT[:-1]), light).astype(np.uint8)
    return table[one, other]


def place(alphas: Float[np.ndarray, " alphas"], alpha: float) -> tuple[int, np.float32]:
    """The index of the one after ``alpha``, and its share there."""
    after = int(np.clip(np.searchsorted(alphas, alpha), 1, len(alphas) - 1))
    first, second = alphas[after - 1], alphas[after]
    return after, np.float32(np.clip((alpha - first) / (second - first), 0.0, 1.0))
