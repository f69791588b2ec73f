"""A material whose colors follow the object's property Interpolation, or its property Texture.

One image a key, mixed in a chain: each Mix node goes from everything before to its own image while
the property goes from the key before to its own. Texture is the place where it is not below zero;
there it leaves the place to Interpolation. Attribute nodes read the properties from the object that
wears the material, so duplicates that share it keep their own colors. No drivers, no Python.
"""

from __future__ import annotations

from collections.abc import Sequence

import bpy

from ...backend.prompts.materials import PLAIN
from .data_blocks import Together
from .material import principled
from .shape_keys import INTERPOLATION, TEXTURE

FRAME = "ATT3D colors"
"""Name of the frame node around everything that is made here, and replaced by a rebuild."""
RESULT = "Colors"
"""Name of the last node of the chain."""
_WIDTH, _HEIGHT = 260, 300


def make_mixed_material(
    name: str, images: Sequence[bpy.types.Image], alphas: Sequence[float], keep: Together
) -> bpy.types.Material:
    """A new material that mixes ``images``, which stand at ``alphas``."""
    material = keep(bpy.data.materials.new(name))
    if material.node_tree is None:  # 5.x makes the tree at once and warns about use_nodes
        material.use_nodes = True
    shader = principled(material)
    shader.inputs["Roughness"].default_value = PLAIN.roughness
    mix_images(material, images, alphas)
    return material


def mix_images(
    material: bpy.types.Material, images: Sequence[bpy.types.Image], alphas: Sequence[float]
) -> None:
    """Put the chain of images into the material in place of the one that was there, if any.

    The new chain feeds what the old one fed; in a new material, the Principled BSDF's base color.
    """
    nodes, links = material.node_tree.nodes, material.node_tree.links
    fed = _take_out(material)
    shader = principled(material)
    if not fed:
        fed = [shader.inputs["Base Color"]]
    frame = nodes.new("NodeFrame")
    frame.name = frame.label = FRAME
    # A small frame for every number of keys: one column a key, left of the shader.
    left = shader.location.x - _WIDTH * (len(images) + 1)
    top = shader.location.y
    value = color = None
    if len(images) > 1:
        value = _place(material.node_tree, frame, left - 2 * _WIDTH, top + _HEIGHT)
    for index, image in enumerate(images):
        texture = nodes.new("ShaderNodeTexImage")
        texture.image = image
        texture.name = f"Color {index}"
        texture.label = image.name
        _put(texture, frame, left + _WIDTH * index, top - _HEIGHT)
        if index == 0:
            color = texture.outputs["Color"]
            nodes.active = texture  # Solid viewports and the glTF exporter take the active one
            texture.name = RESULT if len(images) == 1 else texture.name
            continue
        share = nodes.new("ShaderNodeMapRange")
        share.clamp = True
        share.inputs["From Min"].default_value = alphas[index - 1]
        share.inputs["From Max"].default_value = alphas[index]
        share.label = f"{alphas[index - 1]:g} to {alphas[index]:g}"
        share.hide = True
        _put(share, frame, left + _WIDTH * index, top + 40)
        links.new(value, share.inputs["Value"])
        mix = nodes.new("ShaderNodeMix")
        mix.data_type = "RGBA"
        mix.name = RESULT if index == len(images) - 1 else f"Mix {index}"
        _put(mix, frame, left + _WIDTH * index, top)
        links.new(share.outputs["Result"], _socket(mix.inputs, "Factor_Float"))
        links.new(color, _socket(mix.inputs, "A_Color"))
        links.new(texture.outputs["Color"], _socket(mix.inputs, "B_Color"))
        color = _socket(mix.outputs, "Result_Color")
    for socket in fed:
        links.new(color, socket)


def _place(
    tree: bpy.types.NodeTree, frame: bpy.types.Node, left: float, top: float
) -> bpy.types.NodeSocket:
    """Nodes whose output is Texture, or Interpolation while Texture is below zero."""
    outputs = {}
    for row, name in enumerate((INTERPOLATION, TEXTURE)):
        follow = tree.nodes.new("ShaderNodeAttribute")
        follow.name = follow.label = name
        follow.attribute_type = "OBJECT"
        follow.attribute_name = name
        _put(follow, frame, left - _WIDTH, top - 200 * row)
        outputs[name] = follow.outputs["Fac"]
    below = tree.nodes.new("ShaderNodeMath")
    below.operation = "LESS_THAN"
    below.name = below.label = "Follows"
    below.inputs[1].default_value = 0.0
    _put(below, frame, left, top - 200)
    tree.links.new(outputs[TEXTURE], below.inputs[0])
    choice = tree.nodes.new("ShaderNodeMix")
    choice.name = choice.label = "Place"
    _put(choice, frame, left + _WIDTH, top)
    tree.links.new(below.outputs[0], _socket(choice.inputs, "Factor_Float"))
    tree.links.new(outputs[TEXTURE], _socket(choice.inputs, "A_Float"))
    tree.links.new(outputs[INTERPOLATION], _socket(choice.inputs, "B_Float"))
    return _socket(choice.outputs, "Result_Float")


def images_of(material: bpy.types.Material) -> list[bpy.types.Image]:
    """The images of the chain, in order; empty when there is no chain."""
    if material.node_tree is None:
        return []
    nodes = [n for n in _ours(material) if n.type == "TEX_IMAGE" and n.image is not None]
    return [node.image for node in sorted(nodes, key=lambda node: node.location.x)]


def corners_of(material: bpy.types.Material) -> list[float]:
    """The values of Interpolation at which the images of the chain stand."""
    shares = [node for node in _ours(material) if node.type == "MAP_RANGE"]
    if not shares:
        return [0.0]
    shares.sort(key=lambda node: node.location.x)
    starts = [node.inputs["From Min"].default_value for node in shares]
    return [*starts, shares[-1].inputs["From Max"].default_value]


def _ours(material: bpy.types.Material) -> list[bpy.types.Node]:
    nodes = material.node_tree.nodes
    return [node for node in nodes if node.parent is not None and node.parent.name == FRAME]


def _take_out(material: bpy.types.Material) -> list[bpy.types.NodeSocket]:
    """Remove the chain; return the sockets outside that it fed."""
    nodes = material.node_tree.nodes
    ours = set(_ours(material))
    fed = [
        link.to_socket
        for link in material.node_tree.links
        if link.from_node in ours and link.to_node not in ours
    ]
    for node in ours:
        nodes.remove(node)
    if (frame := nodes.get(FRAME)) is not None:
        nodes.remove(frame)
    return fed


def _put(node: bpy.types.Node, frame: bpy.types.Node, x: float, y: float) -> None:
    node.parent = frame
    node.location = (x, y)


def _socket(sockets: bpy.types.bpy_prop_collection, identifier: str) -> bpy.types.NodeSocket:
    """Mix nodes have a socket of every name for every type of data; only identifiers differ."""
    return next(socket for socket in sockets if socket.identifier == identifier)
