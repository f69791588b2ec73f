"""Marching cubes on the pre-density.

The pre-density (before the softplus) is contoured because it is close to linear across the surface
where the density is not: vertices come out where they belong.
"""

from __future__ import annotations

import numpy as np

from ..progress import CancelToken
from ..protocol.errors import BadRequest
from ..shapes import Float, Int
from .marching import marching_cubes
from .topology import Faces, NewVertices, Vertices

SLAB_VOXELS = 4_000_000
"""Voxels contoured in one call, which cannot be interrupted: about 80 ms."""


def contour(
    grid: Float[np.ndarray, "n n n"], level: float, bound: float, cancel: CancelToken
) -> tuple[Vertices, Faces]:
    """The surface where ``grid`` crosses ``level``, oriented outwards (inside is larger).

    Args:
        grid: Samples on ``linspace(-bound, bound, n)`` per axis, indexed [x, y, z]. Changed in
            place: the outermost layer is set outside, so that the surface is closed there.
        level: Value on the surface.
        bound: Half the width of the grid, metres.
        cancel: Checked between slabs.

    Raises:
        BadRequest: nothing in the grid reaches the level.
        Cancelled: asked to stop.
    """
    resolution = grid.shape[0]
    grid, corner = _crop(grid, level)
    _close(grid, level)
    thickness = max(2, SLAB_VOXELS // grid[0].size)
    vertices: list[Vertices] = []
    faces: list[Faces] = []
    total = 0
    for first in range(0, len(grid) - 1, thickness):
        cancel.check()
        slab = grid[first : first + thickness + 1]
        if not (slab.min() < level < slab.max()):
            continue
        slab_vertices, slab_faces = marching_cubes(slab, level)
        slab_vertices[:, 0] += first
        vertices.append(slab_vertices)
        faces.append(slab_faces + total)
        total += len(slab_vertices)
    if not faces:
        raise BadRequest(
            "the model draws nothing for this prompt: there is no surface anywhere",
            "use words that the model knows",
        )
    joined, triangles = np.concatenate(vertices), np.concatenate(faces)
    if len(faces) > 1:
        joined, triangles = _weld(joined, triangles, thickness)
    scale = 2.0 * bound / (resolution - 1)
    return (joined + corner) * scale - bound, triangles


def _crop(
    grid: Float[np.ndarray, "n n n"], level: float
) -> tuple[Float[np.ndarray, "a b c"], Int[np.ndarray, "3"]]:
    """The box around the object, with two layers of samples outside it, and the box's corner."""
    inside = grid > level
    ranges = []
    for others in ((1, 2), (0, 2), (0, 1)):
        found = np.flatnonzero(inside.any(axis=others))
        first, last = (found[0], found[-1]) if len(found) else (0, len(grid) - 1)
        ranges.append((max(first - 2, 0), min(last + 3, len(grid))))
    box = grid[tuple(slice(first, last) for first, last in ranges)]
    return box, np.array([first for first, _ in ranges])


def _close(grid: Float[np.ndarray, "a b c"], level: float) -> None:
    """Empty the outermost layer, and keep samples off the level: they make degenerate faces."""
    outside = level - 1.0
    for axis in range(3):
        side = np.moveaxis(grid, axis, 0)
        np.minimum(side[0], outside, out=side[0])
        np.minimum(side[-1], outside, out=side[-1])
    span = max(float(np.abs(grid).max()), 1.0)
    near = np.abs(grid - level) < 1e-4 * span
    grid[near] = level + 1e-4 * span


def _weld(vertices: Vertices, faces: Faces, thickness: int) -> tuple[NewVertices, Faces]:
    """Join the vertices that two neighbouring slabs both made on their common layer."""
    shared = np.flatnonzero(vertices[:, 0] % thickness == 0)
    _, first, back = np.unique(vertices[shared], axis=0, return_index=True, return_inverse=True)
    index = np.arange(len(vertices))
    index[shared] = shared[first][back.reshape(-1)]
    kept = np.flatnonzero(index == np.arange(len(vertices)))
    place = np.zeros(len(vertices), dtype=np.int64)
    place[kept] = np.arange(len(kept))
    return vertices[kept], place[index][faces]
