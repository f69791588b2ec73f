"""Makes one animated object from the backend's arrays, or nothing at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import bpy
import numpy as np
from bpy.app.translations import pgettext_rpt as rpt_

from .carry_over import additions_of
from .chain import PROPERTY, Chain
from .collection import home
from .data_blocks import Together, data_name
from .keyframes import find_curve, in_nla, set_keyframes
from .material import packed_image
from .mesh import fill_faces, standing
from .shape_keys import INTERPOLATION, PATH, add_properties, add_shape_keys, drive
from .texture_mix import FRAME, images_of, make_mixed_material, mix_images

if TYPE_CHECKING:
    from .arrays import ChainArrays
    from .place import Placement
    from .provenance import Provenance


def chain_of(ob: bpy.types.Object | None) -> Chain | None:
    """The chain that an animated object was built from; None for every other object."""
    if ob is None or ob.type != "MESH" or INTERPOLATION not in ob:
        return None
    return Chain.from_json(ob.get(PROPERTY))


def add_animated_object(
    scene: bpy.types.Scene,
    arrays: ChainArrays,
    key_names: Sequence[str],
    chain: Chain,
    provenance: Provenance,
    placement: Placement,
) -> bpy.types.Object:
    """Make the animated object of a chain and link it into the scene.

    Nothing was made before this call. When it fails, nothing is left behind.

    Args:
        scene: that gets the object.
        arrays: from the backend.
        key_names: of the keys.
        chain: prompts and frames.
        provenance: where it came from.
        placement: where it stands, and how tall it is as its first prompt.
    """
    name = data_name(chain.title)
    with Together() as keep:
        parts = _make_parts(name, arrays, key_names, keep)
        parts.mesh.materials.append(
            make_mixed_material(name, parts.images, parts.image_alphas, keep)
        )
        ob = keep(bpy.data.objects.new(name, parts.mesh))
        add_properties(ob, len(chain.stops) - 1)
        _add_keys(ob, ob, parts, arrays)
        placement.apply(ob, scene)
        set_keyframes(ob, chain.frames, chain.values)
        keep(ob.animation_data.action)
        _show_frame(ob, scene)
        provenance.write(ob)
        ob[PROPERTY] = chain.to_json()
        home(scene).objects.link(ob)
    return ob


def rebuild(
    ob: bpy.types.Object,
    scene: bpy.types.Scene,
    arrays: ChainArrays,
    key_names: Sequence[str],
    chain: Chain,
    provenance: Provenance,
) -> list[str]:
    """Give an animated object the shape and colors of another chain.

    The object, its place, modifiers, constraints and the rest of its material stay. Keyframes of
    Interpolation stay as they were edited, unless the chain has other frames than the one that the
    object was built from.

    Returns:
        What there is to say: what was on the old mesh, and when the frames are others and yet the
        keyframes could not follow, because they are in the NLA.
    """
    before = chain_of(ob)
    name = data_name(chain.title)
    old_mesh, old_images = ob.data, []
    with Together() as keep:
        parts = _make_parts(name, arrays, key_names, keep)
        # Shape keys are made through an object; the real one still wears its old mesh.
        holder = keep(bpy.data.objects.new(name, parts.mesh))
        _add_keys(holder, ob, parts, arrays)
        mixed = next((slot.material for slot in ob.material_slots if _is_mixed(slot)), None)
        if mixed is None:
            new = make_mixed_material(name, parts.images, parts.image_alphas, keep)
        else:
            old_images = images_of(mixed)
            shared = old_mesh.users > 1 or _worn_by_another(mixed, old_mesh)
            new = keep(mixed.copy()) if shared else mixed
        slots = [slot.material for slot in ob.material_slots] or [None]
        if mixed is None:
            slots[0] = new
        for material in slots:
            parts.mesh.materials.append(new if material == mixed else material)
    additions = additions_of(ob, own_keys=True)
    # From here on nothing can fail half-way.
    bpy.data.objects.remove(holder)
    ob.data = parts.mesh
    notes = additions.put_on(ob)
    for slot, material in zip(ob.material_slots, parts.mesh.materials, strict=True):
        slot.material = material  # a slot may be linked to the object instead of its mesh
    add_properties(ob, len(chain.stops) - 1)
    if mixed is not None:
        mix_images(new, parts.images, parts.image_alphas)
    for image in old_images:
        if not image.users:
            bpy.data.images.remove(image)
    if not old_mesh.users:
        bpy.data.meshes.remove(old_mesh)
    parts.rename(name)  # the old ones had the names until now
    if before is not None and ob.name == data_name(before.title):
        ob.name = name  # one that a person has renamed keeps its name
    if before is not None and new.name == data_name(before.title):
        new.name = name
    provenance.write(ob)
    ob[PROPERTY] = chain.to_json()
    if before is None or (before.frames, before.values) != (chain.frames, chain.values):
        if in_nla(ob) and find_curve(ob, PATH) is None:
            text = (
                "The frames of the list have changed, but the keyframes are in the NLA and were "
                "left as they are."
            )
            return [*notes, rpt_(text)]
        set_keyframes(ob, chain.frames, chain.values)
    _show_frame(ob, scene)
    return notes


@dataclass(frozen=True)
class _Parts:
    """Everything of an animated object but the object."""

    mesh: bpy.types.Mesh
    names: list[str]
    """The keys' names."""
    images: list[bpy.types.Image]
    image_names: list[str]
    image_alphas: list[float]

    def rename(self, name: str) -> None:
        blocks = (self.mesh, self.mesh.shape_keys, *self.images)
        for block, text in zip(blocks, (name, name, *self.image_names), strict=True):
            block.name = text


def _make_parts(name: str, arrays: ChainArrays, key_names: Sequence[str], keep: Together) -> _Parts:
    names = [data_name(key) for key in key_names]
    shown = list(arrays.shown_keys)
    image_names = [names[i] for i in shown]
    images = [
        packed_image(title, png, keep, color=True)
        for title, png in zip(image_names, arrays.texture_pngs, strict=True)
    ]
    mesh = keep(bpy.data.meshes.new(name))
    fill_faces(mesh, standing(arrays.positions[0]), arrays.faces, arrays.uvs)
    return _Parts(mesh, names, images, image_names, arrays.alphas[shown].tolist())


def _add_keys(
    holder: bpy.types.Object, ob: bpy.types.Object, parts: _Parts, arrays: ChainArrays
) -> None:
    """Shape keys on the mesh of ``holder`` that follow the property of ``ob``.

    Every key stands on the floor, as the object of its prompt alone does.
    """
    add_shape_keys(holder, np.stack([standing(key) for key in arrays.positions]), parts.names)
    drive(parts.mesh.shape_keys, ob, arrays.alphas.tolist())
    parts.mesh.shape_keys.name = parts.mesh.name


def _worn_by_another(material: bpy.types.Material, mesh: bpy.types.Mesh) -> bool:
    users = bpy.data.user_map(subset=[material])[material]
    return any(isinstance(user, bpy.types.Mesh) and user != mesh for user in users)


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
