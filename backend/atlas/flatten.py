"""Charts flattened as rigidly as possible: edges keep their lengths, and so faces their angles.

A projection squeezes what leans away from its direction. After Liu et al., "A local/global approach
to mesh parameterization" (2008): each face is turned to fit the chart as it lies, then the chart is
laid to fit the turned faces, a few times; the second step's matrix is the same every time. Charts
that would turn a face over or lie over themselves stay as they were projected.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix, diags
from scipy.sparse.linalg import splu

from ..shapes import Bool, Float, Int
from ..surface.topology import Faces, Vertices
from .charts import Labels
from .overlap import overlapping_faces

ROUNDS = 4
STEEPEST = 10.0
"""Largest weight of an edge: the cotangent of the angle across it, of a needle's."""
SLACKEST = 0.05
"""Smallest weight, for the obtuse angles whose cotangents are negative."""
HELD = 1e-4
"""Weight of a corner's place, against the edges': holds each chart where it is."""


def flatten(
    vertices: Vertices,
    faces: Faces,
    labels: Labels,
    neighbours: Int[np.ndarray, "faces 3"],
    projected: Float[np.ndarray, "faces 3 2"],
    depth: Float[np.ndarray, " faces"],
    scale: Float[np.ndarray, " faces"],
) -> Float[np.ndarray, "faces 3 2"]:
    """Corners in their chart's plane, metres; counter-clockwise faces stay so.

    Args:
        labels: Chart of each face.
        neighbours: Face across each edge, or -1.
        projected: Corners in their chart's plane that do not overlap.
        depth: Height of each face above its chart's plane, metres.
        scale: How many times as long as in space a face's edges are to be.
    """
    key = labels[:, None] * len(vertices) + faces
    _, first, index = np.unique(key, return_index=True, return_inverse=True)
    index = index.reshape(-1, 3)
    flat = np.empty_like(projected)
    wanted = scale[:, None] * _unfolded(vertices, faces)
    found = _as_rigid(wanted, index, _complex(projected).reshape(-1)[first])
    flat[..., 0], flat[..., 1] = found.real, found.imag
    bad = _turned(flat) | overlapping_faces(flat, depth, faces, labels, neighbours)
    reverted = np.isin(labels, labels[bad])
    return np.where(reverted[:, None, None], projected, flat)


def _as_rigid(
    corners: np.ndarray, index: Int[np.ndarray, "faces 3"], start: np.ndarray
) -> np.ndarray:
    """Complex places of the faces' corners.

    Args:
        corners: Each face by itself in a plane, complex, true to scale.
        index: The number of the chart's vertex at each corner.
        start: The chart's vertices, complex.
    """
    after = np.roll(index, -1, axis=1)
    edge = np.roll(corners, -1, axis=1) - corners
    tip = np.roll(corners, -2, axis=1)
    to_tip, from_tip = corners - tip, np.roll(corners, -1, axis=1) - tip
    product = np.conj(to_tip) * from_tip
    weight = np.clip(product.real / np.maximum(product.imag, 1e-12), SLACKEST, STEEPEST)
    rows, columns = index.reshape(-1), after.reshape(-1)
    size = len(start)
    links = csr_matrix((weight.reshape(-1), (rows, columns)), shape=(size, size))
    links = links + links.T
    matrix = diags(np.asarray(links.sum(axis=1)).reshape(-1) + HELD) - links
    # Symmetric and diagonally dominant: no pivoting, and half the fill.
    solver = splu(
        matrix.tocsc(),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    current = start
    for _ in range(ROUNDS):
        turn = (weight * (current[after] - current[index]) * np.conj(edge)).sum(axis=1)
        turn /= np.maximum(np.abs(turn), 1e-30)
        pull = (weight * turn[:, None] * edge).reshape(-1)
        right = HELD * current
        for part, to in ((pull, columns), (-pull, rows)):
            right = right + np.bincount(to, part.real, size) + 1j * np.bincount(to, part.imag, size)
        current = solver.solve(right.real) + 1j * solver.solve(right.imag)
    return current[index]


def _unfolded(vertices: Vertices, faces: Faces) -> np.ndarray:
    """Corners of each face by itself in a plane, complex, counter-clockwise, metres."""
    corners = vertices[faces].astype(np.float64)
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    length = np.linalg.norm(a, axis=1)
    x = a / np.maximum(length, 1e-12)[:, None]
    along = (b * x).sum(axis=1)
    height = np.linalg.norm(b - along[:, None] * x, axis=1)
    return np.stack([0j * length, length + 0j, along + 1j * height], axis=1)


def _complex(points: Float[np.ndarray, "faces 3 2"]) -> np.ndarray:
    return points[..., 0] + 1j * points[..., 1]


def _turned(flat: Float[np.ndarray, "faces 3 2"]) -> Bool[np.ndarray, " faces"]:
    """Faces that are not counter-clockwise."""
    a, b = flat[:, 1] - flat[:, 0], flat[:, 2] - flat[:, 0]
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0] < 0.0
