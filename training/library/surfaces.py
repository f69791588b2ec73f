"""Surfaces as files have them: triangles of one material, and what colors them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from backend.shapes import Float, Int, UInt8
from backend.srgb import to_bytes

from .mesh import Mesh, joined, painted


class Unreadable(Exception):
    """One file cannot be used; the message says why, in words that follow the file's name.

    It never ends a build: the file becomes a row of the table.
    """


WHITE = (1.0, 1.0, 1.0, 1.0)


@dataclass
class Surface:
    """Triangles of one material. What is given is multiplied: base, vertex colors, picture."""

    vertices: Float[np.ndarray, "vertices 3"]
    faces: Int[np.ndarray, "faces 3"]
    base: tuple[float, ...] = WHITE
    """sRGB and alpha, [0, 1]."""
    vertex_colors: Float[np.ndarray, "vertices 4"] | None = None
    """sRGB and alpha, [0, 1]."""
    face_colors: Float[np.ndarray, "faces 4"] | None = None
    uv: Float[np.ndarray, "vertices 2"] | None = None
    """v up; pictures repeat."""
    picture: UInt8[np.ndarray, "height width 4"] | None = None
    cutoff: float = 0.0
    """Alpha below which the surface is not there."""

    def paint(
        self, face: Int[np.ndarray, " points"], weights: Float[np.ndarray, "points 3"]
    ) -> UInt8[np.ndarray, "points 4"]:
        color = np.broadcast_to(np.array(self.base, dtype=float), (len(face), 4)).copy()
        corners = self.faces[face]
        if self.face_colors is not None:
            color *= self.face_colors[face]
        if self.vertex_colors is not None:
            color *= np.einsum("pk,pkc->pc", weights, self.vertex_colors[corners])
        if self.uv is not None and self.picture is not None:
            uv = np.einsum("pk,pkc->pc", weights, self.uv[corners])
            height, width = self.picture.shape[:2]
            with np.errstate(invalid="ignore"):
                column = np.floor(np.nan_to_num(uv[:, 0]) * width).astype(np.int64) % width
                row = np.floor((1.0 - np.nan_to_num(uv[:, 1])) * height).astype(np.int64) % height
            color *= self.picture[row, column] / 255.0
        return to_bytes(color)

    @property
    def varied(self) -> bool:
        """Whether the color may change within a face."""
        return self.vertex_colors is not None or (self.uv is not None and self.picture is not None)


@dataclass
class ReadModel:
    """What a reader found in a file: one model."""

    surfaces: list[Surface]
    up: str
    """``y``: the file's axes are glTF's (front towards +z); ``z``: Blender's (front -y)."""
    name: str = ""
    """Name of the object inside the file, where one file holds several models."""
    description: str = ""
    tags: list[str] = field(default_factory=list)
    author: str = ""
    licence: str = ""
    warnings: list[str] = field(default_factory=list)


def to_mesh(surfaces: Sequence[Surface], detail: float) -> Mesh:
    """All surfaces as one mesh; ``detail`` as in ``painted``."""
    return joined(
        [
            painted(
                surface.vertices,
                surface.faces,
                surface.paint,
                np.full(len(surface.faces), surface.varied),
                np.full(len(surface.faces), surface.cutoff),
                detail,
            )
            for surface in surfaces
        ]
    )
