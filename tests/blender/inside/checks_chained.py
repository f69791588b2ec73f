"""Chains with the real backend: tracked, shown live, kept."""

from __future__ import annotations

import json

import bpy
import numpy as np
from chain_bench import blended, fails, fill, keys_of, shown
from harness import Bench

ROWS = (("a pig wearing a tophat", 1), ("a lion holding a blue balloon", 21), ("a pig", 41))
OPTIONS = {"faces": 600, "texture_size": 64, "resolution": 32}


def check_real_chain_is_animated(bench: Bench) -> None:
    fill(ROWS)
    assert bpy.ops.att3d.animate(keys=3, **OPTIONS) == {"FINISHED"}
    ob = bpy.context.object
    names = [key.name for key in ob.data.shape_keys.key_blocks]
    assert names[0] == "Basis" and "03 a pig" in names
    assert any(name.startswith("02 a lion") for name in names)
    assert 100 < len(ob.data.polygons) <= 600
    assert not ob.data.validate()
    keys = keys_of(ob)
    assert np.isfinite(keys).all() and abs(keys[..., 2].min(axis=1)).max() < 1e-6
    assert np.abs(shown(ob, 1) - keys[0]).max() < 1e-5
    assert np.abs(shown(ob, 41) - keys[-1]).max() < 1e-5
    assert ob["att3d_checkpoint"] == bench.checkpoint.stem
    assert json.loads(ob["att3d_options"])["keys"] == 3
    # Drivers of the real keys, wherever the backend put them.
    alphas = sorted({point.co.x for curve in ob.data.shape_keys.animation_data.drivers
                     for point in curve.keyframe_points})  # fmt: skip
    truth = blended(keys, alphas, ob["Interpolation"])
    assert np.abs(shown(ob) - truth).max() < 1e-5


def check_real_slider_and_keep(bench: Bench) -> None:
    fill(ROWS)
    assert bpy.ops.att3d.slider_start() == {"FINISHED"}
    settings = bpy.context.scene.att3d
    live = bench.module("chain.live").live
    (preview,) = bench.module("scene.preview").previews()
    first = len(preview.data.vertices)
    settings.blend = 0.25
    assert len(preview.data.vertices) > 50 and first > 50
    place = preview.location.copy()
    bound = np.array(preview.bound_box)
    assert bpy.ops.att3d.slider_keep() == {"FINISHED"}
    ob = bpy.context.object
    assert ob.name.startswith("50% a pig wearing a tophat, 50% a lion")
    assert not live.running and "ATT3D preview" not in bpy.data.objects
    assert ob.location == place and len(ob.data.uv_layers) == 1
    assert np.abs(np.array(ob.bound_box) - bound).max() < 0.1, "it is what was shown"
    assert json.loads(ob["att3d_blend"])["alpha"] == 0.5
    assert "att3d_prompt" not in ob, "it is not what that text alone would make"
    assert not bpy.ops.att3d.slider_keep.poll()


def check_real_backend_refuses_and_explains_too(bench: Bench) -> None:
    """Options and prompts that only the backend can judge."""
    fill([("a pig", 1), ("\u200b", 21)])
    assert fails(bench).code == "bad_prompt"
    fill([("a pig", 1), ("a lion", 21)])
    for options in ({"faces": 5}, {"texture_size": 1}, {"keys": 100}, {"resolution": 9999}):
        error = fails(bench, **options)
        assert error.code == "bad_request" and next(iter(options)) in error.message
    assert fails(bench, checkpoint="/nowhere.safetensors").code == "checkpoint"
