"""The true object at one alpha as a quick untextured mesh: what a slider shows while dragged."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import mcubes
import numpy as np
import torch

from ..model.field import Field
from ..shapes import Float, Int, UInt8


@dataclass
class PreviewMesh:
    """In Blender's axes, metres; without faces where the object has no surface."""

    vertices: Float[np.ndarray, "vertices 3"]
    """float32."""
    faces: Int[np.ndarray, "faces 3"]
    """int32, counter-clockwise seen from outside."""
    colors: UInt8[np.ndarray, "vertices 3"]
    """sRGB."""
    timings: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    checkpoint_hash: str = ""


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


def preview_mesh(source: Field, resolution: int) -> PreviewMesh:
    """Contour a whole grid of ``resolution`` samples along each axis; colour the vertices."""
    grid = source.dense(resolution).double().cpu().numpy() - source.level
    for axis in range(3):
        side = np.moveaxis(grid, axis, 0)
        side[[0, -1]] = np.minimum(side[[0, -1]], -1.0)
    if not (grid > 0).any():
        return PreviewMesh(
            np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32), np.zeros((0, 3), np.uint8)
        )
    vertices, faces = mcubes.marching_cubes(grid, 0.0)
    vertices = (vertices * (2.0 * source.bound / (resolution - 1)) - source.bound).astype(
        np.float32
    )
    with torch.inference_mode():
        points = torch.from_numpy(vertices).to(source.device)
        colors = source.color(points).clamp(0.0, 1.0).mul(255.0).round().byte().cpu().numpy()
    return PreviewMesh(vertices, faces.astype(np.int32), colors)
