"""Baked objects move as their originals do, with no property and no driver."""

from __future__ import annotations

import bpy
import numpy as np
from chain_bench import animate, shown
from harness import Bench, unchanged

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


def check_export(bench: Bench) -> None:
    ob = animate(bench)
    bpy.context.scene.frame_end = 50
    for suffix in ("glb", "usdc", "abc"):
        path = bench.folder / f"chain.{suffix}"
        with unchanged():
            assert bpy.ops.att3d.export_animation(filepath=str(path)) == {"FINISHED"}
        assert path.stat().st_size > 1000
        print(suffix, path.stat().st_size, bench.session.notes)
