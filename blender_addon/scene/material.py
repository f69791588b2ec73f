"""One Principled material with the baked colors, packed into the .blend.

Nodes and sockets are found by name: indices differ between Blender versions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ...backend.prompts.materials import PLAIN
from .data_blocks import data_name

if TYPE_CHECKING:
    from .arrays import MeshArrays
    from .data_blocks import Together


def packed_image(name: str, png: bytes, keep: Together, *, color: bool) -> bpy.types.Image:
    """A new image that holds a PNG file, packed into the .blend.

    Args:
        name: of the data-block.
        png: the file.
        keep: takes the image.
        color: true for sRGB colors, false for data (normals), which Blender must not convert.
    """
    image = keep(bpy.data.images.new(name, 1, 1, alpha=False))  # the file says its size
    image.pack(data=png, data_len=len(png))
    image.source = "FILE"  # what is packed, not what it was generated as
    image.colorspace_settings.name = "sRGB" if color else "Non-Color"
    return image


def make_images(
    name: str, arrays: MeshArrays, keep: Together
) -> tuple[bpy.types.Image, bpy.types.Image | None, bpy.types.Image | None]:
    """The color texture, and the normal map and the map of metal and roughness if there are."""
    color = packed_image(name, arrays.texture_png, keep, color=True)
    maps = []
    for ending, png in ((" normal", arrays.normal_map_png), (" finish", arrays.finish_map_png)):
        title = data_name(name, ending)
        maps.append(None if png is None else packed_image(title, png, keep, color=False))
    return color, maps[0], maps[1]


def make_material(name: str, arrays: MeshArrays, keep: Together) -> bpy.types.Material:
    """A material whose base color, and normal if there is one, come from packed images."""
    images = make_images(name, arrays, keep)
    material = keep(bpy.data.materials.new(name))
    if material.node_tree is None:  # 5.x makes the tree at once and warns about use_nodes
        material.use_nodes = True
    connect(material, *images, finish=arrays.finish)
    return material


def connect(
    material: bpy.types.Material,
    color: bpy.types.Image,
    normal: bpy.types.Image | None = None,
    finish_map: bpy.types.Image | None = None,
    finish: tuple[float, float] = PLAIN,
) -> None:
    """Wire the images into the material's Principled BSDF, laid out so that it reads well.

    Args:
        material: with a node tree.
        color: sRGB.
        normal: a tangent-space normal map.
        finish_map: roughness in green, metal in blue.
        finish: metal and roughness, where no map tells them.
    """
    nodes, links = material.node_tree.nodes, material.node_tree.links
    shader = principled(material)
    shader.inputs["Metallic"].default_value, shader.inputs["Roughness"].default_value = finish

    texture = nodes.new("ShaderNodeTexImage")
    texture.name = texture.label = "Color"
    texture.image = color
    texture.location = (shader.location.x - 320, shader.location.y)
    links.new(texture.outputs["Color"], shader.inputs["Base Color"])

    if normal is not None:
        connect_normal(material, normal)
    if finish_map is not None:
        connect_finish(material, finish_map)
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


def connect_finish(material: bpy.types.Material, finish_map: bpy.types.Image) -> None:
    """Wire a map of roughness (green) and metal (blue) into the material's Principled BSDF."""
    nodes, links = material.node_tree.nodes, material.node_tree.links
    shader = principled(material)
    channels = nodes.new("ShaderNodeSeparateColor")
    channels.location = (shader.location.x - 220, shader.location.y - 620)
    texture = nodes.new("ShaderNodeTexImage")
    texture.name = texture.label = "Finish"
    texture.image = finish_map
    texture.location = (shader.location.x - 520, shader.location.y - 620)
    links.new(texture.outputs["Color"], channels.inputs["Color"])
    links.new(channels.outputs["Green"], shader.inputs["Roughness"])
    links.new(channels.outputs["Blue"], shader.inputs["Metallic"])


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
