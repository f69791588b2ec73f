"""Newton steps onto the field's surface."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix

from .geometry import face_crosses, normalise, vertex_normals
from .reader import Points, Reader
from .topology import Faces, Vertices, half_edges

GRADIENT_STEP = 0.016
"""Metres, about half a cell of the finest grid level: a trilinear field's own gradient jumps from
cell to cell, central differences over half a cell do not."""


def newton(reader: Reader, points: Points, rounds: int, reach: float) -> Points:
    """Move points to where the pre-density equals the level, at most ``reach`` metres in all.

    The slope along the gradient is measured with central differences. A point that does not get
    nearer to the level stays where it was.
    """
    level, bound = reader.field.level, reader.field.bound
    start = points.astype(np.float32).clip(-bound, bound)
    best = start.copy()
    current = start.copy()
    value = reader.pre_density(start)
    best_error = np.abs(value - level)
    for _ in range(rounds):
        gradient = reader.gradient(current, GRADIENT_STEP)
        square = np.maximum((gradient * gradient).sum(1), 1e-6)
        step = ((level - value) / square)[:, None] * gradient
        offset = current + step - start
        length = np.linalg.norm(offset, axis=1, keepdims=True)
        current = start + offset * np.minimum(1.0, reach / np.maximum(length, 1e-12))
        np.clip(current, -bound, bound, out=current)
        value = reader.pre_density(current)
        error = np.abs(value - level)
        better = error < best_error
        best[better], best_error[better] = current[better], error[better]
    return best


def snap_vertices(
    reader: Reader, vertices: Vertices, faces: Faces, rounds: int, reach: float
) -> Vertices:
    """:func:`newton` for the vertices of a mesh; those whose faces would turn over stay."""
    return without_flips(vertices, newton(reader, vertices, rounds, reach), faces, 0.2)


def relax(vertices: Vertices, faces: Faces, rounds: int) -> Vertices:
    """Move vertices towards the middle of their neighbours, within the surface: rounder triangles.

    Shading normals and textures are interpolated in triangles; slivers do that badly.
    """
    start, end = half_edges(faces)
    size = len(vertices)
    ones = np.ones(len(start), dtype=np.float32)
    neighbours = coo_matrix((ones, (start, end)), shape=(size, size)).tocsr()
    degree = np.maximum(np.bincount(start, minlength=size), 1)[:, None]
    for _ in range(rounds):
        normals = vertex_normals(vertices, faces)
        step = (neighbours @ vertices) / degree - vertices
        step -= normals * (step * normals).sum(axis=1, keepdims=True)
        moved = (vertices + 0.5 * step).astype(np.float32)
        vertices = without_flips(vertices, moved, faces, 0.5)
    return vertices


def without_flips(vertices: Vertices, moved: Vertices, faces: Faces, limit: float) -> Vertices:
    """``moved``, but with the vertices of faces that would turn by more than ``limit`` (a cosine)
    where they were."""
    before = normalise(face_crosses(vertices, faces))
    held = np.zeros(len(vertices), dtype=bool)
    while True:
        result = np.where(held[:, None], vertices, moved)
        turned = (normalise(face_crosses(result, faces)) * before).sum(1) < limit
        # A face that was degenerate has no direction to keep.
        turned &= ~held[faces].all(axis=1)
        if not turned.any():
            return result
        held[faces[turned]] = True
