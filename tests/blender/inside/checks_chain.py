"""A chain of prompts becomes one object that one property moves."""

from __future__ import annotations

import bpy
import numpy as np
from chain_bench import animate, blended, keys_of, shown
from harness import Bench


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


def check_interpolation_moves_the_vertices_and_nothing_else_is_keyed(bench: Bench) -> None:
    ob = animate(bench)
    module = bench.module("scene.keyframes")
    curves = [curve for curves in module.curve_lists(ob) for curve in curves]
    assert [curve.data_path for curve in curves] == ['["Interpolation"]']
    points = [tuple(point.co) for point in curves[0].keyframe_points]
    assert points == [(1.0, 0.0), (21.0, 1.0), (41.0, 2.0)]
    wanted = bpy.context.preferences.edit.keyframe_new_interpolation_type
    assert {point.interpolation for point in curves[0].keyframe_points} == {wanted}
    assert ob.data.shape_keys.animation_data.action is None
    keys = keys_of(ob)
    for frame in (-10, 1, 4, 11, 17.5, 21, 26, 41, 60):
        positions = shown(ob, frame)
        truth = blended(keys, (0, 0.5, 1, 1.5, 2), ob["Interpolation"])
        assert np.abs(positions - truth).max() < 1e-5, frame
    assert np.abs(shown(ob, 1) - shown(ob, 41)).max() > 0.01
