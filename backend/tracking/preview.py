"""The true object at one alpha as a quick untextured mesh: what a slider shows while dragged."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..field_reader import Field, Reader
from ..progress import CancelToken
from ..shapes import Float, Int, UInt8
from ..surface.contour import contour


@dataclass
class PreviewMesh:
    """A vertex-colored mesh in Blender's axes, metres; no faces where the object has no surface."""

    vertices: Float[np.ndarray, "vertices 3"]
    """Positions, float32."""
    faces: Int[np.ndarray, "faces 3"]
    """int32, counter-clockwise seen from outside."""
    colors: UInt8[np.ndarray, "vertices 3"]
    """Colors of the vertices, sRGB."""
    timings: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    checkpoint_hash: str = ""


def preview_mesh(source: Field, resolution: int) -> PreviewMesh:
    """Contour a whole grid of ``resolution`` samples along each axis; color the vertices.

    Nothing is cleaned, decimated or unwrapped: a drag of the slider asks for ten of these a second.
    """
    reader = Reader(source, CancelToken())
    grid = reader.dense(resolution)
    if not (grid[1:-1, 1:-1, 1:-1] > source.level).any():
        return PreviewMesh(
            np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32), np.zeros((0, 3), np.uint8)
        )
    vertices, faces = contour(grid, source.level, source.bound, reader.cancel)
    vertices = vertices.astype(np.float32)
    colors = np.rint(255.0 * reader.color(vertices))
    return PreviewMesh(vertices, faces.astype(np.int32), colors.astype(np.uint8))
