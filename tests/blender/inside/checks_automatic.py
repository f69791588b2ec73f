"""On Automatic the words of a prompt choose the checkpoint; the panel says which it is."""

from __future__ import annotations

import bpy
from checks_interface import drawn
from harness import Bench, quick, refused


def automatic(bench: Bench) -> None:
    """Nothing is chosen, and only the bundled checkpoints are there."""
    bench.preferences.checkpoint_folder = ""
    bpy.context.scene.att3d.checkpoint = ""


@quick
def check_automatic_is_the_default_and_stands_first(bench: Bench) -> None:
    automatic(bench)
    settings = bpy.context.scene.att3d
    items = bench.module("checkpoints.settings")._checkpoint_items(settings, bpy.context)
    assert items[0][0] == settings.checkpoint_choice == "AUTOMATIC"
    settings.checkpoint_choice = "toybox"
    assert settings.checkpoint == "toybox"
    settings.checkpoint_choice = "AUTOMATIC"
    assert settings.checkpoint == ""


@quick
def check_words_choose_and_the_panel_says_what(bench: Bench) -> None:
    automatic(bench)
    settings = bpy.context.scene.att3d
    answering = bench.module("checkpoints.automatic").answering
    for prompt, stem in (
        ("a hare on a motorbike", "toybox"),
        ("a baby dragon", "baby-dragon"),
        ("a lorry", "vehicles"),
        ("a flurb", "toybox"),
    ):
        assert answering("", [prompt], wait=True).path.stem == stem
    settings.fill_in({"prompt": "a baby dragon"})
    assert "baby-dragon answers" in drawn("ATT3D_PT_create", bench)
    settings.checkpoint = "toybox"
    assert not [text for text in drawn("ATT3D_PT_create", bench) if "answers" in text]


@quick
def check_chain_needs_one_that_knows_all(bench: Bench) -> None:
    automatic(bench)
    settings = bpy.context.scene.att3d
    answering_chain = bench.module("checkpoints.automatic").answering_chain
    seasons = ["a tree in spring", "a tree in winter"]
    assert answering_chain("", seasons).path.stem == "tree-seasons"
    settings.chain.clear()
    for frame, prompt in ((1, "a pig"), (25, "a tudor house")):
        row = settings.chain.add()
        row.prompt, row.frame = prompt, frame
    said = refused(bpy.ops.att3d.animate)
    assert "“a pig”: toybox-animals" in said, said
    assert "“a tudor house”: cottage-tudor" in said, said
    assert "No model knows all prompts" in " ".join(drawn("ATT3D_PT_chain", bench))


@quick
def check_suggestions_come_from_all_of_them(bench: Bench) -> None:
    automatic(bench)
    bench.module("checkpoints.automatic").answering("", ["a pig"], wait=True)
    search = bench.module("checkpoints.prompt_search").search_prompts
    offered = search(None, bpy.context, "a b")
    assert "a baby dragon" in offered, offered
    assert [text for text in offered if "bear" in text], offered
