"""Areas, normals and volumes of meshes."""

from __future__ import annotations

import numpy as np

from ..shapes import Float
from .topology import Faces, Polygons, Vertices


def face_crosses(vertices: Vertices, faces: Polygons) -> Float[np.ndarray, "faces 3"]:
    """Normals of length twice the face's area, outwards; a quad's is the sum of its triangles'."""
    if faces.shape[1] == 4:
        a, b, c, d = (vertices[faces[:, k]] for k in range(4))
        return np.cross(c - a, d - b)
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    return np.cross(b - a, c - a)


def normalise(vectors: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
    """Unit vectors; a zero vector stays zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.maximum(length, 1e-20)


def face_areas(vertices: Vertices, faces: Polygons) -> Float[np.ndarray, " faces"]:
    """Area of each face, square metres."""
    return 0.5 * np.linalg.norm(face_crosses(vertices, faces), axis=1)


def corner_angles(vertices: Vertices, faces: Polygons) -> Float[np.ndarray, "faces corners"]:
    """Angle of each face's corners, radians."""
    corners = vertices[faces]
    forward = normalise(np.roll(corners, -1, axis=1) - corners)
    backward = normalise(np.roll(corners, 1, axis=1) - corners)
    return np.arccos(np.clip((forward * backward).sum(-1), -1.0, 1.0))


def vertex_normals(vertices: Vertices, faces: Polygons) -> Float[np.ndarray, "vertices 3"]:
    """Face normals averaged by corner angle: what Blender shades a smooth mesh with."""
    unit = normalise(face_crosses(vertices, faces))
    weighted = unit[:, None, :] * corner_angles(vertices, faces)[:, :, None]
    index = faces.reshape(-1)
    total = np.stack(
        [np.bincount(index, weighted[..., k].reshape(-1), len(vertices)) for k in range(3)], axis=1
    )
    return normalise(total)


def signed_volumes(vertices: Vertices, faces: Faces) -> Float[np.ndarray, " faces"]:
    """Cubic metres between the origin and each face; their sum over a closed part is its volume."""
    a, b, c = (vertices[faces[:, k]].astype(np.float64) for k in range(3))
    return (np.cross(a, b) * c).sum(-1) / 6.0


def winding_number(point: Float[np.ndarray, "3"], vertices: Vertices, faces: Faces) -> float:
    """How often the mesh surrounds the point: 1 inside a closed part, 0 outside."""
    a, b, c = (vertices[faces[:, k]].astype(np.float64) - point for k in range(3))
    la, lb, lc = (np.linalg.norm(x, axis=1) for x in (a, b, c))
    triple = (np.cross(a, b) * c).sum(-1)
    scale = la * lb * lc + (a * b).sum(-1) * lc + (b * c).sum(-1) * la + (c * a).sum(-1) * lb
    return float(np.arctan2(triple, scale).sum() / (2.0 * np.pi))
