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
    """Make an empty mesh these faces, standing on the floor."""
    fill_faces(mesh, standing(arrays.vertices), arrays.faces, arrays.uvs)


def standing(vertices: np.ndarray) -> np.ndarray:
    """A copy of vertices f32[V,3] whose lowest point is at height 0."""
    vertices = np.array(vertices, dtype=np.float32)
    vertices[:, 2] -= vertices[:, 2].min()
    return vertices


def fill_faces(
    mesh: bpy.types.Mesh, vertices: np.ndarray, faces: np.ndarray, uvs: np.ndarray | None
) -> None:
    """Make an empty mesh these faces: smooth-shaded, with one UV layer, its seams marked.

    Args:
        mesh: without vertices yet.
        vertices: f32[V,3], metres.
        faces: i32[F,3] or i32[F,4].
        uvs: f32[F,3 or 4,2] per corner; None: no UV layer.
    """
    corners = np.ascontiguousarray(faces, dtype=np.int32).reshape(-1)
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", np.ascontiguousarray(vertices, np.float32).reshape(-1))
    mesh.loops.add(len(corners))
    mesh.loops.foreach_set("vertex_index", corners)
    mesh.polygons.add(len(faces))
    mesh.polygons.foreach_set(
        "loop_start", np.arange(0, len(corners), faces.shape[1], dtype=np.int32)
    )
    mesh.polygons.foreach_set("use_smooth", np.ones(len(faces), dtype=bool))
    if uvs is not None:
        layer = mesh.uv_layers.new(name=UV_LAYER, do_init=False)
        layer.uv.foreach_set("vector", np.ascontiguousarray(uvs, np.float32).reshape(-1))
    # Another program's backend may send a face twice; Blender would crash later, so it goes now.
    mesh.validate(verbose=False)
    mesh.update(calc_edges=True)
    if uvs is not None:
        _mark_seams(mesh)


def _mark_seams(mesh: bpy.types.Mesh) -> None:
    """Mark the edges whose two faces lie apart in the texture: unwrapping again begins there."""
    corners = len(mesh.loops)
    edge, vertex = np.empty(corners, np.int32), np.empty(corners, np.int32)
    uv = np.empty(2 * corners, np.float32)
    mesh.loops.foreach_get("edge_index", edge)
    mesh.loops.foreach_get("vertex_index", vertex)
    mesh.uv_layers[UV_LAYER].uv.foreach_get("vector", uv)
    starts, totals = np.empty((2, len(mesh.polygons)), np.int32)
    mesh.polygons.foreach_get("loop_start", starts)
    mesh.polygons.foreach_get("loop_total", totals)
    following = np.arange(1, corners + 1)
    following[starts + totals - 1] = starts
    # Both ends of every edge, the one of the smaller number first, as each of its faces has them.
    uv = uv.reshape(-1, 2)
    ends = np.stack([uv, uv[following]], axis=1)
    turned = vertex > vertex[following]
    ends[turned] = ends[turned, ::-1]
    last = np.empty((len(mesh.edges), 2, 2), np.float32)
    last[edge] = ends  # of its faces, one
    seams = np.zeros(len(mesh.edges), dtype=bool)
    np.logical_or.at(seams, edge, (ends != last[edge]).any(axis=(1, 2)))
    mesh.edges.foreach_set("use_seam", seams)
