"""The true object at one alpha as a quick untextured mesh: what a slider shows while dragged."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from ..field_reader import MeshableField, Reader
from ..progress import CancelToken
from ..shapes import Float, Int, UInt8
from ..surface.contour import contour


@dataclass
class PreviewMesh:
    """A vertex-colored mesh in Blender's axes, metres; no faces where the object has no surface."""

    vertices: Float[np.ndarray, "vertices 3"]
    """float32."""
    faces: Int[np.ndarray, "faces 3"]
    """int32, counter-clockwise seen from outside."""
    colors: UInt8[np.ndarray, "vertices 3"]
    """sRGB."""
    timings: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    checkpoint_hash: str = ""


@runtime_checkable
class DenseField(MeshableField, Protocol):
    """A field that can be read on a whole grid at once."""

    def dense(self, resolution: int) -> Tensor: ...


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch to one thread: a preview is too small to share out, and threads that wait for one
    another on a busy machine take many times as long."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def preview_mesh(source: DenseField, resolution: int) -> PreviewMesh:
    """Contour a whole grid of ``resolution`` samples along each axis; color the vertices.

    Nothing is cleaned, decimated or unwrapped: a drag of the slider asks for ten of these a second.
    """
    grid = source.dense(resolution).double().cpu().numpy()
    if not (grid[1:-1, 1:-1, 1:-1] > source.level).any():
        return PreviewMesh(
            np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32), np.zeros((0, 3), np.uint8)
        )
    vertices, faces = contour(grid, source.level, source.bound, CancelToken())
    vertices = vertices.astype(np.float32)
    colors = Reader(source, CancelToken()).color(vertices).clip(0.0, 1.0)
    return PreviewMesh(vertices, faces.astype(np.int32), np.rint(255.0 * colors).astype(np.uint8))
