"""A copy of a chain object whose shape keys have keyframes of their own, in plain colors.

Other programs know neither drivers nor mixed textures; they know keys and one texture.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import bpy

from ..scene.data_blocks import Together, data_name
from ..scene.keyframes import curve_lists, find_curve, remove_curves
from ..scene.material import packed_image
from ..scene.shape_keys import INTERPOLATION, PATH, TEXTURE, TEXTURE_PATH
from ..scene.texture_mix import FRAME, mix_images
from ..scene.textures import png_bytes
from .gltf_colors import number_vertices
from .pictures import ColorTrack, write_sequence
from .sample import Samples, key_values
from .vertex_colors import animate_colors, colored_material

SUFFIX = " baked"


@dataclass(frozen=True)
class Colors:
    """Which colors the baked object has."""

    kind: Literal["VALUE", "SEQUENCE", "VERTEX"]
    value: float = 0.0
    """The value of Interpolation whose colors VALUE takes."""
    folder: Path | None = None
    """Where the pictures go; for SEQUENCE."""


def bake_copy(
    ob: bpy.types.Object, samples: Samples, colors: Colors, *, numbered: bool = False
) -> bpy.types.Object:
    """Add a baked copy of ``ob`` to the collections that ``ob`` is in.

    Nothing stays of it when it fails.

    Args:
        ob: of a chain.
        samples: its animation.
        colors: which ones the copy has.
        numbered: colors at the vertices are put into the file later, by the vertices' numbers,
            which the copy has instead.

    Raises:
        OutputError: pictures cannot be written.
    """
    with Together() as keep:
        mesh = keep(ob.data.copy())
        copy = keep(ob.copy())
        copy.name = mesh.name = data_name(ob.name, SUFFIX)
        copy.data = mesh
        track = _track(ob)
        for slot in copy.material_slots:  # of the mesh or of the object, wherever the link is
            if slot.material is not None and FRAME in _nodes(slot.material):
                slot.material = plain_material(slot.material, samples, colors, copy.name, keep)
        key_plainly(copy, samples)
        keep(mesh.shape_keys.animation_data.action)
        release(copy, keep)
        if numbered:
            number_vertices(mesh)
        elif colors.kind == "VERTEX" and track is not None:
            animate_colors(copy, track, samples, keep)
        for collection in ob.users_collection:
            collection.objects.link(copy)
    return copy


def bake_in_place(ob: bpy.types.Object, samples: Samples, colors: Colors) -> None:
    """Give the object itself keys and plain colors. Its properties are gone afterwards.

    Raises:
        OutputError: pictures cannot be written; nothing has changed.
    """
    with Together() as keep:
        plain = {
            index: plain_material(slot.material, samples, colors, ob.name, keep)
            for index, slot in enumerate(ob.material_slots)
            if slot.material is not None and FRAME in _nodes(slot.material)
        }
    track = _track(ob)
    for index, material in plain.items():
        ob.material_slots[index].material = material
    key_plainly(ob, samples)
    with Together() as keep:
        release(ob, keep)
        if colors.kind == "VERTEX" and track is not None:
            animate_colors(ob, track, samples, keep)


def key_plainly(ob: bpy.types.Object, samples: Samples) -> None:
    """Replace the drivers of the object's shape keys by keyframes."""
    keys = ob.data.shape_keys
    keys.animation_data_clear()
    keys.name = ob.data.name
    key_values(keys, samples, data_name(ob.name, " keys"))


def release(ob: bpy.types.Object, keep: Together) -> None:
    """Take Interpolation and Texture with their animation off the object; other animation stays."""
    data, ours = ob.animation_data, (PATH, TEXTURE_PATH)
    if data is not None and data.action is not None and any(find_curve(ob, p) for p in ours):
        before, slot = data.action, getattr(data, "action_slot", None)
        if any(curve.data_path not in ours for curves in curve_lists(ob) for curve in curves):
            data.action = keep(before.copy())
            if slot is not None:
                data.action_slot = data.action.slots[slot.identifier]
            for path in ours:
                remove_curves(ob, path)
        else:
            data.action = None
        if not before.users:
            bpy.data.actions.remove(before)
    if data is not None and not (data.action or data.nla_tracks or data.drivers):
        ob.animation_data_clear()
    for name in (INTERPOLATION, TEXTURE):
        if name in ob:
            del ob[name]


def plain_material(
    material: bpy.types.Material, samples: Samples, colors: Colors, name: str, keep: Together
) -> bpy.types.Material:
    """A copy of the material with one texture, or one sequence of them, in place of the chain.

    For colors at the vertices: a material that shows these.
    """
    if colors.kind == "VERTEX":
        return colored_material(data_name(name), keep)
    track = ColorTrack(material)
    if colors.kind == "SEQUENCE" and colors.folder is not None:
        files = write_sequence(track, samples.colors, colors.folder, _file_name(name))
        image = keep(bpy.data.images.load(str(files[0])))
        image.source = "SEQUENCE"
    else:
        pixels = track.at(colors.value)
        title = data_name(f"{name} colors")
        image = packed_image(title, png_bytes(pixels), keep, color=True)
    copy = keep(material.copy())
    copy.name = data_name(name)
    mix_images(copy, [image], [0.0])
    if image.source == "SEQUENCE":
        node = next(node for node in copy.node_tree.nodes if getattr(node, "image", None) == image)
        user = node.image_user
        user.frame_start = int(samples.frames[0])
        user.frame_duration = len(samples.frames)
        user.frame_offset = 0
        user.use_auto_refresh = True
    return copy


def mixed_material(ob: bpy.types.Object) -> bpy.types.Material | None:
    """The material of a chain object whose colors change; None where somebody took it off."""
    slots = (slot.material for slot in ob.material_slots)
    return next((m for m in slots if m is not None and FRAME in _nodes(m)), None)


def _track(ob: bpy.types.Object) -> ColorTrack | None:
    material = mixed_material(ob)
    return ColorTrack(material) if material is not None else None


def _nodes(material: bpy.types.Material) -> dict | bpy.types.Nodes:
    return {} if material.node_tree is None else material.node_tree.nodes


def _file_name(text: str) -> str:
    """Letters, digits and spaces of ``text``: a name that every system accepts."""
    return "".join(c if c.isalnum() or c in " -" else "_" for c in text).strip() or "colors"
