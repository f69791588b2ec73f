"""The property Texture: colors apart from the shape, keyed, baked and exported like it."""

from __future__ import annotations

import bpy
import numpy as np
from chain_bench import animate, pixel_of, shown
from harness import Bench


def key(ob: bpy.types.Object, name: str, frame: int, value: float) -> None:
    ob[name] = value
    ob.keyframe_insert(f'["{name}"]', frame=frame)


def check_texture_follows_until_it_is_set(bench: Bench) -> None:
    ob = animate(bench, keys=2)
    shape = bench.module("scene.shape_keys")
    assert ob["Texture"] == shape.FOLLOWS < 0
    limits = ob.id_properties_ui("Texture").as_dict()
    assert (limits["min"], limits["max"], limits["default"]) == (-1.0, 2.0, -1.0)
    ob["Interpolation"] = 0.5
    assert shape.place_of_colors(ob) == 0.5
    ob["Texture"] = 0.0
    assert shape.place_of_colors(ob) == 0.0


def check_a_render_shows_shape_and_colors_apart(bench: Bench) -> None:
    """In Cycles, by nodes of the file alone."""
    ob = animate(bench, keys=2)
    track = bench.module("export.pictures").ColorTrack(ob.data.materials[0])
    linear = bench.module("scene.textures").to_linear
    pixel = pixel_of(bench, ob)
    ob.animation_data_clear()
    for interpolation, texture, place in ((0.0, 1.5, 1.5), (2.0, 0.0, 0.0), (1.0, -1.0, 1.0)):
        ob["Interpolation"], ob["Texture"] = interpolation, texture
        wanted = linear(track.at(place))[5, 5]
        assert np.abs(pixel().mean(axis=0) - wanted).max() < 0.01, (interpolation, texture)


def check_texture_does_not_move_the_shape(bench: Bench) -> None:
    ob = animate(bench)
    before = shown(ob, 11)
    ob["Texture"] = 2.0
    ob.update_tag()
    assert np.array_equal(shown(ob, 11), before)


def check_keyed_colors_are_baked(bench: Bench) -> None:
    ob = animate(bench, keys=2)
    key(ob, "Texture", 10, 2.0)
    key(ob, "Texture", 19, 0.0)
    for curves in bench.module("scene.keyframes").curve_lists(ob):
        for curve in curves:
            for point in curve.keyframe_points:
                point.interpolation = "LINEAR"
    pictures = bench.module("export.pictures")
    track = pictures.ColorTrack(ob.data.materials[0])
    folder = bench.folder / "pictures"
    done = bpy.ops.att3d.bake_for_export(
        colors="SEQUENCE", folder=str(folder), frame_start=10, frame_end=19
    )
    assert done == {"FINISHED"}
    copy = bpy.context.object
    assert "Texture" not in copy and "Interpolation" not in copy
    assert copy.animation_data is None
    for index, place in ((0, 2.0), (9, 0.0)):
        image = bpy.data.images.load(str(sorted(folder.iterdir())[index]))
        found = pictures.read_pixels(image).astype(int)
        assert np.abs(found - track.at(place)).max() <= 1
    assert "Texture" in ob


def check_the_colors_of_now_are_those_of_texture(bench: Bench) -> None:
    ob = animate(bench, keys=2)
    pictures = bench.module("export.pictures")
    track = pictures.ColorTrack(ob.data.materials[0])
    ob["Texture"] = 2.0
    assert bpy.ops.att3d.bake_for_export(colors="NOW") == {"FINISHED"}
    nodes = bpy.context.object.data.materials[0].node_tree.nodes
    image = next(node.image for node in nodes if node.type == "TEX_IMAGE")
    assert np.array_equal(pictures.read_pixels(image), track.at(2.0))


def check_rebuilding_keeps_the_colors_place(bench: Bench) -> None:
    ob = animate(bench, keys=2)
    ob["Texture"] = 1.5
    assert bpy.ops.att3d.animate(rebuild=True) == {"FINISHED"}
    assert ob["Texture"] == 1.5
