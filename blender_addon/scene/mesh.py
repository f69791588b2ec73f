"""A Blender mesh from the arrays that the backend sends.

The backend's axes are Blender's (z up, front along -y), so nothing is rotated. The object is only
lifted so that its origin is the point on the floor beneath it: it stands wherever it is put.
"""

# bpy has no type stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
import numpy as np

if TYPE_CHECKING:
    from ..arrays import MeshArrays

UV_LAYER = "UVMap"


def fill_mesh(mesh: bpy.types.Mesh, arrays: MeshArrays) -> None:
    """Make an empty mesh these triangles: smooth-shaded, with one UV layer.

    Args:
        mesh: without vertices yet.
        arrays: vertices f32[V,3] in metres, faces i32[F,3], uvs f32[F,3,2] per corner.
    """
    vertices = np.array(arrays.vertices, dtype=np.float32)
    vertices[:, 2] -= vertices[:, 2].min()
    corners = np.ascontiguousarray(arrays.faces, dtype=np.int32).reshape(-1)
    faces = len(arrays.faces)

    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", vertices.reshape(-1))
    mesh.loops.add(len(corners))
    mesh.loops.foreach_set("vertex_index", corners)
    mesh.polygons.add(faces)
    mesh.polygons.foreach_set("loop_start", np.arange(0, 3 * faces, 3, dtype=np.int32))
    mesh.polygons.foreach_set("use_smooth", np.ones(faces, dtype=bool))
    layer = mesh.uv_layers.new(name=UV_LAYER, do_init=False)
    layer.uv.foreach_set("vector", np.ascontiguousarray(arrays.uvs, np.float32).reshape(-1))
    # Another program's backend may send a face twice; Blender would crash later, so it goes now.
    mesh.validate(verbose=False)
    mesh.update(calc_edges=True)
