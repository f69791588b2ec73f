"""Tangent frames as MikkTSpace makes them: what Blender and glTF viewers decode a normal map with.

Our charts are never mirrored, so the bitangent is always normal x tangent.
"""

from __future__ import annotations

import numpy as np

from ..shapes import Float
from ..surface.geometry import corner_angles, normalise, vertex_normals
from ..surface.topology import Faces, Vertices

Corners = Float[np.ndarray, "faces 3 3"]


def corner_frames(
    vertices: Vertices, faces: Faces, uvs: Float[np.ndarray, "faces 3 2"]
) -> tuple[Corners, Corners]:
    """Unit tangent (towards +u) and normal at each corner.

    The tangent of a corner is the angle-weighted mean over the faces that share its vertex and its
    UV coordinates, each projected into the plane of the vertex normal.
    """
    normals = vertex_normals(vertices, faces)[faces]
    edges = vertices[faces[:, 1:]] - vertices[faces[:, :1]]
    uv_edges = (uvs[:, 1:] - uvs[:, :1]).astype(np.float64)
    tangent = edges[:, 0] * uv_edges[:, 1, 1:] - edges[:, 1] * uv_edges[:, 0, 1:]
    tangent = np.repeat(normalise(tangent)[:, None], 3, axis=1)
    tangent = normalise(tangent - normals * (tangent * normals).sum(-1, keepdims=True))
    weighted = (tangent * corner_angles(vertices, faces)[..., None]).reshape(-1, 3)
    key = np.concatenate([faces.reshape(-1, 1), uvs.reshape(-1, 2)], axis=1)
    _, group = np.unique(key, axis=0, return_inverse=True)
    group = group.reshape(-1)
    total = np.stack([np.bincount(group, weighted[:, k]) for k in range(3)], axis=1)
    return normalise(total)[group].reshape(-1, 3, 3), normals


def encode(
    normals: Float[np.ndarray, "n 3"],
    tangents: Float[np.ndarray, "n 3"],
    mesh_normals: Float[np.ndarray, "n 3"],
) -> Float[np.ndarray, "n 3"]:
    """Unit normals in the (interpolated, not orthogonal) frame tangent, bitangent, mesh normal.

    :func:`decode` is the inverse.
    """
    bitangents = np.cross(mesh_normals, tangents)
    x = (np.cross(bitangents, mesh_normals) * normals).sum(-1)
    y = (np.cross(mesh_normals, tangents) * normals).sum(-1)
    z = (np.cross(tangents, bitangents) * normals).sum(-1)
    local = np.stack([x, y, z], axis=-1)
    # A field's normal that looks into the mesh cannot be lit: it is bent up to the surface.
    local[:, 2] = np.maximum(local[:, 2], 1e-3)
    return normalise(local)


def decode(
    local: Float[np.ndarray, "n 3"],
    tangents: Float[np.ndarray, "n 3"],
    mesh_normals: Float[np.ndarray, "n 3"],
) -> Float[np.ndarray, "n 3"]:
    """World normals of tangent-space normals: what a renderer does."""
    bitangents = np.cross(mesh_normals, tangents)
    return normalise(
        local[:, :1] * tangents + local[:, 1:2] * bitangents + local[:, 2:] * mesh_normals
    )
