"""The live slider: what is shown follows what is wanted, never waits, and leaves nothing behind."""

from __future__ import annotations

import time

import bpy
import numpy as np
from chain_bench import ROWS, animate, fill, use_scripted
from harness import Bench, contents, unchanged
from timed import within


def start(bench: Bench, rows=ROWS):
    """Start the slider with the quick backend; the module and the preview."""
    use_scripted(bench)
    fill(rows)
    assert bpy.ops.att3d.slider_start() == {"FINISHED"}
    module = bench.module("chain.live")
    (ob,) = bench.module("scene.preview").previews()
    return module.live, ob


def size(ob: bpy.types.Object) -> float:
    return float(max(vertex.co.z for vertex in ob.data.vertices))


def check_slider_shows_the_object_in_its_colors(bench: Bench) -> None:
    live, ob = start(bench)
    assert live.running and not live.waiting
    assert len(ob.data.polygons) > 100 and all(p.use_smooth for p in ob.data.polygons)
    layer = ob.data.color_attributes.active_color
    assert layer.data_type == "BYTE_COLOR" and layer.domain == "POINT"
    assert 0 < np.ptp(layer.data[0].color[:3]) < 1
    assert abs(min(v.co.z for v in ob.data.vertices)) < 1e-6
    assert ob.hide_render, "it is not for renders"
    nodes = ob.data.materials[0].node_tree.nodes
    assert any(n.type == "VERTEX_COLOR" and n.layer_name == layer.name for n in nodes)
    live.stop()


def check_slider_follows_blend_and_prompts(bench: Bench) -> None:
    live, ob = start(bench)
    settings = bpy.context.scene.att3d
    sizes = []
    for blend in (0.0, 0.25, 0.5, 1.0):
        settings.blend = blend
        sizes.append(size(ob))
    steps = np.diff(sizes)
    assert abs(steps[0] - steps[1]) < 1e-5 and abs(steps[0]) > 1e-3, sizes
    settings.chain[2].prompt = "something else"
    assert abs(size(ob) - sizes[3]) > 1e-3
    settings.chain[2].prompt = ROWS[2][0]
    assert abs(size(ob) - sizes[3]) < 1e-5
    live.stop()
    assert "ATT3D preview" not in bpy.data.objects


def check_dragging_never_waits_and_the_last_value_wins(bench: Bench) -> None:
    """As in a window: values come faster than answers, and a timer takes the answers."""
    live, ob = start(bench)
    scene = bpy.context.scene
    asked = []
    session_module = bench.module("process.session")
    ask = session_module.session.ask

    def counting(launch, method, params):
        asked.append(params.alpha)
        return ask(launch, method, params)

    session_module.session.ask = counting
    wait, live.wait = live.wait, lambda: None  # as if not in the background
    try:
        took = []
        for step in range(400):
            before = time.monotonic()
            scene.att3d.blend = step / 399
            live.tick()
            took.append(time.monotonic() - before)
        assert within(np.quantile(took, 0.99), 0.2), "a step of the mouse takes too long"
        assert 2 <= len(asked) < 400, "values that nobody waits for any more are skipped"
        deadline = time.monotonic() + 120
        while live.waiting and time.monotonic() < deadline:
            live.tick()
            time.sleep(0.002)
    finally:
        live.wait = wait
        session_module.session.ask = ask
    assert asked[-1] == 2.0
    shown = size(ob)
    scene.att3d.blend = 1.0
    assert abs(size(ob) - shown) < 1e-6
    assert live.rate is not None and within(1 / live.rate, 1 / 10)
    live.stop()


def check_stopping_leaves_nothing(bench: Bench) -> None:
    use_scripted(bench)
    fill()
    before = contents()
    bpy.ops.att3d.slider_start()
    bpy.context.scene.att3d.blend = 0.7
    assert contents() != before
    assert bpy.ops.att3d.slider_stop() == {"FINISHED"}
    assert contents() == before
    assert not bpy.ops.att3d.slider_stop.poll()
    folder = bench.session._client._folders[-1]
    assert not list(folder.rglob("*.safetensors"))


def check_place_without_surface_shows_nothing_and_says_so(bench: Bench) -> None:
    live, ob = start(bench, [("an empty box", 1), ("a tree", 2)])
    assert live.running and live.empty and not len(ob.data.polygons)
    live.stop()


def check_backend_that_dies_ends_the_slider_with_a_word(bench: Bench) -> None:
    live, _ = start(bench, [("a die", 1), ("a tree", 2)])
    bpy.context.scene.att3d.blend = 0.5
    assert not live.running
    assert bench.session.error.code == "backend_died"
    assert "ATT3D preview" not in bpy.data.objects and "ATT3D preview" not in bpy.data.meshes
    animate(bench)


def check_slider_that_cannot_start_leaves_the_scene(bench: Bench) -> None:
    fill()
    bench.preferences.backend_command = "/nowhere/python"
    with unchanged():
        try:
            bpy.ops.att3d.slider_start()
        except RuntimeError as reported:
            text = str(reported)
    assert "/nowhere/python" in text
    fill([("a tree", 1), (" ", 2)])
    assert not bpy.ops.att3d.slider_start.poll()


def check_preview_is_not_saved_and_comes_back_after_saving(bench: Bench) -> None:
    live, _ = start(bench)
    bpy.context.scene.att3d.blend = 0.5
    path = str(bench.folder / "live.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    assert live.running and len(bench.module("scene.preview").previews()) == 1
    bpy.ops.wm.open_mainfile(filepath=path)
    assert not live.running and "ATT3D preview" not in bpy.data.objects
    assert "ATT3D preview" not in bpy.data.materials
    assert abs(bpy.context.scene.att3d.blend - 0.5) < 1e-6


def check_undo_and_redo_take_the_slider_along(bench: Bench) -> None:
    use_scripted(bench)
    fill()
    settings = bpy.context.scene.att3d
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.att3d.slider_start("EXEC_DEFAULT", True)
    live = bench.module("chain.live").live
    bpy.context.scene.att3d.blend = 0.8
    bpy.ops.ed.undo_push(message="Blend")
    bpy.ops.ed.undo()
    settings = bpy.context.scene.att3d
    assert settings.blend == 0.0 and live.running
    (ob,) = bench.module("scene.preview").previews()
    at_start = size(ob)
    settings.blend = 0.8
    assert abs(size(ob) - at_start) > 1e-3
    bpy.ops.ed.undo()
    assert not live.running and "ATT3D preview" not in bpy.data.objects
    bpy.ops.ed.redo()
    assert live.running and len(bench.module("scene.preview").previews()) == 1
    live.stop()


def check_disabling_the_extension_takes_the_preview_away(bench: Bench) -> None:
    start(bench)
    bpy.ops.preferences.addon_disable(module="bl_ext.user_default.att3d")
    assert "ATT3D preview" not in bpy.data.objects
    bpy.ops.preferences.addon_enable(module="bl_ext.user_default.att3d")
    bench.reset()
