"""Binary PLY with vertex colors, z up: for tools without textures."""

from __future__ import annotations

import numpy as np

from ..shapes import UInt8
from ..surface.geometry import vertex_normals
from ..textured_mesh import GeneratedMesh
from .conventions import ascii_comment


def ply_bytes(mesh: GeneratedMesh) -> bytes:
    """The content of a .ply file."""
    count = len(mesh.vertices)
    vertex = np.empty(count, dtype=[("p", "<f4", 3), ("n", "<f4", 3), ("c", "u1", 3)])
    vertex["p"] = mesh.vertices
    vertex["n"] = vertex_normals(mesh.vertices.astype(np.float64), mesh.faces)
    vertex["c"] = _vertex_colors(mesh)
    corners = mesh.faces.shape[1]
    face = np.empty(len(mesh.faces), dtype=[("n", "u1"), ("v", "<i4", corners)])
    face["n"] = corners
    face["v"] = mesh.faces
    header = [
        "ply",
        "format binary_little_endian 1.0",
        f"comment ATT3D: {ascii_comment(mesh.prompt)}",
        f"element vertex {count}",
        *(f"property float {name}" for name in ("x", "y", "z", "nx", "ny", "nz")),
        *(f"property uchar {name}" for name in ("red", "green", "blue")),
        f"element face {len(face)}",
        "property list uchar int vertex_indices",
        "end_header",
    ]
    return "\n".join(header).encode() + b"\n" + vertex.tobytes() + face.tobytes()


def _vertex_colors(mesh: GeneratedMesh) -> UInt8[np.ndarray, "vertices 3"]:
    """Mean over a vertex's corners of the texture there."""
    size = mesh.texture.shape[0]
    uv = mesh.uvs.reshape(-1, 2)
    column = (uv[:, 0] * size).astype(np.int64).clip(0, size - 1)
    row = ((1.0 - uv[:, 1]) * size).astype(np.int64).clip(0, size - 1)
    color = mesh.texture[row, column].astype(np.float64)
    index = mesh.faces.reshape(-1)
    meeting = np.maximum(np.bincount(index, minlength=len(mesh.vertices)), 1)
    total = [np.bincount(index, color[:, k], len(mesh.vertices)) for k in range(3)]
    return np.rint(np.stack(total, axis=1) / meeting[:, None]).astype(np.uint8)
