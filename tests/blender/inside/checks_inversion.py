"""Use Selected Object: an object becomes a name that stands in prompts; the scene stays."""

from __future__ import annotations

import bpy
from chain_bench import fill, use_scripted
from checks_interface import drawn
from harness import Bench, contents, refused, unchanged


def select_cube() -> bpy.types.Object:
    bpy.ops.mesh.primitive_cube_add()
    ob = bpy.context.object
    ob.name = "mine"
    return ob


def check_an_object_becomes_a_prompt(bench: Bench) -> None:
    use_scripted(bench)
    ob = select_cube()
    before = contents()
    assert bpy.ops.att3d.invert() == {"FINISHED"}
    assert contents() == before and bpy.context.object == ob
    (model,) = bpy.context.scene.att3d.inverted
    assert model.name == "mine" and abs(model.psnr - 28.5) < 1e-4
    assert bpy.ops.att3d.generate(prompt="mine") == {"FINISHED"}
    assert "model mine" in bpy.context.object["att3d_notes"]
    fill((("mine", 1), ("a golden axe", 20)))
    assert bpy.ops.att3d.animate() == {"FINISHED"}
    assert "model mine" in bpy.context.object["att3d_notes"]
    assert bpy.ops.att3d.generate(prompt="a pig") == {"FINISHED"}
    assert "model" not in bpy.context.object.get("att3d_notes", "")


def check_its_name_is_known_whatever_its_words(bench: Bench) -> None:
    use_scripted(bench)
    select_cube()
    assert bpy.ops.att3d.invert(model_name="My toadstool") == {"FINISHED"}
    settings = bpy.context.scene.att3d
    settings.prompt = "my  toadstool"
    assert "knows nothing called" not in " ".join(drawn("ATT3D_PT_create", bench))
    settings.checkpoint = ""
    suggestions = bench.module("generate.suggestions")
    suggestions.refuse_unknown(bpy.context, "my toadstool", "")
    fill((("my toadstool", 1), ("a pig", 20)))
    texts = " ".join(drawn("ATT3D_PT_chain", bench))
    assert "never seen" not in texts and "No model knows all" not in texts
    search = bench.module("checkpoints.prompt_search").search_prompts
    assert "My toadstool" in search(settings, bpy.context, "my toad")
    assert len(search(settings, bpy.context, "my toad")) != 1, "Enter would take a single one"
    settings.checkpoint = str(bench.checkpoint)
    assert bpy.ops.att3d.inverted_forget(model_name="My toadstool") == {"FINISHED"}
    assert "knows nothing called" in " ".join(drawn("ATT3D_PT_create", bench))


def check_the_name_may_be_another_and_replaces_its_like(bench: Bench) -> None:
    use_scripted(bench)
    select_cube()
    for _ in range(2):
        assert bpy.ops.att3d.invert(model_name="my Chair") == {"FINISHED"}
    assert [model.name for model in bpy.context.scene.att3d.inverted] == ["my Chair"]
    found = bench.module("checkpoints.inverted").objects_named(bpy.context.scene, ["MY  chair "])
    assert list(found) == ["my Chair"] and found["my Chair"].code[:2] == [0.25, -1.5]
    assert bpy.ops.att3d.inverted_forget(model_name="my Chair") == {"FINISHED"}
    assert not bpy.context.scene.att3d.inverted


def check_a_world_too_far_away_is_said(bench: Bench) -> None:
    use_scripted(bench)
    select_cube()
    assert bpy.ops.att3d.invert(model_name="far") == {"FINISHED"}
    assert bench.session.notes == ("too far",)


def check_what_cannot_be_used_changes_nothing(bench: Bench) -> None:
    use_scripted(bench)
    assert not bpy.ops.att3d.invert.poll()  # nothing is selected
    bpy.ops.object.empty_add()
    assert not bpy.ops.att3d.invert.poll()
    mesh = bpy.data.meshes.new("empty")
    bare = bpy.data.objects.new("bare", mesh)
    bpy.context.scene.collection.objects.link(bare)
    bpy.ops.object.select_all(action="DESELECT")
    bare.select_set(True)
    bpy.context.view_layer.objects.active = bare
    with unchanged():
        assert "empty" in refused(bpy.ops.att3d.invert)
    select_cube()
    for name, words in (("broken", "no triangle"), ("memory", "memory")):
        with unchanged():
            assert words in refused(bpy.ops.att3d.invert, model_name=name)
    assert not bpy.context.scene.att3d.inverted


def check_modifiers_and_pose_are_taken_as_they_look(bench: Bench) -> None:
    """The file has the evaluated mesh: a subdivided cube is larger than a cube."""
    use_scripted(bench)
    ob = select_cube()
    sizes = []
    for levels in (0, 3):
        ob.modifiers.clear()
        if levels:
            ob.modifiers.new("Subdivision", "SUBSURF").levels = levels
        assert bpy.ops.att3d.invert() == {"FINISHED"}
        found = bench.module("checkpoints.inverted").objects_named(bpy.context.scene, ["mine"])
        sizes.append(found["mine"].code[2])
    assert sizes[1] > 3 * sizes[0]
