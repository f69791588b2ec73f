"""The .blend stays clean, and everything travels: saved, appended, linked."""

from __future__ import annotations

import bpy
import numpy as np
from harness import PROMPT, Bench, contents


def save_with_object(bench: Bench, name: str) -> tuple[str, dict]:
    ob = bench.generate(normal_map=True)
    properties = dict(ob.items())
    path = str(bench.folder / name)
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_homefile(use_empty=True)
    return path, properties


def load(path: str, *, link: bool) -> bpy.types.Object:
    with bpy.data.libraries.load(path, link=link) as (found, wanted):
        assert found.objects == [PROMPT]
        wanted.objects = found.objects
    (ob,) = wanted.objects
    bpy.context.scene.collection.objects.link(ob)
    return ob


def complete(ob: bpy.types.Object, properties: dict) -> None:
    assert dict(ob.items()) == properties
    material = ob.material_slots[0].material
    for name in ("Color", "Normal"):
        image = material.node_tree.nodes[name].image
        assert image.packed_file is not None
        assert np.array(image.pixels[:4000]).std() > 0
    assert len(ob.data.uv_layers) == 1 and len(ob.data.polygons) > 20


def check_appended_object_brings_everything(bench: Bench) -> None:
    path, properties = save_with_object(bench, "a source.blend")
    ob = load(path, link=False)
    complete(ob, properties)
    assert ob.library is None
    bpy.context.view_layer.objects.active = ob
    assert bpy.ops.att3d.regenerate() == {"FINISHED"}, "and can be made again there"
    assert ob["att3d_prompt"] == PROMPT


def check_linked_object_shows_everything_and_is_left_alone(bench: Bench) -> None:
    path, properties = save_with_object(bench, "ünï source.blend")
    ob = load(path, link=True)
    complete(ob, properties)
    bpy.context.view_layer.objects.active = ob
    ob.select_set(True)
    assert not bpy.ops.att3d.regenerate.poll(), "it belongs to the other file"
    assert not bpy.ops.att3d.mark_asset.poll()
    bpy.ops.att3d.use_prompt()
    assert bpy.context.scene.att3d.prompt == PROMPT
    bench.generate("a lion", checkpoint=str(bench.checkpoint), faces=500)
    assert {o.name for o in bpy.data.objects} == {PROMPT, "a lion"}


def check_linked_collection_is_not_written_into(bench: Bench) -> None:
    path, _ = save_with_object(bench, "b source.blend")
    with bpy.data.libraries.load(path, link=True) as (found, wanted):
        wanted.collections = [name for name in found.collections if name == "ATT3D"]
    bpy.context.scene.collection.children.link(wanted.collections[0])
    ob = bench.generate("a lion", checkpoint=str(bench.checkpoint), faces=500)
    assert ob.users_collection[0].library is None


def check_nothing_is_left_over_after_a_day(bench: Bench) -> None:
    """Generate, undo, redo, regenerate, restore, vary, delete: no orphan, one collection."""
    for _ in range(2):
        bpy.ops.ed.undo_push(message="start")
        bpy.ops.att3d.generate("EXEC_DEFAULT", True, prompt=PROMPT)
        bpy.ops.ed.undo()
        bpy.ops.ed.redo()
        bpy.context.view_layer.objects.active = bpy.data.objects[PROMPT]
        bpy.ops.att3d.regenerate("EXEC_DEFAULT", True, faces=300, normal_map=True)
        bpy.ops.ed.undo()
        bpy.ops.ed.redo()
        bpy.context.view_layer.objects.active = bpy.data.objects[PROMPT]
        bpy.ops.att3d.regenerate("EXEC_DEFAULT", True, normal_map=False)
        bpy.ops.att3d.history_restore("EXEC_DEFAULT", True)
        bpy.ops.att3d.variant("EXEC_DEFAULT", True)
        for kind in ("meshes", "materials", "images"):
            blocks = getattr(bpy.data, kind)
            assert all(block.users for block in blocks), (kind, [b.name for b in blocks])
            assert len(blocks) == 3, (kind, [b.name for b in blocks])
        assert [c.name for c in bpy.data.collections] == ["ATT3D"]
        for ob in bpy.data.objects[:]:
            bpy.data.objects.remove(ob)
        bpy.data.orphans_purge(do_recursive=True)
        left = {kind: names for kind, names in contents().items() if names}
        assert left == {"collections": ["ATT3D"]}, left


def check_images_and_materials_are_named_after_the_prompt(bench: Bench) -> None:
    ob = bench.generate(normal_map=True)
    assert ob.data.name == ob.material_slots[0].material.name == PROMPT
    assert sorted(image.name for image in bpy.data.images) == [PROMPT, f"{PROMPT} normal"]
