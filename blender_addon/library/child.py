"""Runs in Blender: opens .fbx and .blend files and writes their models as .glb.

A request is a JSON line on standard input: ``path`` and ``folder``. The answer is a line on
standard output that begins with ``ATT3D-REPLY``. Ends when standard input does. bpy and the
standard library only; it is run as a file of its own, so it imports nothing of ours.
"""

# bpy has no type stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import bpy

DRAWN = {"MESH", "CURVE", "SURFACE", "FONT", "META"}


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply: dict[str, Any] = {
                "models": models(Path(request["path"]), Path(request["folder"]))
            }
        except Exception as error:  # Whatever Blender says goes into the table.
            reply = {"error": " ".join(str(error).split())}
        sys.stdout.write("\nATT3D-REPLY " + json.dumps(reply) + "\n")
        sys.stdout.flush()


def models(path: Path, folder: Path) -> list[dict[str, Any]]:
    """Open a file and export what is in it."""
    if path.suffix.lower() == ".fbx":
        bpy.ops.wm.read_factory_settings(use_empty=True)
        if hasattr(bpy.ops.import_scene, "fbx"):
            bpy.ops.import_scene.fbx(filepath=str(path), use_anim=False)
        else:
            bpy.ops.wm.fbx_import(filepath=str(path), use_anim=False)
        return [whole_scene(folder)]
    bpy.ops.wm.open_mainfile(filepath=str(path), load_ui=False, use_scripts=False)
    marked = [
        item
        for part in (bpy.data.objects, bpy.data.collections)
        for item in part
        if item.asset_data is not None and item.library is None
    ]
    if not marked:
        return [whole_scene(folder)]
    return [one_asset(item, folder, number) for number, item in enumerate(marked)]


def whole_scene(folder: Path) -> dict[str, Any]:
    """The visible objects of the scene together."""
    scene = bpy.context.scene
    drawn = [o for o in scene.objects if o.type in DRAWN or o.instance_type == "COLLECTION"]
    path = folder / "model.glb"
    write_glb(path)
    return describe(path, "", None, drawn)


def one_asset(item: Any, folder: Path, number: int) -> dict[str, Any]:
    """An object with what hangs on it, or a collection, alone in a scene of its own."""
    scene = bpy.data.scenes.new("ATT3D")
    if isinstance(item, bpy.types.Collection):
        scene.collection.children.link(item)
        objects = list(item.all_objects)
    else:
        objects = [item, *item.children_recursive]
        for each in objects:
            scene.collection.objects.link(each)
    for each in objects:
        each.hide_viewport = False
    bpy.context.window.scene = scene
    path = folder / f"model{number}.glb"
    write_glb(path)
    bpy.context.window.scene = next(s for s in bpy.data.scenes if s != scene)
    bpy.data.scenes.remove(scene)
    return describe(path, item.name, item.asset_data, objects)


def write_glb(path: Path) -> None:
    """Modifiers applied, armatures at rest, the scene at hand."""
    for armature in bpy.data.armatures:
        armature.pose_position = "REST"
    for each in bpy.context.scene.objects:
        # Objects of a scene that was never shown have not been placed yet.
        each.update_tag()
    bpy.context.view_layer.update()
    bpy.ops.export_scene.gltf(
        filepath=str(path),
        export_format="GLB",
        use_active_scene=True,
        use_visible=True,
        export_apply=True,
        export_animations=False,
        export_skins=False,
        export_morph=False,
        export_cameras=False,
        export_lights=False,
        export_yup=True,
    )


def describe(path: Path, name: str, asset: Any, objects: list[Any]) -> dict[str, Any]:
    return {
        "path": str(path),
        "name": name,
        "description": asset.description if asset else "",
        "tags": [tag.name for tag in asset.tags] if asset else [],
        "author": asset.author if asset else "",
        "licence": asset.license if asset else "",
        "warnings": procedural(objects),
    }


def procedural(objects: list[Any]) -> list[str]:
    """Materials whose colour is made of nodes that no file format carries."""
    found = []
    for material in {slot.material for each in objects for slot in each.material_slots}:
        if material is None or not material.use_nodes:
            continue
        for node in material.node_tree.nodes:
            if node.type != "BSDF_PRINCIPLED" or not node.inputs["Base Color"].is_linked:
                continue
            source = node.inputs["Base Color"].links[0].from_node
            if source.type not in {"TEX_IMAGE", "VERTEX_COLOR", "ATTRIBUTE", "MIX", "RGB"}:
                found.append(f"material {material.name} is procedural: flat color")
    return sorted(found)


if __name__ == "__main__":
    main()
