"""Colors at a chain object's vertices, which change with its shape and survive every export.

A texture that is mixed in a material stays in Blender. Colors at the vertices do not: USD and
Alembic write them at every frame, and glTF's morph targets may carry them beside the positions.
"""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np

from ...backend.prompts.materials import PLAIN
from ..scene.data_blocks import Together
from ..scene.material import principled
from ..scene.mesh import UV_LAYER
from ..scene.shape_keys import INTERPOLATION
from ..scene.textures import to_linear
from .pictures import ColorTrack
from .sample import Samples, needed

NAME = "displayColor"
"""The attribute that changes: so USD calls the colors that every viewer shows."""
MODIFIER = "ATT3D colors"
_WITHIN = (0.9, 0.7, 0.5)
"""How near to its corner a triangle's texture is read: the mean of these stands for the vertex."""


def key_alphas(ob: bpy.types.Object) -> list[float]:
    """Where each shape key of a chain object is shown alone: values of Interpolation, rising."""
    drivers = {curve.data_path: curve for curve in ob.data.shape_keys.animation_data.drivers}
    alphas = [0.0]
    for block in ob.data.shape_keys.key_blocks[1:]:
        corners = drivers[block.path_from_id("value")].keyframe_points
        alphas.append(next(point.co.x for point in corners if point.co.y > 0.5))
    return alphas


def colors_at(
    mesh: bpy.types.Mesh, track: ColorTrack, alphas: Sequence[float] | np.ndarray
) -> np.ndarray:
    """The vertices' colors at values of Interpolation: f32[K, V, 3], linear light."""
    mesh.calc_loop_triangles()
    count = len(mesh.loop_triangles)
    loops = np.empty(3 * count, np.int32)
    mesh.loop_triangles.foreach_get("loops", loops)
    loops = loops.reshape(count, 3)
    of_loop = np.empty(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("vertex_index", of_loop)
    uvs = np.empty(2 * len(mesh.loops), np.float32)
    mesh.uv_layers[UV_LAYER].uv.foreach_get("vector", uvs)
    corners = uvs.reshape(-1, 2)[loops]
    middle = corners.mean(axis=1, keepdims=True)
    places = np.stack([middle + (corners - middle) * near for near in _WITHIN])
    vertices = of_loop[loops].reshape(-1)
    shares = np.bincount(vertices, minlength=len(mesh.vertices)).clip(1)[:, None]
    found = []
    for alpha in alphas:
        light = to_linear(track.at(alpha))
        size = len(light)
        across = np.clip((places[..., 0] * size).astype(int), 0, size - 1)
        down = np.clip(((1 - places[..., 1]) * size).astype(int), 0, size - 1)
        seen = light[down, across].mean(axis=0).reshape(-1, 3)
        sums = [np.bincount(vertices, seen[:, c], len(mesh.vertices)) for c in range(3)]
        found.append(np.stack(sums, axis=1) / shares)
    return np.stack(found).astype(np.float32)


def animate_colors(
    ob: bpy.types.Object, track: ColorTrack, samples: Samples, keep: Together
) -> None:
    """Give a baked object colors at its vertices that follow the sampled Interpolation.

    The colors of every picture of ``track`` are attributes of the mesh; a modifier mixes the two
    that are wanted into one, :data:`NAME`.
    """
    mesh = ob.data
    names = [f"Color {index}" for index in range(len(track.alphas))]
    for name, colors in zip(names, colors_at(mesh, track, track.alphas), strict=True):
        layer = mesh.attributes.new(name, "FLOAT_COLOR", "POINT")
        layer.data.foreach_set("color", np.insert(colors, 3, 1.0, axis=1).reshape(-1))
    group = keep(bpy.data.node_groups.new(MODIFIER, "GeometryNodeTree"))
    value = _mix_attributes(group, names, track.alphas.tolist())
    for index in needed(samples.frames, samples.colors):
        value.default_value = float(samples.colors[index])
        value.keyframe_insert("default_value", frame=float(samples.frames[index]))
    keep(group.animation_data.action)
    modifier = ob.modifiers.new(MODIFIER, "NODES")
    modifier.node_group = group


def colored_material(name: str, keep: Together) -> bpy.types.Material:
    """A material that shows the vertices' colors."""
    material = keep(bpy.data.materials.new(name))
    if material.node_tree is None:  # 5.x makes the tree at once and warns about use_nodes
        material.use_nodes = True
    shader = principled(material)
    shader.inputs["Roughness"].default_value = PLAIN.roughness
    color = material.node_tree.nodes.new("ShaderNodeVertexColor")
    color.layer_name = NAME
    color.location = (shader.location.x - 220, shader.location.y)
    material.node_tree.links.new(color.outputs["Color"], shader.inputs["Base Color"])
    return material


def _mix_attributes(
    group: bpy.types.NodeTree, names: Sequence[str], alphas: Sequence[float]
) -> bpy.types.NodeSocket:
    """Mix color attributes that stand at ``alphas`` into :data:`NAME`, and drop them.

    Returns:
        The socket whose value says which.
    """
    for direction in ("INPUT", "OUTPUT"):
        group.interface.new_socket("Geometry", in_out=direction, socket_type="NodeSocketGeometry")
    nodes, links = group.nodes, group.links
    value = nodes.new("ShaderNodeValue")
    value.name = value.label = INTERPOLATION
    color = None
    for index, name in enumerate(names):
        read = nodes.new("GeometryNodeInputNamedAttribute")
        read.data_type = "FLOAT_COLOR"
        read.inputs["Name"].default_value = name
        own = next(socket for socket in read.outputs if socket.enabled)
        if color is None:
            color = own
            continue
        share = nodes.new("ShaderNodeMapRange")
        share.inputs["From Min"].default_value = alphas[index - 1]
        share.inputs["From Max"].default_value = alphas[index]
        links.new(value.outputs[0], share.inputs["Value"])
        mix = nodes.new("ShaderNodeMix")
        mix.data_type = "RGBA"
        sockets = {socket.identifier: socket for socket in mix.inputs}
        links.new(share.outputs["Result"], sockets["Factor_Float"])
        links.new(color, sockets["A_Color"])
        links.new(own, sockets["B_Color"])
        color = next(s for s in mix.outputs if s.identifier == "Result_Color")
    store = nodes.new("GeometryNodeStoreNamedAttribute")
    store.data_type, store.domain = "BYTE_COLOR", "CORNER"  # Alembic's exporter writes no others
    store.inputs["Name"].default_value = NAME
    links.new(nodes.new("NodeGroupInput").outputs[0], store.inputs["Geometry"])
    links.new(color, next(s for s in store.inputs if s.name == "Value" and s.enabled))
    geometry = store.outputs["Geometry"]
    for name in names:
        drop = nodes.new("GeometryNodeRemoveAttribute")
        drop.inputs["Name"].default_value = name
        links.new(geometry, drop.inputs["Geometry"])
        geometry = drop.outputs["Geometry"]
    links.new(geometry, nodes.new("NodeGroupOutput").inputs[0])
    for index, node in enumerate(nodes):  # readable where somebody opens it
        node.location = (220 * index, 0)
    return value.outputs[0]
