"""Baked objects move as their originals do, with no property and no driver."""

from __future__ import annotations

import bpy
import numpy as np
from chain_bench import ROWS, animate, shown
from checks_interface import drawn
from harness import Bench, contents, unchanged

FRAMES = (1, 5, 11, 18, 21, 30, 41)


def check_baked_copy_moves_as_the_original(bench: Bench) -> None:
    ob = animate(bench)
    bpy.context.scene.frame_end = 50
    assert bpy.ops.att3d.bake_for_export() == {"FINISHED"}
    copy = bpy.context.object
    assert copy != ob and copy.name == f"{ob.name[:57]} baked"
    assert "Interpolation" not in copy and "Interpolation" in ob
    assert ob.hide_get() and ob.hide_render and not copy.hide_get()
    keys = copy.data.shape_keys
    assert not keys.animation_data.drivers
    for frame in FRAMES:
        ob.hide_set(False)
        wanted, found = shown(ob, frame), shown(copy, frame)
        assert np.abs(wanted - found).max() < 1e-4, frame
    assert np.abs(shown(copy, 1) - shown(copy, 41)).max() > 0.01
    assert len(copy.data.materials) == 1
    nodes = copy.data.materials[0].node_tree.nodes
    assert [n.type for n in nodes].count("TEX_IMAGE") == 1
    assert not [n for n in nodes if n.type in ("MIX", "ATTRIBUTE")]


def check_exporting_leaves_the_scene(bench: Bench) -> None:
    ob = animate(bench)
    scene = bpy.context.scene
    scene.frame_set(7)
    for suffix in ("usda", "abc"):  # glTF is in test_roundtrip: 4.2.0 crashes after it
        path = bench.folder / f"chain.{suffix}"
        with unchanged():
            assert bpy.ops.att3d.export_animation(filepath=str(path)) == {"FINISHED"}
        assert path.stat().st_size > 1000
        assert (scene.frame_current, scene.frame_start, scene.frame_end) == (7, 1, 250)
        assert bpy.context.selected_objects == [ob] and not ob.hide_render
        lost = " ".join(bench.session.notes)
        assert ("Textures" if suffix == "abc" else "Changing colors") in lost, lost
    assert ob.name in (bench.folder / "chain.usda").read_text(errors="replace").replace("_", " ")


def check_bake_in_place(bench: Bench) -> None:
    ob = animate(bench)
    ob.keyframe_insert("location", index=2, frame=1)
    original = {frame: shown(ob, frame) for frame in FRAMES}
    assert bpy.ops.att3d.bake_for_export(in_place=True, frame_start=1, frame_end=45) == {"FINISHED"}
    assert bpy.context.object == ob and len(bpy.data.objects) == 1
    assert "Interpolation" not in ob and not bpy.ops.att3d.bake_for_export.poll()
    curves = bench.module("scene.keyframes").curve_lists(ob)
    assert [curve.data_path for each in curves for curve in each] == ["location"]
    for frame, positions in original.items():
        assert np.abs(shown(ob, frame) - positions).max() < 1e-4, frame


def check_baked_keyframes_are_as_few_as_needed(bench: Bench) -> None:
    """Straight runs need two; the curve between passes every sample all the same."""
    needed = bench.module("export.sample").needed
    frames = np.arange(100)
    assert needed(frames, np.full(100, 0.5)) == [0]
    assert needed(frames, np.interp(frames, [0, 30, 60, 99], [0, 1, 0, 0])) == [0, 30, 60, 99]
    wave = np.sin(frames / 7)
    kept = needed(frames, wave)
    assert np.abs(np.interp(frames, frames[kept], wave[kept]) - wave).max() <= 1e-5


def check_colors_can_be_taken_from_any_place(bench: Bench) -> None:
    ob = animate(bench, keys=2)
    pictures = bench.module("export.pictures")
    track = pictures.ColorTrack(ob.data.materials[0])
    assert bpy.ops.att3d.bake_for_export(colors="VALUE", value=1.5) == {"FINISHED"}
    copy = bpy.context.object
    nodes = copy.data.materials[0].node_tree.nodes
    image = next(node.image for node in nodes if node.type == "TEX_IMAGE")
    assert image.packed_file is not None
    assert np.array_equal(pictures.read_pixels(image), track.at(1.5))
    ends = [track.at(value).astype(int) for value in (1.0, 1.5, 2.0)]
    assert (np.abs(ends[1] - ends[0]).max(), np.abs(ends[2] - ends[1]).max()) > (5, 5)
    assert np.array_equal(track.at(-3), track.at(0)) and np.array_equal(track.at(9), track.at(2))


def check_colors_can_be_a_picture_a_frame(bench: Bench) -> None:
    ob = animate(bench, keys=2)
    pictures = bench.module("export.pictures")
    track = pictures.ColorTrack(ob.data.materials[0])
    folder = bench.folder / "pictures"
    done = bpy.ops.att3d.bake_for_export(
        colors="SEQUENCE", folder=str(folder), frame_start=10, frame_end=21
    )
    assert done == {"FINISHED"}
    files = sorted(folder.iterdir())
    assert len(files) == 12 and files[0].name.endswith("_0001.png")
    last = bpy.data.images.load(str(files[-1]))
    assert np.abs(pictures.read_pixels(last).astype(int) - track.at(1.0)).max() <= 1
    nodes = bpy.context.object.data.materials[0].node_tree.nodes
    node = next(node for node in nodes if node.type == "TEX_IMAGE")
    user = node.image_user
    assert node.image.source == "SEQUENCE" and user.use_auto_refresh
    assert (user.frame_start, user.frame_duration, user.frame_offset) == (10, 12, 0)


def check_pictures_need_a_place(bench: Bench) -> None:
    animate(bench)
    with unchanged():
        try:
            bpy.ops.att3d.bake_for_export(colors="SEQUENCE")
        except RuntimeError as reported:
            text = str(reported)
    assert "not saved" in text


def check_other_animation_of_the_object_is_kept(bench: Bench) -> None:
    ob = animate(bench)
    for frame, x in ((1, 0.0), (41, 3.0)):
        ob.location.x = x
        ob.keyframe_insert("location", index=0, frame=frame)
    assert bpy.ops.att3d.bake_for_export() == {"FINISHED"}
    copy = bpy.context.object
    bpy.context.scene.frame_set(41)
    assert abs(copy.location.x - 3.0) < 1e-6
    curves = bench.module("scene.keyframes").curve_lists(copy)
    assert {curve.data_path for each in curves for curve in each} == {"location"}
    assert bench.module("scene.keyframes").find_curve(ob, '["Interpolation"]') is not None


def check_one_undo_takes_the_baked_copy_away(bench: Bench) -> None:
    animate(bench)
    bpy.ops.ed.undo_push(message="before")
    before = contents()
    assert bpy.ops.att3d.bake_for_export("EXEC_DEFAULT", True) == {"FINISHED"}
    assert contents() != before
    bpy.ops.ed.undo()
    assert contents() == before


def check_frames_of_the_chain_are_baked_and_not_those_of_the_scene(bench: Bench) -> None:
    ob = animate(bench)
    assert bpy.context.scene.frame_end == 250
    assert bpy.ops.att3d.bake_for_export() == {"FINISHED"}
    curves = bench.module("scene.keyframes").curve_lists(bpy.context.object.data.shape_keys)
    frames = [point.co.x for found in curves for curve in found for point in curve.keyframe_points]
    assert (min(frames), max(frames)) == (ROWS[0][1], ROWS[-1][1])
    bpy.context.view_layer.objects.active = ob


def check_colors_of_the_points_change_as_the_texture_does(bench: Bench) -> None:
    """Also where the texture has an edge: the middle key's lower half is red."""
    ob = animate(bench)
    found = bench.module("export.vertex_colors")
    track = bench.module("export.pictures").ColorTrack(ob.data.materials[0])
    assert found.key_alphas(ob) == [0, 0.5, 1, 1.5, 2]
    colors = found.colors_at(ob.data, track, [0.5])[0]
    heights = np.array([vertex.co.z for vertex in ob.data.vertices])
    low = heights < np.percentile(heights, 30)
    high = heights > np.percentile(heights, 70)
    assert np.allclose(colors[low, 0], 1) and colors[high, 0].max() < 0.99
    assert bpy.ops.att3d.bake_for_export(colors="VERTEX") == {"FINISHED"}
    copy = bpy.context.object
    seen = []
    for frame in FRAMES:
        bpy.context.scene.frame_set(frame)
        graph = bpy.context.evaluated_depsgraph_get()
        evaluated = copy.evaluated_get(graph).data
        (layer,) = evaluated.color_attributes
        assert layer.name == "displayColor"
        corners = [loop.vertex_index for loop in evaluated.loops]
        values = np.empty(4 * len(layer.data), np.float32)
        layer.data.foreach_get("color", values)
        wanted = found.colors_at(ob.data, track, [ob.evaluated_get(graph)["Interpolation"]])[0]
        assert np.abs(values.reshape(-1, 4)[:, :3] - wanted[corners]).max() < 0.01, frame
        seen.append(values)
    assert np.abs(seen[0] - seen[-1]).max() > 0.05


def check_what_an_export_keeps_is_said_before(bench: Bench) -> None:
    animate(bench)
    settings = bpy.context.scene.att3d
    settings.export_colors = "VERTEX"
    said = {}
    for wanted in ("GLTF", "USD", "ALEMBIC"):
        settings.export_format = wanted
        said[wanted] = " ".join(drawn("ATT3D_PT_export", bench))
        assert "Fine texture" in said[wanted]
    assert "three.js" in said["GLTF"] and "Shape keys" in said["USD"]
    settings.export_colors = "NOW"
    assert "Fine texture" not in " ".join(drawn("ATT3D_PT_export", bench))
