"""Least-squares fit of the faces, not only the vertices, to the field's surface.

A mesh whose vertices lie on a curved surface lies inside it wherever it is convex. Moving each
vertex along its normal so that the faces straddle the surface cuts the distance to a third and
makes shading normals truer.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix, identity
from scipy.sparse.linalg import cg

from .geometry import face_areas, vertex_normals
from .reader import Reader
from .snap import without_flips
from .topology import Faces, Vertices

INSIDE = np.array(
    [
        [1 / 3, 1 / 3, 1 / 3],
        [2 / 3, 1 / 6, 1 / 6],
        [1 / 6, 2 / 3, 1 / 6],
        [1 / 6, 1 / 6, 2 / 3],
    ]
)
"""Where in a face the distance to the surface is measured, barycentric."""
STIFFNESS = 0.2
"""Weight of staying put against the faces around a vertex, whose weights are about 1 in all."""
PROBE = 0.004
"""Metres along the normal over which the slope is measured."""


def fit_faces(reader: Reader, vertices: Vertices, faces: Faces, reach: float) -> Vertices:
    """Move vertices along their normals, at most ``reach`` metres, to fit the faces."""
    corners = len(INSIDE) * len(faces)
    normals = vertex_normals(vertices, faces)
    barycentric = np.tile(INSIDE, (len(faces), 1))
    index = np.repeat(faces, len(INSIDE), axis=0)
    points = (vertices[index] * barycentric[..., None]).sum(1)
    along = (normals[index] * barycentric[..., None]).sum(1)
    # Pre-density falls outwards: r metres further out lies the surface.
    here = reader.pre_density(points.astype(np.float32))
    there = reader.pre_density((points + PROBE * along).astype(np.float32))
    slope = np.minimum(there - here, -1e-6) / PROBE
    residual = ((reader.field.level - here) / slope).clip(-reach, reach)
    weight = np.sqrt(np.repeat(face_areas(vertices, faces), len(INSIDE)))
    weight /= np.sqrt((weight * weight).sum() / len(vertices))
    rows = np.repeat(np.arange(corners), 3)
    system = coo_matrix(
        ((barycentric * weight[:, None]).reshape(-1), (rows, index.reshape(-1))),
        shape=(corners, len(vertices)),
    ).tocsr()
    normal_equations = system.T @ system + STIFFNESS * identity(len(vertices))
    offset, _ = cg(normal_equations, system.T @ (weight * residual), rtol=1e-4, maxiter=100)
    moved = (vertices + offset[:, None].clip(-reach, reach) * normals).astype(np.float32)
    return without_flips(vertices, moved, faces, 0.5)
