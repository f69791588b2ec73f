"""What files want otherwise than we have it: axes, the direction of v, UVs at vertices, PNG,
ASCII.

Inside the program: Blender's axes, v up, UVs at corners, texture rows down. Conversions are named
by what it turns into what; each pair is its own inverse.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass

import numpy as np

from ..shapes import Float, Int, UInt8, UInt32
from ..surface.geometry import vertex_normals
from ..textured_mesh import GeneratedMesh


@dataclass(frozen=True)
class SplitMesh:
    """A mesh with UVs at vertices, which are split at UV seams and nowhere else."""

    positions: Float[np.ndarray, "split 3"]
    normals: Float[np.ndarray, "split 3"]
    """Unit; the same on both sides of a seam."""
    uvs: Float[np.ndarray, "split 2"]
    faces: UInt32[np.ndarray, "faces corners"]
    source: Int[np.ndarray, " split"]
    """The vertex of the mesh that each came from ..."""
    corner: Int[np.ndarray, " split"]
    """... and the first corner of a face there, counted through all faces."""


def split_at_seams(mesh: GeneratedMesh) -> SplitMesh:
    """``mesh`` with UVs at vertices instead of corners."""
    return split_arrays(mesh.vertices, mesh.faces, mesh.uvs)


def split_arrays(
    vertices: Float[np.ndarray, "vertices 3"],
    mesh_faces: Int[np.ndarray, "faces corners"],
    mesh_uvs: Float[np.ndarray, "faces corners 2"],
) -> SplitMesh:
    """Plain arrays with UVs at vertices instead of corners."""
    index = mesh_faces.reshape(-1)
    uv = np.ascontiguousarray(mesh_uvs.reshape(-1, 2), dtype=np.float32)
    bits = uv.view(np.uint32)
    key = np.column_stack([index.astype(np.uint32), bits])
    _, first, back = np.unique(key, axis=0, return_index=True, return_inverse=True)
    source = index[first]
    normals = vertex_normals(vertices.astype(np.float64), mesh_faces)
    return SplitMesh(
        positions=vertices[source].astype(np.float32),
        normals=normals[source].astype(np.float32),
        uvs=uv[first],
        faces=back.reshape(mesh_faces.shape).astype(np.uint32),
        source=source,
        corner=first,
    )


def png_bytes(picture: UInt8[np.ndarray, "height width *channels"]) -> bytes:
    """The picture as a PNG file."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="PNG", compress_level=4)
    return file.getvalue()


def z_up_to_y_up(vectors: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
    """Blender to glTF and OBJ: the front, -y, becomes +z."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    return np.stack([x, z, -y], axis=-1)


def y_up_to_z_up(vectors: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
    """glTF and OBJ to Blender."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    return np.stack([x, -z, y], axis=-1)


def v_up_to_v_down(uvs: Float[np.ndarray, "*n 2"]) -> Float[np.ndarray, "*n 2"]:
    """Blender (origin at the texture's lower left) to glTF (upper left), and back."""
    return np.stack([uvs[..., 0], 1.0 - uvs[..., 1]], axis=-1)


def ascii_comment(text: str) -> str:
    """``text`` in one line of ASCII, as JSON writes it: in quotes, the rest escaped.

    For headers that strict readers decode as ASCII, where a backslash at the end of a line would
    join it to the next one.
    """
    return json.dumps(text, ensure_ascii=True)
