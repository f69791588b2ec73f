"""Browse: what the models know, by category, with pictures that the engine draws; a click fills the
prompt."""

from __future__ import annotations

import shutil
import time

import bpy
from checks_interface import drawn
from harness import Bench, quick


def everything(bench: Bench) -> list[str]:
    """All bundled models are browsed; the panel's texts."""
    bench.preferences.checkpoint_folder = ""
    bpy.context.scene.att3d.checkpoint = ""
    view = bpy.context.window_manager.att3d_browse
    view.search, view.category, view.page = "", "ALL", 1
    return drawn("ATT3D_PT_browse", bench)


@quick
def check_all_models_are_browsed_on_automatic(bench: Bench) -> None:
    everything(bench)
    view = bpy.context.window_manager.att3d_browse
    names = [item[0] for item in bench.module("browse.panel")._category_items(view, None)]
    assert {"ALL", "pig", "dragon", "tree"} <= set(names)
    view.category = "tree"
    texts = drawn("ATT3D_PT_browse", bench)
    assert "a tree in winter" in texts and "4 prompts" in texts
    bpy.context.scene.att3d.checkpoint = "vehicles"
    view.category = "ALL"
    texts = drawn("ATT3D_PT_browse", bench)
    assert "a school bus" in texts and "a tree in winter" not in texts


@quick
def check_search_pages_and_click(bench: Bench) -> None:
    everything(bench)
    view = bpy.context.window_manager.att3d_browse
    view.page = 3
    view.search = "drag bab"
    assert view.page == 1
    assert "a baby dragon" in drawn("ATT3D_PT_browse", bench)
    view.search = "zeppelin"
    assert "Nothing has these words" in drawn("ATT3D_PT_browse", bench)
    assert bpy.ops.att3d.set_prompt(prompt="a baby dragon") == {"FINISHED"}
    assert bpy.context.scene.att3d.prompt == "a baby dragon"


def check_pictures_are_drawn_once_and_kept(bench: Bench) -> None:
    settings = bpy.context.scene.att3d
    settings.checkpoint = str(bench.checkpoint)
    shutil.rmtree(bench.preferences.pictures_path / "browse", ignore_errors=True)
    module = bench.module("browse.thumbnails")
    panel = bench.module("browse.panel")
    items = bench.module("browse.listing").found(panel.choices(bpy.context), "", "")[:2]
    module.thumbnails.want(items)
    while module.thumbnails.tick() is not None:  # Blender's timers do not run in scripts
        bench.session.look()
        time.sleep(0.02)
    files = [module.picture_of(item) for item in items]
    assert all(file.read_bytes()[:4] == b"\x89PNG" for file in files)
    changed = [file.stat().st_mtime_ns for file in files]
    module.thumbnails.want(items)
    assert module.thumbnails.tick() is None
    assert [file.stat().st_mtime_ns for file in files] == changed
