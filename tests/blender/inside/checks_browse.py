"""Browse: what the models know, by category; a search, pages, and a click that fills the prompt."""

from __future__ import annotations

from types import SimpleNamespace

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
    view.search = "tree winter"
    texts = drawn("ATT3D_PT_browse", bench)
    assert "a tree in winter" in texts
    view.search = ""
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
    tooltip = bpy.types.ATT3D_OT_set_prompt.description
    assert "“a baby dragon”" in tooltip(bpy.context, SimpleNamespace(prompt="a baby dragon"))
    assert bpy.ops.att3d.set_prompt(prompt="a baby dragon") == {"FINISHED"}
    assert bpy.context.scene.att3d.prompt == "a baby dragon"
