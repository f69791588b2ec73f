"""A preview of an object for the Asset Browser, drawn as in the history: also without a window."""

from __future__ import annotations

import bpy
import numpy as np

from ..history import thumbnail

SIZE = 256
"""Pixels, as Blender's own previews."""
_GREY = np.full((1, 1, 3), 200, np.uint8)


def draw_preview(ob: bpy.types.Object) -> None:
    """Give a mesh object a preview of its mesh with its texture; one without faces gets none."""
    mesh = ob.data
    if ob.type != "MESH" or not mesh.polygons:
        return
    mesh.calc_loop_triangles()
    count = len(mesh.loop_triangles)
    faces, corners = np.empty(3 * count, np.int32), np.empty(3 * count, np.int32)
    mesh.loop_triangles.foreach_get("vertices", faces)
    mesh.loop_triangles.foreach_get("loops", corners)
    vertices = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", vertices)
    uvs = np.zeros((len(mesh.loops), 2), np.float32)
    if mesh.uv_layers.active is not None:
        flat = uvs.reshape(-1)
        mesh.uv_layers.active.uv.foreach_get("vector", flat)
        uvs = flat.reshape(-1, 2)
    pixels = thumbnail.draw(
        vertices.reshape(-1, 3),
        faces.reshape(-1, 3),
        uvs[corners].reshape(-1, 3, 2),
        _texture(ob),
        SIZE,
    )
    preview = ob.preview_ensure()
    preview.image_size = (SIZE, SIZE)
    colors = (pixels[::-1].astype(np.float32) / 255).reshape(-1)  # the lowest row first
    preview.image_pixels_float.foreach_set(colors)


def _texture(ob: bpy.types.Object) -> np.ndarray:
    """The first texture of the first material as u8[S, S, 3], top row first; grey without one."""
    material = ob.material_slots[0].material if ob.material_slots else None
    tree = material.node_tree if material is not None else None
    nodes = tree.nodes if tree is not None else ()
    images = [n.image for n in nodes if n.type == "TEX_IMAGE" and n.image is not None]
    color = [i for i in images if i.colorspace_settings.name == "sRGB" and i.size[0] > 0]
    if not color:
        return _GREY
    width, height = color[0].size
    values = np.empty(width * height * color[0].channels, np.float32)
    color[0].pixels.foreach_get(values)
    rows = values.reshape(height, width, -1)[::-1, :, :3]
    return (rows.clip(0, 1) * 255).round().astype(np.uint8)
