"""Models of a Blender file as .glb files, as they stand; each with what its asset says about it.

A part of the extension, and a program of its own that ``training/library/blender.py`` runs in a
Python with bpy or in a Blender: a request is a JSON line on standard input, ``path`` (.blend or
.fbx) and ``folder``; the answer is a line on standard output that begins with ``ATT3D-REPLY``. So
this file imports bpy and the standard library only.
"""

# bpy has no type stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

DRAWN = {"MESH", "CURVE", "SURFACE", "FONT", "META"}
CARRIED = {"TEX_IMAGE", "VERTEX_COLOR", "ATTRIBUTE", "MIX", "RGB"}
"""Nodes whose color a file can carry; others are procedural."""

STILL: dict[str, Any] = {
    "export_format": "GLB",
    "export_apply": True,
    "export_animations": False,
    "export_skins": False,
    "export_morph": False,
    "export_cameras": False,
    "export_lights": False,
    "export_yup": True,
}
"""Options of Blender's glTF exporter for models as they stand: modifiers applied, no motion."""


@dataclass(frozen=True)
class Piece:
    """What becomes one model: an object with what hangs on it, or a collection."""

    item: Any
    """The object or collection."""

    @property
    def name(self) -> str:
        return self.item.name

    @property
    def objects(self) -> list[Any]:
        if isinstance(self.item, bpy.types.Collection):
            return list(self.item.all_objects)
        return [self.item, *self.item.children_recursive]

    @property
    def shown(self) -> bool:
        """Whether there is anything to see in it."""
        return any(each.type in DRAWN or each.instance_collection for each in self.objects)

    def facts(self) -> dict[str, Any]:
        """What the asset browser knows of it."""
        asset = self.item.asset_data
        return {
            "name": self.name,
            "description": asset.description if asset else "",
            "tags": [tag.name for tag in asset.tags] if asset else [],
            "author": asset.author if asset else "",
            "licence": asset.license if asset else "",
            "warnings": procedural(self.objects),
        }


def assets_of_file() -> list[Piece]:
    """Objects and collections of the open file that are marked as assets."""
    return [
        Piece(item)
        for part in (bpy.data.objects, bpy.data.collections)
        for item in part
        if item.asset_data is not None and item.library is None
    ]


def outermost(objects: Iterable[Any]) -> list[Piece]:
    """A piece for each object whose parent is not among them too."""
    chosen = list(objects)
    return [Piece(each) for each in chosen if not _ancestors(each) & set(chosen)]


def _ancestors(each: Any) -> set[Any]:
    found = set()
    while each.parent is not None:
        each = each.parent
        found.add(each)
    return found


def write_piece(piece: Piece, path: Path) -> None:
    """One piece alone as .glb; the scene stays as it is."""
    with _alone(piece):
        write_scene(path)


@contextmanager
def _alone(piece: Piece) -> Iterator[None]:
    """A scene with nothing but the piece, shown."""
    window = bpy.context.window
    before, scene = window.scene, bpy.data.scenes.new("ATT3D")
    hidden = [each for each in piece.objects if each.hide_viewport]
    try:
        if isinstance(piece.item, bpy.types.Collection):
            scene.collection.children.link(piece.item)
        else:
            for each in piece.objects:
                scene.collection.objects.link(each)
        for each in hidden:
            each.hide_viewport = False
        window.scene = scene
        yield
    finally:
        window.scene = before
        for each in hidden:
            each.hide_viewport = True
        bpy.data.scenes.remove(scene)


def write_scene(path: Path) -> None:
    """The visible objects of the scene at hand: modifiers applied, armatures at rest."""
    poses = [(armature, armature.pose_position) for armature in bpy.data.armatures]
    for armature, _ in poses:
        armature.pose_position = "REST"
    try:
        for each in bpy.context.scene.objects:
            # Objects of a scene that was never shown have not been placed yet.
            each.update_tag()
        bpy.context.view_layer.update()
        bpy.ops.export_scene.gltf(
            filepath=str(path),
            use_active_scene=True,
            use_visible=True,
            **STILL,
        )
    finally:
        for armature, position in poses:
            armature.pose_position = position


def procedural(objects: Iterable[Any]) -> list[str]:
    """Materials whose color is made of nodes that no file format carries."""
    found = []
    for material in {slot.material for each in objects for slot in each.material_slots}:
        if material is None or not material.use_nodes:
            continue
        for node in material.node_tree.nodes:
            if node.type != "BSDF_PRINCIPLED" or not node.inputs["Base Color"].is_linked:
                continue
            if node.inputs["Base Color"].links[0].from_node.type not in CARRIED:
                found.append(f"material {material.name} is procedural: flat color")
    return sorted(found)


def add_facts(path: Path, facts: dict[str, Any]) -> None:
    """Put facts into a .glb, in the ``extras`` of its ``asset``: readers that do not know them
    pass over them."""
    data = path.read_bytes()
    length = struct.unpack_from("<I", data, 12)[0]
    header = json.loads(data[20 : 20 + length])
    header["asset"].setdefault("extras", {}).update(facts)
    text = json.dumps(header, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 4)
    rest = data[20 + length :]
    head = struct.pack("<5I", 0x46546C67, 2, 20 + len(text) + len(rest), len(text), 0x4E4F534A)
    path.write_bytes(head + text + rest)


def models_of(path: Path, folder: Path) -> list[dict[str, Any]]:
    """Open a file and write its models: its assets, or everything as one where it has none."""
    if path.suffix.lower() == ".fbx":
        bpy.ops.wm.read_factory_settings(use_empty=True)
        if hasattr(bpy.ops.import_scene, "fbx"):
            bpy.ops.import_scene.fbx(filepath=str(path), use_anim=False)
        else:
            bpy.ops.wm.fbx_import(filepath=str(path), use_anim=False)
    else:
        bpy.ops.wm.open_mainfile(filepath=str(path), load_ui=False, use_scripts=False)
    pieces = assets_of_file() if path.suffix.lower() == ".blend" else []
    written = []
    for number, piece in enumerate(pieces):
        target = folder / f"model{number}.glb"
        write_piece(piece, target)
        written.append({"path": str(target), **piece.facts()})
    if not pieces:
        target = folder / "model.glb"
        write_scene(target)
        warnings = procedural(bpy.context.scene.objects)
        written.append({"path": str(target), "name": "", "warnings": warnings})
    return written


def main() -> None:
    """Answer requests until standard input ends."""
    for line in sys.stdin:
        request = json.loads(line)
        try:
            models = models_of(Path(request["path"]), Path(request["folder"]))
            reply: dict[str, Any] = {"models": models}
        except Exception as error:  # Whatever Blender says goes into the table.
            reply = {"error": " ".join(str(error).split())}
        sys.stdout.write("\nATT3D-REPLY " + json.dumps(reply) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
