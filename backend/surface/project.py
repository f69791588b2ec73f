"""Newton steps onto the field's surface."""

from __future__ import annotations

import numpy as np

from ..field_reader import Points, Reader
from ..shapes import Float
from .geometry import face_crosses, normalise
from .topology import Faces, Vertices

GRADIENT_STEP = 0.016
"""Metres, about half a cell of the finest grid level: a trilinear field's own gradient jumps from
cell to cell, central differences over half a cell do not."""


def newton(reader: Reader, points: Points, rounds: int, reach: float) -> Points:
    """Move points to where the pre-density equals the level, at most ``reach`` metres in all.

    The slope along the gradient is measured with central differences. A point that does not get
    nearer to the level stays where it was.
    """
    return newton_and_gradient(reader, points, rounds, reach)[0]


def newton_and_gradient(
    reader: Reader, points: Points, rounds: int, reach: float
) -> tuple[Points, Float[np.ndarray, "points 3"]]:
    """As :func:`newton`, and the gradient, a metre, from which each point took its last step."""
    level, bound = reader.field.level, reader.field.bound
    start = points.astype(np.float32).clip(-bound, bound)
    best = start.copy()
    current = start.copy()
    value = reader.pre_density(start)
    best_error = np.abs(value - level)
    gradient = np.zeros_like(start)
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
    return best, gradient


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
