"""A Blender mesh from the arrays that the backend sends.

The backend's axes are Blender's (z up, front along -y), so nothing is rotated. The object is only
lifted so that its origin is the point on the floor beneath it: it stands wherever it is put.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
import numpy as np

if TYPE_CHECKING:
    from .arrays import MeshArrays

UV_LAYER = "UVMap"


def fill_mesh(mesh: bpy.types.Mesh, arrays: MeshArrays) -> None:
    """Make an empty mesh these triangles, standing on the floor."""
    fill_triangles(mesh, standing(arrays.vertices), arrays.faces, arrays.uvs)


def standing(vertices: np.ndarray) -> np.ndarray:
    """A copy of vertices f32[V,3] whose lowest point is at height 0."""
    vertices = np.array(vertices, dtype=np.float32)
    vertices[:, 2] -= vertices[:, 2].min()
    return vertices


def fill_triangles(
    mesh: bpy.types.Mesh, vertices: np.ndarray, faces: np.ndarray, uvs: np.ndarray | None
) -> None:
    """Make an empty mesh these triangles: smooth-shaded, with one UV layer.

    Args:
        mesh: without vertices yet.
        vertices: f32[V,3], metres.
        faces: i32[F,3].
        uvs: f32[F,3,2] per corner; None: no UV layer.
    """
    corners = np.ascontiguousarray(faces, dtype=np.int32).reshape(-1)
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", np.ascontiguousarray(vertices, np.float32).reshape(-1))
    mesh.loops.add(len(corners))
    mesh.loops.foreach_set("vertex_index", corners)
    mesh.polygons.add(len(faces))
    mesh.polygons.foreach_set("loop_start", np.arange(0, len(corners), 3, dtype=np.int32))
    mesh.polygons.foreach_set("use_smooth", np.ones(len(faces), dtype=bool))
    if uvs is not None:
        layer = mesh.uv_layers.new(name=UV_LAYER, do_init=False)
        layer.uv.foreach_set("vector", np.ascontiguousarray(uvs, np.float32).reshape(-1))
    # Another program's backend may send a face twice; Blender would crash later, so it goes now.
    mesh.validate(verbose=False)
    mesh.update(calc_edges=True)
