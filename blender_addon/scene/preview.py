"""The temporary object of the live slider: a colored mesh that is replaced many times a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
import numpy as np

from ...backend.prompts.materials import PLAIN
from .collection import home
from .data_blocks import Together
from .material import principled
from .mesh import fill_faces, standing
from .place import Box, Placement

if TYPE_CHECKING:
    from .arrays import PreviewArrays

NAME = "ATT3D preview"
MARK = "att3d_preview"
"""Custom property of the preview, so that one in a recovered file can be known and removed."""
COLORS = "Color"
_ROOM = Box((-0.6, -0.6, 0.0), (0.6, 0.6, 1.2))
"""What is kept free for it: objects fit into the unit ball, and most are smaller."""


def add_preview(scene: bpy.types.Scene, placement: Placement) -> bpy.types.Object:
    """An empty preview in the scene. It is not rendered."""
    with Together() as keep:
        mesh = keep(bpy.data.meshes.new(NAME))
        mesh.materials.append(_material(keep))
        ob = keep(bpy.data.objects.new(NAME, mesh))
        ob[MARK] = True
        ob.hide_render = True
        ob.location = placement.location(scene, _ROOM)
        before = set(bpy.data.collections)
        collection = home(scene)
        if collection not in before:
            collection[MARK] = True
        collection.objects.link(ob)
    return ob


def show(ob: bpy.types.Object, arrays: PreviewArrays) -> None:
    """Replace what the preview shows. No faces: it shows nothing."""
    mesh = ob.data
    mesh.clear_geometry()
    if not len(arrays.faces):
        mesh.update()
        return
    fill_faces(mesh, standing(arrays.vertices), arrays.faces, None)
    colors = np.full((len(arrays.vertices), 4), 1.0, np.float32)
    colors[:, :3] = arrays.colors / np.float32(255)
    layer = mesh.color_attributes.new(COLORS, "BYTE_COLOR", "POINT")
    layer.data.foreach_set("color_srgb", colors.reshape(-1))
    mesh.color_attributes.active_color = layer
    mesh.color_attributes.render_color_index = 0


def previews() -> list[bpy.types.Object]:
    """All previews in this file; more than one only after a crash."""
    return [ob for ob in bpy.data.objects if ob.get(MARK) and ob.library is None]


def remove_previews() -> None:
    """Take every preview out of the file, with its mesh and material."""
    for ob in previews():
        mesh = ob.data
        collections = ob.users_collection
        materials = [material for material in mesh.materials if material is not None]
        bpy.data.objects.remove(ob)
        if not mesh.users:
            bpy.data.meshes.remove(mesh)
        for material in materials:
            if not material.users:
                bpy.data.materials.remove(material)
        for collection in collections:
            if collection.get(MARK):  # made for the preview
                del collection[MARK]
                if not (collection.objects or collection.children):
                    bpy.data.collections.remove(collection)


def _material(keep: Together) -> bpy.types.Material:
    material = keep(bpy.data.materials.new(NAME))
    if material.node_tree is None:  # 5.x makes the tree at once and warns about use_nodes
        material.use_nodes = True
    shader = principled(material)
    shader.inputs["Roughness"].default_value = PLAIN.roughness
    color = material.node_tree.nodes.new("ShaderNodeVertexColor")
    color.layer_name = COLORS
    color.location = (shader.location.x - 220, shader.location.y)
    material.node_tree.links.new(color.outputs["Color"], shader.inputs["Base Color"])
    return material
