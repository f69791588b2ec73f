"""Least-squares fit of the faces, not only the vertices, to the field's surface.

A mesh whose vertices lie on a curved surface lies inside it wherever it is convex, and one that
was decimated misses it by more. The distance to the surface is measured at points inside the
faces, along the field's normal there. Vertices then move, in all three directions, to make these
distances small: where the surface bends within a face, the normals of its points differ, and
draw the face's corners towards the bend.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import bsr_matrix
from scipy.sparse.linalg import cg

from ..field_reader import Points, Reader
from ..shapes import Float
from .geometry import face_areas, face_crosses, normalise
from .project import without_flips
from .topology import Faces, Vertices

INSIDE = np.array(
    [
        [7, 1, 1], [4, 4, 1], [1, 7, 1], [4, 1, 4], [1, 4, 4],
        [1, 1, 7], [5, 2, 2], [2, 5, 2], [2, 2, 5],
    ]
) / 9  # fmt: skip
"""Where in a face the distance is measured, barycentric: the centres of nine equal parts."""
STIFFNESS = 0.002
"""Weight of staying put against the faces around a vertex, whose weights are about 1 in all."""
PROBE = 0.004
"""Metres over which the field's slope is measured."""
ROUNDS = 2
LEAST_TURN = 0.3
"""Cosine of the largest angle by which a face may turn."""

TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], dtype=np.float32)


def fit_faces(reader: Reader, vertices: Vertices, faces: Faces, reach: float) -> Vertices:
    """Move vertices, at most ``reach`` metres, so that the faces fit the surface.

    The field's normal is measured once, at each face's centre: over a face it turns by a few
    degrees, which the weight of a distance does not notice. The distances are measured anew each
    round: the first round moves the points at which the surface is looked at.

    Raises:
        Cancelled: asked to stop.
    """
    start = vertices.astype(np.float32)
    _, slope, normals = slopes(reader, start[faces].mean(axis=1))
    # Where the field's normal looks away, the face is nearer to another side of the object.
    facing = (normals * normalise(face_crosses(start, faces))).sum(axis=1).clip(0.0, 1.0)
    share = (face_areas(start, faces) * facing)[:, None]
    current = start
    for _ in range(ROUNDS):
        points = INSIDE.astype(np.float32) @ current[faces]
        value = reader.pre_density(points.reshape(-1, 3)).reshape(len(faces), len(INSIDE))
        distance = (value - reader.field.level) / slope[:, None]
        weight = share * (np.abs(distance) < reach)
        # Weighted like this, squares add up to about the distances themselves: what is far off
        # draws no more than its share.
        weight = weight / np.hypot(distance, max(float(np.median(np.abs(distance))), 1e-7))
        weight *= len(start) / max(float(weight.sum()), 1e-12)
        system, right = normal_equations(weight, distance, normals, faces, len(start))
        offset = current - start + cg(system, right, rtol=1e-3, maxiter=60)[0].reshape(-1, 3)
        length = np.linalg.norm(offset, axis=1, keepdims=True)
        offset *= np.minimum(1.0, reach / np.maximum(length, 1e-12))
        current = (start + offset).astype(np.float32)
    return without_flips(vertices, current, faces, LEAST_TURN)


def normal_equations(
    weight: Float[np.ndarray, "faces places"],
    distance: Float[np.ndarray, "faces places"],
    normals: Float[np.ndarray, "faces 3"],
    faces: Faces,
    count: int,
) -> tuple[bsr_matrix, Float[np.ndarray, " coordinates"]]:
    """Matrix and right side of the least squares for the steps of ``count`` vertices.

    Each place in a face asks that its step along the face's normal is its distance. The places of a
    face share its three vertices and its normal, so their products add up to three by three numbers
    before they are spread over coordinates.
    """
    shares = INSIDE[:, :, None] * INSIDE[:, None, :]
    between = (weight @ shares.reshape(len(INSIDE), 9)).reshape(-1, 1, 1)
    outer = (normals[:, :, None] * normals[:, None, :]).repeat(9, axis=0)
    row, column = np.repeat(faces, 3, axis=1).reshape(-1), np.tile(faces, (1, 3)).reshape(-1)
    every = np.arange(count)
    key = np.concatenate([row, every]).astype(np.int64) * count + np.concatenate([column, every])
    order = np.argsort(key, kind="stable")
    key = key[order]
    first = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
    blocks = np.concatenate([between * outer, np.tile(STIFFNESS * np.eye(3), (count, 1, 1))])
    ends = np.searchsorted(key[first], np.arange(count + 1) * count)
    system = bsr_matrix(
        (np.add.reduceat(blocks[order], first), key[first] % count, ends),
        shape=(3 * count, 3 * count),
    )
    pull = ((weight * distance) @ INSIDE)[:, :, None] * normals[:, None]
    corner = faces.reshape(-1)
    right = [np.bincount(corner, pull[..., axis].reshape(-1), count) for axis in range(3)]
    return system, np.stack(right, axis=1).reshape(-1)


def slopes(
    reader: Reader, points: Points
) -> tuple[
    Float[np.ndarray, " points"], Float[np.ndarray, " points"], Float[np.ndarray, "points 3"]
]:
    """The pre-density, by how much it falls a metre, and the unit normal outwards.

    Means and differences over a regular tetrahedron: four reads a point, central ones are seven.
    """
    step = np.float32(PROBE / np.sqrt(3.0))
    values = reader.pre_density((points[:, None] + step * TETRAHEDRON).reshape(-1, 3))
    values = values.reshape(-1, 4)
    gradient = values @ TETRAHEDRON / (4 * step)
    slope = np.maximum(np.linalg.norm(gradient, axis=1), 1e-3)
    return values.mean(axis=1), slope, -gradient / slope[:, None]
