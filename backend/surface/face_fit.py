"""Least-squares fit of the faces, not only the vertices, to the field's surface.

A mesh whose vertices lie on a curved surface lies inside it wherever it is convex, and one that
was decimated misses it by more. The distance to the surface is measured at points inside the
faces, along the field's normal there. Vertices then move, in all three directions, to make these
distances small: where the surface bends within a face, the normals of its points differ, and
draw the face's corners towards the bend.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix, identity
from scipy.sparse.linalg import cg

from ..field_reader import Points, Reader
from ..shapes import Float
from .geometry import face_areas, face_crosses, normalise
from .project import without_flips
from .topology import Faces, Vertices

INSIDE = np.array(
    [
        [7, 1, 1], [1, 7, 1], [1, 1, 7],
        [4, 4, 1], [4, 1, 4], [1, 4, 4], [5, 2, 2], [2, 5, 2], [2, 2, 5],
    ]
) / 9  # fmt: skip
"""Where in a face the distance is measured, barycentric: the centres of nine equal parts."""
OUTER = 3
"""The first places, near the corners, where the field's slope is measured; it is taken as linear
between them, which halves the reads and moves no vertex by more than the field's own creases do."""
BETWEEN = np.linalg.solve(INSIDE[:OUTER].T, INSIDE.T).T
"""Share of each of the first places in every place."""
STIFFNESS = 0.002
"""Weight of staying put against the faces around a vertex, whose weights are about 1 in all."""
PROBE = 0.004
"""Metres over which the field's slope is measured."""
LEAST_TURN = 0.3
"""Cosine of the largest angle by which a face may turn."""

TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], dtype=np.float32)


def fit_faces(reader: Reader, vertices: Vertices, faces: Faces, reach: float) -> Vertices:
    """Move vertices, at most ``reach`` metres, so that the faces fit the surface.

    Raises:
        Cancelled: asked to stop.
    """
    places = len(INSIDE)
    shares = np.tile(INSIDE, (len(faces), 1))
    corner = np.repeat(faces, places, axis=0)
    flat = np.repeat(normalise(face_crosses(vertices, faces)), places, axis=0)
    area = np.repeat(face_areas(vertices, faces), places)
    value, slope, normals = _measured(reader, vertices, faces)
    # Where the field's normal looks away, the point is nearer to another side of the object.
    area = area * (normals * flat).sum(1).clip(0.0, 1.0)
    columns = (3 * corner[:, :, None] + np.arange(3)).reshape(-1)
    distance = (value - reader.field.level) / slope
    weight = area * (np.abs(distance) < reach)
    # Weighted like this, squares add up to about the distances themselves: what is far off
    # draws no more than its share.
    scale = max(float(np.median(np.abs(distance))), 1e-7)
    weight /= np.hypot(distance, scale)
    root = np.sqrt(weight * (len(vertices) / max(float(weight.sum()), 1e-12)))
    system = csr_matrix(
        (
            (shares[:, :, None] * (root[:, None] * normals)[:, None, :]).reshape(-1),
            columns,
            np.arange(0, len(columns) + 1, 9),
        ),
        shape=(len(corner), 3 * len(vertices)),
    )
    normal_equations = system.T @ system + STIFFNESS * identity(3 * len(vertices))
    offset, _ = cg(normal_equations, system.T @ (root * distance), rtol=1e-3, maxiter=60)
    step = offset.reshape(-1, 3)
    length = np.linalg.norm(step, axis=1, keepdims=True)
    step *= np.minimum(1.0, reach / np.maximum(length, 1e-12))
    return without_flips(vertices, (vertices + step).astype(np.float32), faces, LEAST_TURN)


def _measured(
    reader: Reader, vertices: Vertices, faces: Faces
) -> tuple[
    Float[np.ndarray, " points"], Float[np.ndarray, " points"], Float[np.ndarray, "points 3"]
]:
    """What :func:`slopes` returns, at every place of every face."""
    points = np.einsum("pk,fkx->fpx", INSIDE, vertices[faces]).astype(np.float32)
    count = len(faces)
    outer = slopes(reader, points[:, :OUTER].reshape(-1, 3))
    value = np.empty(points.shape[:2], dtype=np.float32)
    value[:, :OUTER] = outer[0].reshape(count, OUTER)
    rest = np.ascontiguousarray(points[:, OUTER:]).reshape(-1, 3)
    value[:, OUTER:] = reader.pre_density(rest).reshape(count, -1)
    some = outer[1].reshape(count, OUTER)
    # Between places where the slope differs much, a line may fall to nothing.
    slope = np.maximum(some @ BETWEEN.T, 0.3 * some.min(axis=1, keepdims=True))
    normals = normalise(BETWEEN @ outer[2].reshape(count, OUTER, 3))
    return value.reshape(-1), slope.reshape(-1), normals.reshape(-1, 3)


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
