"""One Principled material with the baked colours, packed into the .blend.

Nodes and sockets are found by name: indices differ between Blender versions.
"""

# bpy has no type stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from . import png_cache
from .data_names import data_name

if TYPE_CHECKING:
    import numpy as np

    from ..process.safetensors_reader import MeshArrays
    from .rollback import Together

ROUGHNESS = 0.6


def fill_image(image: bpy.types.Image, pixels: np.ndarray, *, color: bool) -> None:
    """Put ``pixels`` u8[S,S,3], top row first, into an image of that size and pack it.

    Args:
        image: new, of the same width and height.
        pixels: the texture as the backend baked it.
        color: true for sRGB colours, false for data (normals), which Blender must not convert.
    """
    data = png_cache.png(pixels)
    image.pack(data=data, data_len=len(data))
    image.source = "FILE"  # what is packed, not what it was generated as
    image.colorspace_settings.name = "sRGB" if color else "Non-Color"


def make_material(name: str, arrays: MeshArrays, keep: Together) -> bpy.types.Material:
    """A material whose base colour, and normal if there is one, come from packed images."""
    images = []
    textures = [(name, arrays.texture, True)]
    if arrays.normal_map is not None:
        textures.append((data_name(name, " normal"), arrays.normal_map, False))
    for title, pixels, color in textures:
        height, width, _ = pixels.shape
        image = keep(bpy.data.images.new(title, width, height, alpha=False))
        fill_image(image, pixels, color=color)
        images.append(image)
    material = keep(bpy.data.materials.new(name))
    if material.node_tree is None:  # 5.x makes the tree at once and warns about use_nodes
        material.use_nodes = True
    connect(material, *images)
    return material


def connect(
    material: bpy.types.Material, color: bpy.types.Image, normal: bpy.types.Image | None = None
) -> None:
    """Wire the images into the material's Principled BSDF, laid out so that it reads well."""
    nodes, links = material.node_tree.nodes, material.node_tree.links
    shader = principled(material)
    shader.inputs["Roughness"].default_value = ROUGHNESS

    texture = nodes.new("ShaderNodeTexImage")
    texture.name = texture.label = "Color"
    texture.image = color
    texture.location = (shader.location.x - 320, shader.location.y)
    links.new(texture.outputs["Color"], shader.inputs["Base Color"])

    if normal is not None:
        connect_normal(material, normal)
    # The Material Preview and Solid/Texture viewports show the active image node.
    nodes.active = texture


def connect_normal(material: bpy.types.Material, normal: bpy.types.Image) -> None:
    """Wire a tangent-space normal map into the material's Principled BSDF."""
    nodes, links = material.node_tree.nodes, material.node_tree.links
    shader = principled(material)
    tangent = nodes.new("ShaderNodeNormalMap")
    tangent.location = (shader.location.x - 220, shader.location.y - 320)
    bumps = nodes.new("ShaderNodeTexImage")
    bumps.name = bumps.label = "Normal"
    bumps.image = normal
    bumps.location = (shader.location.x - 520, shader.location.y - 320)
    links.new(bumps.outputs["Color"], tangent.inputs["Color"])
    links.new(tangent.outputs["Normal"], shader.inputs["Normal"])


def principled(material: bpy.types.Material) -> bpy.types.ShaderNode:
    """The material's Principled BSDF, connected to its output; made where it is missing."""
    nodes, links = material.node_tree.nodes, material.node_tree.links
    shader = next((node for node in nodes if node.type == "BSDF_PRINCIPLED"), None)
    if shader is None:
        shader = nodes.new("ShaderNodeBsdfPrincipled")
    output = next((node for node in nodes if node.type == "OUTPUT_MATERIAL"), None)
    if output is None:
        output = nodes.new("ShaderNodeOutputMaterial")
        output.location = (shader.location.x + 300, shader.location.y)
    if not output.inputs["Surface"].is_linked:
        links.new(shader.outputs["BSDF"], output.inputs["Surface"])
    return shader
