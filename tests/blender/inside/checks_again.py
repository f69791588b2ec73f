"""Regenerate and Duplicate as Variant."""

from __future__ import annotations

import bpy
import numpy as np
from checks_history import pixels, positions
from harness import PROMPT, Bench, contents, refused, unchanged


def check_regenerating_gives_the_same_object_in_the_same_place(bench: Bench) -> None:
    ob = bench.generate()
    before, colors, blocks = positions(ob), pixels(ob), contents()
    ob.location, ob.name = (1, 2, 3), "Hero"
    ob.modifiers.new("Subsurf", "SUBSURF")
    ob.data.clear_geometry()
    assert bpy.ops.att3d.regenerate() == {"FINISHED"}
    assert bpy.context.object == ob and ob.name == "Hero" and ob.location[:] == (1, 2, 3)
    assert [m.name for m in ob.modifiers] == ["Subsurf"]
    assert np.array_equal(positions(ob), before) and np.array_equal(pixels(ob), colors)
    blocks["objects"] = ["Hero"]
    assert contents() == blocks, "nothing is left over, and the names are the same"


def check_regenerating_with_other_options_keeps_the_rest(bench: Bench) -> None:
    ob = bench.generate(faces=900, texture_size=64)
    bpy.context.scene.att3d.faces = 5000
    bpy.ops.att3d.regenerate()
    assert len(ob.data.polygons) <= 900, "the object's own options, not the panel's"
    bpy.ops.att3d.regenerate(faces=300)
    assert len(ob.data.polygons) <= 300
    assert '"faces": 300' in ob["att3d_options"] and '"texture_size": 64' in ob["att3d_options"]


def check_changes_to_the_material_stay(bench: Bench) -> None:
    ob = bench.generate()
    material = ob.material_slots[0].material
    material.node_tree.nodes["Principled BSDF"].inputs["Roughness"].default_value = 0.1
    bpy.ops.att3d.regenerate(texture_size=64)
    assert ob.material_slots[0].material == material
    assert abs(bsdf(material).inputs["Roughness"].default_value - 0.1) < 1e-6
    assert tuple(material.node_tree.nodes["Color"].image.size) == (64, 64)
    bpy.ops.att3d.regenerate(normal_map=True)
    assert bsdf(material).inputs["Normal"].is_linked and len(bpy.data.images) == 2
    bpy.ops.att3d.regenerate(normal_map=False)
    assert not bsdf(material).inputs["Normal"].is_linked and len(bpy.data.images) == 1


def bsdf(material: bpy.types.Material) -> bpy.types.ShaderNode:
    return material.node_tree.nodes["Principled BSDF"]


def check_copies_that_share_the_mesh_keep_it(bench: Bench) -> None:
    ob = bench.generate(faces=900)
    twin = ob.copy()
    bpy.context.scene.collection.objects.link(twin)
    faces, image = len(twin.data.polygons), pixels(twin)
    bpy.ops.att3d.regenerate(faces=300, texture_size=64)
    assert len(ob.data.polygons) <= 300 and len(twin.data.polygons) == faces
    assert np.array_equal(pixels(twin), image)


def check_undo_brings_the_old_mesh_back(bench: Bench) -> None:
    bench.generate(faces=900)
    faces = len(bpy.context.object.data.polygons)
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.att3d.regenerate("EXEC_DEFAULT", True, faces=300)
    bpy.ops.ed.undo()
    ob = bpy.data.objects[PROMPT]
    assert len(ob.data.polygons) == faces and pixels(ob).std() > 0
    bpy.ops.ed.redo()
    assert len(bpy.data.objects[PROMPT].data.polygons) <= 300


def check_another_version_of_the_checkpoint_is_said(bench: Bench) -> None:
    ob = bench.generate()
    ob["att3d_checkpoint_hash"] = "f" * 64
    bpy.ops.att3d.regenerate()
    assert any("another version" in note for note in bench.session.notes)
    assert ob["att3d_checkpoint_hash"] != "f" * 64
    bpy.ops.att3d.regenerate()
    assert bench.session.notes == ()


def check_regenerate_is_refused_with_a_reason(bench: Bench) -> None:
    bpy.ops.mesh.primitive_cube_add()
    assert not bpy.ops.att3d.regenerate.poll() and not bpy.ops.att3d.variant.poll()
    bench.generate()
    assert bpy.ops.att3d.regenerate.poll()
    bpy.ops.object.mode_set(mode="EDIT")
    assert not bpy.ops.att3d.regenerate.poll()
    bpy.ops.object.mode_set(mode="OBJECT")


def check_failed_regeneration_changes_nothing(bench: Bench) -> None:
    ob = bench.generate()
    faces = len(ob.data.polygons)
    with unchanged():
        assert "faces" in refused(bpy.ops.att3d.regenerate, faces=0)
    assert len(ob.data.polygons) == faces


def check_variant_stands_beside_with_the_same_rotation_and_scale(bench: Bench) -> None:
    ob = bench.generate(faces=900)
    ob.location, ob.rotation_euler, ob.scale = (3, 4, 1), (0, 0, 1), (0.5, 0.5, 0.5)
    assert bpy.ops.att3d.variant() == {"FINISHED"}
    variant = bpy.context.object
    assert variant != ob and variant["att3d_prompt"] != PROMPT
    known = bench.module("checkpoints.prompt_index").prompt_index(bench.checkpoint, wait=True)
    assert variant["att3d_prompt"] in known.prompts
    assert np.allclose(variant.rotation_euler, ob.rotation_euler)
    assert np.allclose(variant.scale, ob.scale)
    assert variant.location.x > 3 and np.allclose(variant.location[1:], (4, 1))
    box = bench.module("scene.place").box_of
    bpy.context.view_layer.update()
    assert not box(variant).meets(box(ob))
    assert '"faces": 900' in variant["att3d_options"]


def check_variants_are_numbered_and_can_be_named(bench: Bench) -> None:
    prompts = set()
    for number in (1, 2):
        ob = bench.generate()
        bpy.ops.att3d.variant(number=number)
        prompts.add(bpy.context.object["att3d_prompt"])
        bpy.context.view_layer.objects.active = ob
    assert len(prompts) == 2 and PROMPT not in prompts
    bpy.ops.att3d.variant(prompt="a lion on a chair")
    assert bpy.context.object["att3d_prompt"] == "a lion on a chair"


def check_menu_says_what_each_variant_changes(bench: Bench) -> None:
    from types import SimpleNamespace

    from checks_interface import Layout

    bench.generate("a pig on a chair")
    layout = Layout()
    menu = bpy.types.ATT3D_MT_variants
    assert menu.poll(bpy.context)
    menu.draw(SimpleNamespace(layout=layout), bpy.context)
    assert layout.texts and any("instead of" in text for text in layout.texts)
