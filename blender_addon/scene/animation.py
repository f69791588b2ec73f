"""From the backend's arrays to one animated object, or to nothing at all."""

# bpy has no type stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
import numpy as np

from ..chain.store import PROPERTY, Chain
from .collection import home
from .keyframes import find_curve, in_nla, set_keyframes
from .mesh import fill_triangles, standing
from .names import data_name
from .place import box_of, location_for
from .shape_keys import INTERPOLATION, PATH, add_property, add_shape_keys, drive, key_names
from .texture_mix import FRAME, images_of, make_images, make_mixed_material, mix_images
from .together import Together

if TYPE_CHECKING:
    from ..chain.arrays import ChainArrays
    from .provenance import Provenance


def chain_of(ob: bpy.types.Object | None) -> Chain | None:
    """The chain that an animated object was built from; None for every other object."""
    if ob is None or ob.type != "MESH" or INTERPOLATION not in ob:
        return None
    return Chain.from_json(ob.get(PROPERTY))


def add_animated_object(
    scene: bpy.types.Scene,
    arrays: ChainArrays,
    chain: Chain,
    provenance: Provenance,
    place: str,
) -> bpy.types.Object:
    """Make the animated object of a chain and link it into the scene.

    Nothing was made before this call. When it fails, nothing is left behind.

    Args:
        scene: that gets the object.
        arrays: from the backend.
        chain: prompts and frames.
        provenance: where it came from.
        place: where it stands, "FREE", "ORIGIN" or "CURSOR".
    """
    name = data_name(chain.title)
    with Together() as keep:
        mesh, images, names = _make_mesh(name, arrays, chain, keep)
        mesh.materials.append(make_mixed_material(name, images, arrays.alphas.tolist(), keep))
        ob = keep(bpy.data.objects.new(name, mesh))
        _dress(ob, ob, arrays, chain, provenance, names)
        ob.location = location_for(place, scene, box_of(ob))
        set_keyframes(ob, chain.frames)
        keep(ob.animation_data.action)
        _show_frame(ob, scene)
        home(scene).objects.link(ob)
    return ob


def rebuild(
    ob: bpy.types.Object,
    scene: bpy.types.Scene,
    arrays: ChainArrays,
    chain: Chain,
    provenance: Provenance,
) -> bool:
    """Give an animated object the shape and colours of another chain.

    The object, its place, modifiers, constraints and the rest of its material stay. Keyframes of
    Interpolation stay as they were edited, unless the chain's frames are others than those that the
    object was built with.

    Returns:
        False when the frames are others and yet the keyframes could not follow, because they are
        in the NLA.
    """
    before = chain_of(ob)
    name = data_name(chain.title)
    old_mesh = ob.data
    with Together() as keep:
        mesh, images, names = _make_mesh(name, arrays, chain, keep)
        holder = keep(bpy.data.objects.new(name, mesh))  # shape keys are made through an object
        mixed = next((slot.material for slot in ob.material_slots if _is_mixed(slot)), None)
        old_images = [] if mixed is None else images_of(mixed)
        for slot in ob.material_slots:
            mesh.materials.append(slot.material)
        if mixed is None:
            made = make_mixed_material(name, images, arrays.alphas.tolist(), keep)
            if mesh.materials:
                mesh.materials[0] = made
            else:
                mesh.materials.append(made)
        _dress(holder, ob, arrays, chain, provenance, names)
    # From here on nothing can fail half-way.
    bpy.data.objects.remove(holder)
    ob.data = mesh
    if mixed is not None:
        mix_images(mixed, images, arrays.alphas.tolist())
    for image in old_images:
        if not image.users:
            bpy.data.images.remove(image)
    if not old_mesh.users:
        bpy.data.meshes.remove(old_mesh)
    # The old ones had the names until now. An object that a person has renamed keeps its name.
    blocks = (mesh, mesh.shape_keys, *images)
    for block, text in zip(blocks, (name, name, *names), strict=True):
        block.name = text
    if before is not None and ob.name == data_name(before.title):
        ob.name = name
    if before is None or before.frames != chain.frames:
        if in_nla(ob) and find_curve(ob, PATH) is None:
            return False
        set_keyframes(ob, chain.frames)
    _show_frame(ob, scene)
    return True


def _make_mesh(
    name: str, arrays: ChainArrays, chain: Chain, keep: Together
) -> tuple[bpy.types.Mesh, list[bpy.types.Image], list[str]]:
    names = key_names(chain.prompts, arrays.alphas.tolist())
    images = make_images(names, arrays.textures, keep)
    mesh = keep(bpy.data.meshes.new(name))
    fill_triangles(mesh, standing(arrays.positions[0]), arrays.faces, arrays.uvs)
    return mesh, images, names


def _dress(
    holder: bpy.types.Object,
    ob: bpy.types.Object,
    arrays: ChainArrays,
    chain: Chain,
    provenance: Provenance,
    names: list[str],
) -> None:
    """Shape keys on the mesh of ``holder`` that follow the property of ``ob``."""
    add_property(ob, len(chain.prompts) - 1)
    add_shape_keys(holder, np.stack([standing(key) for key in arrays.positions]), names)
    drive(holder.data.shape_keys, ob, arrays.alphas.tolist())
    holder.data.shape_keys.name = data_name(chain.title)
    provenance.write(ob)
    ob[PROPERTY] = chain.to_json()


def _is_mixed(slot: bpy.types.MaterialSlot) -> bool:
    material = slot.material
    return (
        material is not None
        and material.library is None
        and material.node_tree is not None
        and FRAME in material.node_tree.nodes
    )


def _show_frame(ob: bpy.types.Object, scene: bpy.types.Scene) -> None:
    """The property's value at the current frame, which Blender would only set at the next one."""
    curve = find_curve(ob, PATH)
    if curve is not None:
        ob[INTERPOLATION] = curve.evaluate(scene.frame_current_final)
