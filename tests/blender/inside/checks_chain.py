"""A chain of prompts becomes one object that one property moves."""

from __future__ import annotations

import json
from types import SimpleNamespace

import bpy
import numpy as np
from chain_bench import (
    ROWS,
    animate,
    blended,
    fill,
    keys_of,
    list_rows,
    pixel_of,
    shown,
    use_scripted,
)
from checks_interface import Layout, drawn
from harness import Bench, contents, refused


def curve_of(bench: Bench, ob: bpy.types.Object) -> bpy.types.FCurve:
    return bench.module("scene.keyframes").find_curve(ob, '["Interpolation"]')


def points_of(bench: Bench, ob: bpy.types.Object) -> list[tuple[float, float]]:
    return [tuple(point.co) for point in curve_of(bench, ob).keyframe_points]


def check_chain_becomes_one_animated_object(bench: Bench) -> None:
    ob = animate(bench)
    assert ob.name == "a tree in spring to a tree in winter"
    assert [c.name for c in ob.users_collection] == ["ATT3D"]
    assert bpy.context.selected_objects == [ob]
    keys = ob.data.shape_keys
    assert keys.use_relative and keys.reference_key == keys.key_blocks[0]
    assert [key.name for key in keys.key_blocks] == [
        "Basis", "01.50 a tree in spring", "02 a tree in summer",
        "02.50 a tree in summer", "03 a tree in winter",
    ]  # fmt: skip
    assert isinstance(ob["Interpolation"], float)
    ui = ob.id_properties_ui("Interpolation").as_dict()
    assert (ui["min"], ui["max"]) == (0.0, 2.0) and ui["description"]
    assert len(bpy.data.objects) == len(bpy.data.meshes) == 1
    assert not ob.data.has_custom_normals and all(p.use_smooth for p in ob.data.polygons)
    assert abs(min(v.co.z for v in ob.data.vertices)) < 1e-6, "it stands on the floor"


def check_interpolation_moves_the_vertices_and_nothing_else_is_keyed(bench: Bench) -> None:
    ob = animate(bench)
    module = bench.module("scene.keyframes")
    curves = [curve for curves in module.curve_lists(ob) for curve in curves]
    assert [curve.data_path for curve in curves] == ['["Interpolation"]']
    assert points_of(bench, ob) == [(1.0, 0.0), (21.0, 1.0), (41.0, 2.0)]
    wanted = bpy.context.preferences.edit.keyframe_new_interpolation_type
    assert {point.interpolation for point in curves[0].keyframe_points} == {wanted}
    assert ob.data.shape_keys.animation_data.action is None
    keys = keys_of(ob)
    for frame in (-10, 1, 4, 11, 17.5, 21, 26, 41, 60):
        positions = shown(ob, frame)
        truth = blended(keys, (0, 0.5, 1, 1.5, 2), ob["Interpolation"])
        assert np.abs(positions - truth).max() < 1e-5, frame
    assert np.abs(shown(ob, 1) - shown(ob, 41)).max() > 0.01


def check_keys_around_a_moment_are_followed(bench: Bench) -> None:
    """They are nearer than the distance at which Blender takes two keyframes for one."""
    shape_keys = bench.module("scene.shape_keys")
    alphas = (0.0, 0.3, 0.302, 0.5, 0.5005, 1.0)
    mesh = bpy.data.meshes.new("moment")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    ob = bpy.data.objects.new("moment", mesh)
    bpy.context.scene.collection.objects.link(ob)
    shape_keys.add_properties(ob, 1)
    shape_keys.add_shape_keys(ob, np.zeros((len(alphas), 3, 3)), [f"{alpha}" for alpha in alphas])
    shape_keys.drive(mesh.shape_keys, ob, alphas)
    for alpha in (0.15, 0.3, 0.301, 0.302, 0.4, 0.5, 0.50025, 0.75):
        ob["Interpolation"] = alpha
        ob.update_tag()
        bpy.context.view_layer.update()
        values = [key.value for key in mesh.shape_keys.key_blocks[1:]]
        wanted = [np.interp(alpha, alphas, tent) for tent in np.eye(len(alphas))[1:]]
        assert np.allclose(values, wanted, atol=1e-3), (alpha, values)


def check_no_driver_is_a_script(bench: Bench) -> None:
    """Neither the extension nor Python is needed: Blender may forbid scripts in files."""
    ob = animate(bench)
    drivers = ob.data.shape_keys.animation_data.drivers
    assert len(drivers) == 4
    assert {curve.driver.type for curve in drivers} == {"SUM"}
    assert ob.data.materials[0].node_tree.animation_data is None


def check_colors_follow_in_a_render(bench: Bench) -> None:
    """Cycles draws the texture mix; halfway the two are mixed in linear light."""
    ob = animate(bench, keys=2)
    material = ob.data.materials[0]
    pixel = pixel_of(bench, ob)
    track = bench.module("export.pictures").ColorTrack(material)
    linear = bench.module("scene.textures").to_linear
    ob.animation_data_clear()
    seen = []
    for value in (0.0, 0.5, 1.0, 2.0):
        ob["Interpolation"] = value
        pixels = pixel()
        wanted = linear(track.at(value))[5, 5]
        assert np.abs(pixels.mean(axis=0) - wanted).max() < 0.01, (value, pixels, wanted)
        seen.append(pixels[0])
    assert np.abs(seen[0] - seen[2]).max() > 0.02


def check_every_image_is_packed_and_named_after_its_key(bench: Bench) -> None:
    ob = animate(bench)
    images = bench.module("scene.texture_mix").images_of(ob.data.materials[0])
    assert [image.name for image in images] == [
        "01 a tree in spring", "01.50 a tree in spring", "02 a tree in summer",
        "02.50 a tree in summer", "03 a tree in winter",
    ]  # fmt: skip
    assert all(image.packed_file is not None for image in images)
    assert len(bpy.data.images) == len(images)


def check_material_never_has_more_images_than_drivers_allow(bench: Bench) -> None:
    thin = bench.module("scene.textures")
    random = np.random.default_rng(0)
    alphas = np.arange(0, 15.1, 0.25, dtype=np.float32)
    textures = random.integers(0, 256, (len(alphas), 8, 8, 3), dtype=np.uint8)
    kept = thin.textures_to_keep(alphas, textures)
    assert len(kept) == 16 and alphas[kept].tolist() == list(range(16))
    # What is a blend of its neighbours anyway is not kept, in linear light.
    two = thin.to_linear(textures[:2])
    mixed = [thin.to_srgb(two[0] * (1 - a) + two[1] * a) for a in (0, 0.25, 0.5, 0.75, 1)]
    alphas = np.linspace(0, 1, 5).astype(np.float32)
    assert thin.textures_to_keep(alphas, np.stack(mixed)) == [0, 4]
    mixed[2] = textures[3]
    assert thin.textures_to_keep(alphas, np.stack(mixed)) == [0, 1, 2, 3, 4]


def check_one_undo_takes_it_away_and_redo_brings_it_back(bench: Bench) -> None:
    use_scripted(bench)
    fill()
    bpy.ops.ed.undo_push(message="before")
    before = contents()
    assert bpy.ops.att3d.animate("EXEC_DEFAULT", True) == {"FINISHED"}
    bpy.ops.ed.undo()
    assert contents() == before and list_rows() == list(ROWS)
    bpy.ops.ed.redo()
    ob = bpy.data.objects["a tree in spring to a tree in winter"]
    assert np.abs(shown(ob, 1) - shown(ob, 41)).max() > 0.01


def check_rebuild_keeps_what_was_edited(bench: Bench) -> None:
    ob = animate(bench)
    ob.location = (3, 2, 1)
    ob.modifiers.new("Rounder", "SUBSURF")
    material = ob.data.materials[0]
    shader = next(n for n in material.node_tree.nodes if n.type == "BSDF_PRINCIPLED")
    shader.inputs["Roughness"].default_value = 0.123
    point = curve_of(bench, ob).keyframe_points[1]
    point.co = (30, 1)
    point.interpolation = "LINEAR"
    bpy.context.scene.att3d.chain[1].prompt = "a tree in a storm"
    before = contents()
    positions = shown(ob, 30)
    assert bpy.ops.att3d.animate(rebuild=True) == {"FINISHED"}
    assert bpy.context.object == ob and ob.location[:] == (3, 2, 1)
    assert [m.name for m in ob.modifiers] == ["Rounder"]
    assert points_of(bench, ob)[1] == (30.0, 1.0)
    assert curve_of(bench, ob).keyframe_points[1].interpolation == "LINEAR"
    assert ob.data.materials[0] == material
    assert abs(shader.inputs["Roughness"].default_value - 0.123) < 1e-6
    assert shader.inputs["Base Color"].links[0].from_node.name == "Colors"
    assert ob.data.shape_keys.key_blocks[2].name == "02 a tree in a storm"
    assert np.abs(shown(ob, 30) - positions).max() > 1e-3
    now = contents()
    assert {k: len(v) for k, v in now.items()} == {k: len(v) for k, v in before.items()}
    assert not [name for names in now.values() for name in names if name.endswith(".001")], now


def check_rebuild_with_other_frames_moves_the_keyframes(bench: Bench) -> None:
    ob = animate(bench)
    fill([*ROWS, ("a tree on fire", 61)])
    assert bpy.ops.att3d.animate(rebuild=True) == {"FINISHED"}
    assert points_of(bench, ob) == [(1.0, 0.0), (21.0, 1.0), (41.0, 2.0), (61.0, 3.0)]
    assert ob.id_properties_ui("Interpolation").as_dict()["max"] == 3.0
    assert ob.name == "a tree in spring to a tree on fire"


def check_rebuild_leaves_the_nla_alone_and_says_so(bench: Bench) -> None:
    ob = animate(bench)
    push_down(ob)
    fill([("a tree in spring", 1), ("a tree in summer", 99)])
    assert bpy.ops.att3d.animate(rebuild=True) == {"FINISHED"}
    assert ob.animation_data.action is None and len(ob.animation_data.nla_tracks) == 1
    assert any("NLA" in note for note in bench.session.notes)


def check_rebuilding_one_of_two_copies_leaves_the_other(bench: Bench) -> None:
    ob = animate(bench)
    bpy.ops.object.duplicate()
    copy = bpy.context.object
    images = bench.module("scene.texture_mix").images_of(copy.data.materials[0])
    before = shown(copy, 30)
    bpy.context.view_layer.objects.active = ob
    fill([("a house", 1), ("a castle", 21), ("a ruin", 41)])
    assert bpy.ops.att3d.animate(rebuild=True) == {"FINISHED"}
    assert bench.module("scene.texture_mix").images_of(copy.data.materials[0]) == images
    assert np.abs(shown(copy, 30) - before).max() < 1e-6
    assert np.abs(shown(ob, 30) - before).max() > 1e-3


def check_copies_follow_their_own_property(bench: Bench) -> None:
    ob = animate(bench)
    bpy.ops.object.duplicate()
    copy = bpy.context.object
    for each in (ob, copy):
        each.animation_data.action = None
    ob["Interpolation"], copy["Interpolation"] = 0.0, 2.0
    ob.update_tag(), copy.update_tag()
    keys = keys_of(ob)
    assert np.abs(shown(ob) - keys[0]).max() < 1e-6
    assert np.abs(shown(copy) - keys[4]).max() < 1e-6


def push_down(ob: bpy.types.Object) -> bpy.types.NlaStrip:
    action = ob.animation_data.action
    strip = ob.animation_data.nla_tracks.new().strips.new("chain", 1, action)
    if hasattr(strip, "action_slot") and strip.action_slot is None:
        strip.action_slot = action.slots[0]
    ob.animation_data.action = None
    return strip


def check_animation_can_be_scaled_in_the_nla(bench: Bench) -> None:
    ob = animate(bench)
    straight = {frame: shown(ob, frame) for frame in (1, 11, 21, 31, 41)}
    push_down(ob).scale = 2.0
    for frame, positions in straight.items():
        assert np.abs(shown(ob, 1 + 2 * (frame - 1)) - positions).max() < 1e-5, frame


def check_chain_is_on_the_object_and_can_be_loaded(bench: Bench) -> None:
    ob = animate(bench, keys=2, faces=777)
    assert json.loads(ob["att3d_chain"]) == {
        "prompts": [prompt for prompt, _ in ROWS], "frames": [frame for _, frame in ROWS]
    }  # fmt: skip
    settings = bpy.context.scene.att3d
    settings.chain.clear()
    assert bpy.ops.att3d.chain_load() == {"FINISHED"}
    assert list_rows() == list(ROWS)
    assert (settings.chain_keys, settings.faces) == (2, 777)
    ob["att3d_chain"] = "[broken"
    assert not bpy.ops.att3d.chain_load.poll()


def check_rows_out_of_order_are_sorted_by_their_frames(bench: Bench) -> None:
    """A frame says when; the list then shows the order that was built."""
    ob = animate(bench, [ROWS[2], ROWS[0], ROWS[1]])
    assert list_rows() == list(ROWS)
    assert points_of(bench, ob) == [(1.0, 0.0), (21.0, 1.0), (41.0, 2.0)]
    assert any("order" in note for note in bench.session.notes)


def check_equal_neighbours_hold_the_object_still(bench: Bench) -> None:
    rows = [("a tree", 1), (" A  TREE ", 20), ("a house", 40), ("a tree", 60)]
    ob = animate(bench, rows)
    assert points_of(bench, ob) == [(1.0, 0.0), (20.0, 0.0), (40.0, 1.0), (60.0, 2.0)]
    assert np.abs(shown(ob, 1) - shown(ob, 12)).max() < 1e-5
    assert np.abs(shown(ob, 1) - shown(ob, 60)).max() < 1e-5, "it comes back"


def check_rows_are_added_moved_and_removed(bench: Bench) -> None:
    settings = bpy.context.scene.att3d
    settings.prompt = "a pig"
    bpy.ops.att3d.chain_add()
    bpy.ops.att3d.chain_add(prompt="a cow")
    bpy.ops.att3d.chain_add()
    settings.chain[2].prompt = "a dog"
    assert list_rows() == [("a pig", 1), ("a cow", 49), ("a dog", 97)]
    bpy.ops.att3d.chain_move(direction="UP")
    assert list_rows() == [("a pig", 1), ("a dog", 49), ("a cow", 97)], "frames stay"
    assert settings.chain_index == 1
    settings.chain_index = 0
    assert bpy.ops.att3d.chain_move(direction="UP") == {"CANCELLED"}
    bpy.ops.att3d.chain_remove()
    assert list_rows() == [("a dog", 49), ("a cow", 97)]
    bpy.ops.att3d.chain_remove()
    bpy.ops.att3d.chain_remove()
    assert not bpy.ops.att3d.chain_remove.poll()


def check_long_prompts_give_whole_names(bench: Bench) -> None:
    rows = [("ü" * 80, 1), ("ß" * 80, 10)]
    ob = animate(bench, rows)
    for block in (ob, ob.data, ob.data.materials[0], *ob.data.shape_keys.key_blocks):
        assert 1 <= len(block.name.encode()) <= 63 and "\ufffd" not in block.name
    assert json.loads(ob["att3d_chain"])["prompts"] == [prompt for prompt, _ in rows]


def check_settings_of_the_chain_are_saved_with_the_file(bench: Bench) -> None:
    fill()
    path = str(bench.folder / "list.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=path)
    assert list_rows() == list(ROWS)


def check_chain_panels_draw_in_every_state(bench: Bench) -> None:
    panels = (
        "ATT3D_PT_chain", "ATT3D_PT_chain_options", "ATT3D_PT_slider", "ATT3D_PT_export"
    )  # fmt: skip
    for panel in panels:
        drawn(panel, bench)
    ob = animate(bench)
    ob.modifiers.new("Rounder", "SUBSURF")
    assert "Rebuild" in drawn("ATT3D_PT_chain", bench)
    text = " ".join(drawn("ATT3D_PT_export", bench))
    assert "Changing colors" in text and "Rounder" in text
    bpy.context.scene.att3d.export_colors = "VALUE"
    drawn("ATT3D_PT_export", bench)
    assert any("near Interpolation 0.50 parts of it" in note for note in bench.session.notes)


def check_detail_of_a_mesh_that_is_too_much_for_a_chain_is_lowered_and_said(bench: Bench) -> None:
    bpy.context.scene.att3d.resolution = 512
    animate(bench)
    assert any("Detail 512" in note and "256" in note for note in bench.session.notes)
    assert json.loads(bpy.context.object["att3d_options"])["resolution"] == 256
    said = refused(bpy.ops.att3d.animate, resolution=512)
    assert "512" in said, "what a script asks for is judged, not changed"


def check_unknown_words_of_a_row_are_named_with_prompts_for_that_row(bench: Bench) -> None:
    """As in the prompt field; completion is the field's own."""
    settings = bpy.context.scene.att3d
    fill([("a pig", 1), ("a pig wearing a zeppelin", 21)])
    layout = Layout()
    bpy.types.ATT3D_PT_chain.draw(SimpleNamespace(layout=layout), window(300))
    assert "“zeppelin”: never seen" in " ".join(layout.texts)
    assert bpy.ops.att3d.set_prompt(prompt="a lion", row=1) == {"FINISHED"}
    assert [row.prompt for row in settings.chain] == ["a pig", "a lion"] and settings.prompt == ""
    layout = Layout()
    bpy.types.ATT3D_PT_chain.draw(SimpleNamespace(layout=layout), window(300))
    assert "never seen" not in " ".join(layout.texts)


def check_empty_rows_mean_the_examples_that_the_model_knows(bench: Bench) -> None:
    settings = bpy.context.scene.att3d
    search = bench.module("checkpoints.prompt_search")
    for checkpoint, word in (("tree-seasons", "tree"), ("baby-dragon", "dragon"), ("", "pig")):
        settings.checkpoint = checkpoint
        examples = search.example_chain(bpy.context)
        known = search.known_by(checkpoint, bpy.context)
        assert len(examples) == 3 == len(set(examples)) and set(examples) <= set(known.prompts)
        assert word in examples[0]
        fill([("", 1), ("a lion", 21), ("", 41)])
        settings.fill_in_examples(examples)
        assert [r.prompt for r in settings.chain] == [examples[0], "a lion", examples[2]]


def check_time_is_said_before_and_while_a_chain_is_made(bench: Bench) -> None:
    """What the figures are is in tests/blender/test_chain_estimate.py."""
    estimate, texts = bench.module("chain.estimate"), bench.module("ui.status_text")
    settings, chosen = bpy.context.scene.att3d, bench.preferences
    chosen.chain_experience = ""
    fill([("a pig", 1), ("a lion", 21)])
    new = texts.range_text(*estimate.Experience().range(2, settings.chain_options))
    assert new in drawn("ATT3D_PT_chain", bench) and " to " in new
    fill([("", 1), ("", 21)])
    assert new in drawn("ATT3D_PT_chain", bench), "empty rows mean their examples"
    animate(bench, (("a pig", 1), ("a lion", 21)))
    learned = estimate.Experience.from_json(chosen.chain_experience)
    assert learned.paces.keys() == {"keys", "bake"}, "what the scripted backend measured"
    assert learned.keys == 3, "one between the two prompts"
    known = texts.range_text(*learned.range(2, settings.chain_options))
    assert known != new and known in drawn("ATT3D_PT_chain", bench)
    said = {2: "a few seconds", 33: "about 35 seconds", 70: "about a minute",
            130: "about 2 minutes"}  # fmt: skip
    assert {seconds: texts.duration_text(seconds) for seconds in said} == said
    ranges = {(2, 6): "Takes a few seconds", (19, 44): "Takes 20 to 45 seconds",
              (17, 103): "Takes 15 seconds to 2 minutes", (50, 80): "Takes 50 to 80 seconds",
              (50, 130): "Takes 1 to 2 minutes", (61, 91): "Takes 1 to 2 minutes",
              (500, 1125): "Takes 8 to 19 minutes"}  # fmt: skip
    assert {both: texts.range_text(*both) for both in ranges} == ranges


def check_narrow_sidebar_keeps_prompts_and_frames(bench: Bench) -> None:
    fill([("a pig", 1), ("a lion", 21)])
    bpy.context.scene.att3d.chain_index = 0
    for width in (163, 300):
        assert row_of_the_list(0, width).properties == ["prompt", "frame"]
        drawn("ATT3D_PT_chain", bench, width)


def check_only_the_selected_row_is_a_field_so_that_a_click_selects_the_others(bench: Bench) -> None:
    fill([("a pig", 1), ("a lion", 21), ("", 41)])
    bpy.context.scene.att3d.chain_index = 1
    first, second, third = (row_of_the_list(index, 300) for index in range(3))
    assert first.properties == ["frame"] and "a pig" in first.texts
    assert second.properties == ["prompt", "frame"]
    example = bench.module("checkpoints.prompt_search").example_chain(bpy.context)[2]
    assert third.properties == ["frame"] and example in third.texts


def row_of_the_list(index: int, width: int) -> Layout:
    layout, settings = Layout(), bpy.context.scene.att3d
    bpy.types.ATT3D_UL_chain.draw_item(
        None, window(width), layout, settings, settings.chain[index], 0, settings, "chain_index",
        index,
    )  # fmt: skip
    return layout


def window(width: int) -> SimpleNamespace:
    """The context of a sidebar of this width."""
    return SimpleNamespace(
        scene=bpy.context.scene,
        active_object=bpy.context.object,
        region=SimpleNamespace(width=width),
        preferences=bpy.context.preferences,
    )
