"""A new mesh and texture for an object that is there: everything else about it stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import bpy

from .carry_over import additions_of
from .data_blocks import Together, data_name
from .material import connect_finish, connect_normal, make_images, make_material
from .mesh import fill_mesh

if TYPE_CHECKING:
    from .arrays import MeshArrays
    from .provenance import Provenance


def replace_mesh(ob: bpy.types.Object, arrays: MeshArrays, provenance: Provenance) -> list[str]:
    """Give an object of ours this mesh, in place.

    Its name, place, modifiers, constraints, animation and collections stay. So does its material
    with everything that was changed in it, if the texture's node is still there: only the picture
    is another. Vertex groups are taken over. Other objects that share the mesh or the material keep
    them. What nothing uses any more is removed.

    Args:
        ob: a mesh object of this file, in Object Mode.
        arrays: from the backend.
        provenance: where they came from.

    Returns:
        What there is to say about what was on the old mesh.
    """
    name = data_name(provenance.name)
    old = ob.data
    materials = [slot.material for slot in ob.material_slots]
    first = materials[0] if materials else None
    on_object = bool(materials) and ob.material_slots[0].link == "OBJECT"
    pictures = _pictures(first)
    additions = additions_of(ob)
    with Together() as keep:
        mesh = keep(bpy.data.meshes.new(name))
        fill_mesh(mesh, arrays)
        if first is None or _texture_node(first) is None:
            material = make_material(name, arrays, keep)
        else:
            shared = first.users > 1 or old.users > 1 or first.library is not None
            material = keep(first.copy()) if shared else first
            _show(material, name, arrays, keep)
        for slot in (material, *materials[1:]):
            mesh.materials.append(slot)
    ob.data = mesh
    notes = additions.put_on(ob)
    if on_object:
        ob.material_slots[0].material = material
    provenance.write(ob)
    for block in (old, first, *pictures):
        if block is not None and block.users == 0 and block.library is None:
            bpy.data.batch_remove([block])
    mesh.name = name
    for image in _pictures(material):
        image.name = image.name.rpartition(".")[0] if _numbered(image.name) else image.name
    return notes


def _show(material: bpy.types.Material, name: str, arrays: MeshArrays, keep: Together) -> None:
    """New pictures in the material's own nodes. Nothing is changed when one cannot be made."""
    color, normal, finish_map = make_images(name, arrays, keep)
    nodes = material.node_tree.nodes
    nodes["Color"].image = color
    _show_map(material, "Normal", normal, connect_normal, "NORMAL_MAP")
    _show_map(material, "Finish", finish_map, connect_finish, "SEPARATE_COLOR")


def _show_map(
    material: bpy.types.Material,
    name: str,
    image: bpy.types.Image | None,
    connect: Callable[[bpy.types.Material, bpy.types.Image], None],
    behind: str,
) -> None:
    """A new picture in the node of this name, which is made or goes as there is a picture or not.

    Args:
        material: whose node it is.
        name: the node's.
        image: None: the old picture fits the old mesh only.
        connect: makes the node.
        behind: type of the node behind it, which goes with it.
    """
    nodes = material.node_tree.nodes
    node = nodes.get(name)
    if node is not None and node.type != "TEX_IMAGE":
        node = None
    if image is not None and node is not None:
        node.image = image
    elif image is not None:
        connect(material, image)
    elif node is not None:
        others = {link.to_node for link in node.outputs["Color"].links}
        for gone in (node, *(other for other in others if other.type == behind)):
            nodes.remove(gone)


def _texture_node(material: bpy.types.Material | None) -> bpy.types.ShaderNode | None:
    """The node that shows the colors, as :mod:`.material` names it."""
    tree = material.node_tree if material is not None else None
    node = tree.nodes.get("Color") if tree is not None else None
    return node if node is not None and node.type == "TEX_IMAGE" else None


def _pictures(material: bpy.types.Material | None) -> list[bpy.types.Image]:
    tree = material.node_tree if material is not None else None
    nodes = tree.nodes if tree is not None else ()
    images = (node.image for node in nodes if node.type == "TEX_IMAGE")
    return list(dict.fromkeys(image for image in images if image is not None))


def _numbered(name: str) -> bool:
    """Whether Blender has added a number, because the old one still had the name."""
    stem, _, number = name.rpartition(".")
    return bool(stem) and number.isdecimal()
