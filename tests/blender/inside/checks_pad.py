"""The pad: shares of three or four prompts, the true object there, and a path through it."""

from __future__ import annotations

import json
import random

import bpy
import numpy as np
from chain_bench import ROWS, fill, use_scripted
from harness import Bench, refused, unchanged

FOUR = (*ROWS, ("a tree in autumn", 61))


def start(bench: Bench, rows=ROWS):
    use_scripted(bench)
    fill(rows)
    settings = bpy.context.scene.att3d
    settings.pad = True
    return settings


def check_sliders_add_up_to_one(bench: Bench) -> None:
    settings = start(bench, FOUR)
    settings.set_shares([0.4, 0.3, 0.2, 0.1])
    settings.pad_shares[1] = 0.65
    assert np.allclose(settings.pad_shares, [0.2, 0.65, 0.1, 0.05], atol=1e-6)
    settings.pad_shares[0] = 1.0
    assert np.allclose(settings.pad_shares, [1, 0, 0, 0], atol=1e-6)
    settings.pad_shares[0] = 0.4  # the others had nothing: they take equal parts
    assert np.allclose(settings.pad_shares, [0.4, 0.2, 0.2, 0.2], atol=1e-6)
    settings.chain.remove(3)
    settings.pad_shares[0] = 0.5
    assert abs(sum(settings.pad_shares) - 1) < 1e-6 and settings.pad_shares[3] == 0


def check_places_and_shares_are_the_same_thing(bench: Bench) -> None:
    shape = bench.module("chain.pad_shape")
    chance = random.Random(0)
    for count in shape.PROMPTS:
        for index, corner in enumerate(shape.corners(count)):
            wanted = [float(index == other) for other in range(count)]
            assert np.allclose(shape.shares_at(corner, count), wanted, atol=1e-9)
        for _ in range(200):
            place = (chance.uniform(-0.5, 1.5), chance.uniform(-0.5, 1.5))
            shares = shape.shares_at(place, count)
            assert min(shares) >= -1e-9 and abs(sum(shares) - 1) < 1e-9
            inside = shape.place_of(shares)
            assert np.allclose(shape.shares_at(inside, count), shares, atol=1e-9)
    assert np.allclose(shape.shares_at((0.5, -3.0), 3), [0.5, 0.5, 0.0])


def check_the_live_object_is_at_the_pads_place(bench: Bench) -> None:
    settings = start(bench)
    assert bpy.ops.att3d.slider_start() == {"FINISHED"}
    live = bench.module("chain.live").live
    (ob,) = bench.module("scene.preview").previews()
    sizes = []
    for shares in ([1, 0, 0], [0, 1, 0], [0, 0, 1], [0.2, 0.3, 0.5]):
        settings.set_shares([float(share) for share in shares])
        sizes.append(max(vertex.co.z for vertex in ob.data.vertices))
    assert abs(np.dot(sizes[:3], [0.2, 0.3, 0.5]) - sizes[3]) < 1e-5
    assert np.ptp(sizes) > 1e-3
    place = bench.module("chain.panel").place_text(bpy.context.scene)
    assert place == "20% a tree in spring, 30% a tree in summer, 50% a tree in winter"
    live.stop()


def check_keep_makes_the_object_there(bench: Bench) -> None:
    settings = start(bench)
    settings.set_shares([0.25, 0.25, 0.5])
    assert bpy.ops.att3d.slider_start() == {"FINISHED"}
    assert bpy.ops.att3d.slider_keep() == {"FINISHED"}
    ob = bpy.context.object
    blend = json.loads(ob["att3d_blend"])
    assert blend["prompts"] == [prompt for prompt, _ in ROWS]
    assert np.allclose(blend["weights"], [0.25, 0.25, 0.5], atol=1e-6)
    assert "weights [0.25, 0.25, 0.5]" in ob["att3d_notes"]


def add_stop(settings, frame: int, shares: list[float]) -> None:
    bpy.context.scene.frame_set(frame)
    settings.set_shares(shares)
    assert bpy.ops.att3d.pad_stop_add() == {"FINISHED"}


def check_a_path_becomes_keyframes(bench: Bench) -> None:
    settings = start(bench)
    for frame, shares in ((30, [0.0, 0.0, 1.0]), (1, [1.0, 0.0, 0.0]), (15, [0.3, 0.3, 0.4])):
        add_stop(settings, frame, shares)
    add_stop(settings, 20, [0.3, 0.3, 0.4])  # it stays where it is
    assert bpy.ops.att3d.animate_path() == {"FINISHED"}
    ob = bpy.context.object
    curve = bench.module("scene.keyframes").find_curve(ob, '["Interpolation"]')
    points = [tuple(point.co) for point in curve.keyframe_points]
    assert points == [(1, 0), (15, 1), (20, 1), (30, 2)]
    path = json.loads(ob["att3d_path"])
    assert path["frames"] == [1, 15, 20, 30] and len(path["weights"]) == 4
    assert np.allclose(path["weights"][1], [0.3, 0.3, 0.4], atol=1e-6)
    assert [key.name for key in ob.data.shape_keys.key_blocks][-1].startswith("03 a tree in winter")
    assert [row.prompt for row in settings.chain] == [prompt for prompt, _ in ROWS]


def check_a_stop_at_the_same_frame_is_replaced(bench: Bench) -> None:
    settings = start(bench)
    add_stop(settings, 1, [1.0, 0.0, 0.0])
    add_stop(settings, 1, [0.0, 1.0, 0.0])
    assert [tuple(stop.shares)[:3] for stop in settings.pad_path] == [(0, 1, 0)]
    assert not bpy.ops.att3d.animate_path.poll()
    assert bpy.ops.att3d.pad_clear() == {"FINISHED"} and not settings.pad_path


def check_bad_pads_change_nothing(bench: Bench) -> None:
    settings = start(bench, ROWS[:2])
    with unchanged():
        assert "three or four" in refused(bpy.ops.att3d.slider_start)
    fill(ROWS)
    for frame in (1, 9):
        add_stop(settings, frame, [0.5, 0.25, 0.25])
    with unchanged():
        assert "same place" in refused(bpy.ops.att3d.animate_path)
    settings.pad_path.clear()
    fill(FOUR)
    add_stop(settings, 1, [0.0, 0.0, 0.0, 1.0])
    add_stop(settings, 9, [1.0, 0.0, 0.0, 0.0])
    fill(ROWS)
    with unchanged():
        assert "not on the pad" in refused(bpy.ops.att3d.animate_path)


def check_in_between_makes_a_collection_of_assets(bench: Bench) -> None:
    use_scripted(bench)
    fill(ROWS)
    assert bpy.ops.att3d.in_between(count=5) == {"FINISHED"}
    collection = bpy.context.object.users_collection[0]
    assert (
        len(collection.objects) == 5 and collection.name == "a tree in spring to a tree in winter"
    )
    assert collection.asset_data is not None
    alphas = []
    for ob in collection.objects:
        assert ob.asset_data is not None
        alphas.append(json.loads(ob["att3d_blend"])["alpha"])
    assert np.allclose(sorted(alphas), np.arange(1, 6) * 2 / 6)
    assert len({tuple(ob.location) for ob in collection.objects}) == 5


def check_in_between_without_a_chain_is_refused(bench: Bench) -> None:
    use_scripted(bench)
    fill(ROWS[:1])
    assert not bpy.ops.att3d.in_between.poll()
