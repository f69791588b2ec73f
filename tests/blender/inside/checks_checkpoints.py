"""Checkpoints of one's own: added by file, judged by the backend, shown, checked."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import bpy
from checks_interface import Layout, drawn
from harness import PROMPT, Bench, contents, refused


def own_folder(bench: Bench) -> Path:
    """An empty folder for added checkpoints, and a source with the name that trainings give."""
    folder = bench.folder / "own checkpoints"
    shutil.rmtree(folder, ignore_errors=True)
    bench.preferences.checkpoint_folder = str(folder)
    source = bench.folder / "run" / "checkpoint.safetensors"
    source.parent.mkdir(exist_ok=True)
    if not source.exists():  # the backend keeps what it has loaded
        shutil.copy(bench.checkpoint, source)
    bpy.context.scene.att3d.checkpoint = str(source)
    return folder


def check_file_is_checked_copied_chosen_and_works(bench: Bench) -> None:
    folder = own_folder(bench)
    source = bench.folder / "run" / "checkpoint.safetensors"
    assert bpy.ops.att3d.add_checkpoint(filepath=str(source)) == {"FINISHED"}
    added = folder / "tiny.safetensors"
    assert added.read_bytes() == source.read_bytes()
    settings = bpy.context.scene.att3d
    assert settings.checkpoint == settings.checkpoint_choice == str(added)
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["tiny.png", "tiny.safetensors", "tiny.safetensors.sha256"]
    ob = bench.generate()
    assert ob["att3d_checkpoint_hash"] in (folder / "tiny.safetensors.sha256").read_text()
    assert ob["att3d_checkpoint"] == "tiny", "the name that the menu shows"


def check_same_file_is_not_added_twice_and_another_gets_a_number(bench: Bench) -> None:
    folder = own_folder(bench)
    source = bench.folder / "run" / "checkpoint.safetensors"
    for _ in range(2):
        bpy.ops.att3d.add_checkpoint(filepath=str(source))
        assert len(list(folder.glob("*.safetensors"))) == 1
    (folder / "tiny.safetensors").write_bytes(b"another file")
    bpy.ops.att3d.add_checkpoint(filepath=str(source))
    assert bpy.context.scene.att3d.checkpoint == str(folder / "tiny-2.safetensors")


def check_files_that_are_no_checkpoints_are_not_copied(bench: Bench) -> None:
    folder = own_folder(bench)
    broken = bench.folder / "run" / "broken.safetensors"
    broken.write_bytes(bench.checkpoint.read_bytes()[:1000])
    before = bpy.context.scene.att3d.checkpoint
    for path in (broken, bench.folder / "nowhere.safetensors", bench.folder):
        said = refused(bpy.ops.att3d.add_checkpoint, filepath=str(path))
        assert bench.session.error.code == "checkpoint" and path.name in said
        assert not folder.exists() or not list(folder.iterdir())
    assert bpy.context.scene.att3d.checkpoint == before


def check_hash_is_compared_with_the_recorded_one(bench: Bench) -> None:
    folder = own_folder(bench)
    source = bench.folder / "run" / "checkpoint.safetensors"
    bpy.ops.att3d.add_checkpoint(filepath=str(source))
    assert bpy.ops.att3d.check_checkpoint() == {"FINISHED"}
    record = folder / "tiny.safetensors.sha256"
    record.write_text("0" * 64 + "  tiny.safetensors\n")
    assert "not the file that was added" in refused(bpy.ops.att3d.check_checkpoint)
    bench.generate()
    assert any("not the file that was added" in note for note in bench.session.notes)
    record.unlink()
    assert bpy.ops.att3d.check_checkpoint() == {"FINISHED"}
    bench.generate()
    assert bench.session.notes == ()


def check_panel_and_card_say_what_it_knows(bench: Bench) -> None:
    text = " ".join(drawn("ATT3D_PT_checkpoint", bench))
    assert "tiny" in text and "Random weights" in text and "Knows 3 prompts" in text
    layout = Layout()
    bpy.types.ATT3D_OT_checkpoint_card.draw(SimpleNamespace(layout=layout), bpy.context)
    assert {"License", "File", "Size", "Knows"} <= set(layout.texts)
    assert bpy.ops.att3d.checkpoint_card() == {"FINISHED"}
    bpy.context.scene.att3d.checkpoint = "/elsewhere/mine.safetensors"
    assert "Not on this machine" in " ".join(drawn("ATT3D_PT_checkpoint", bench))
    assert not bpy.ops.att3d.check_checkpoint.poll()
    assert not bpy.ops.att3d.checkpoint_card.poll()


def check_picture_is_drawn_by_the_backend(bench: Bench) -> None:
    card = bench.module("checkpoints.card")
    cache = bench.preferences.pictures_path
    picture = card.picture_of(bench.checkpoint, cache)
    assert not picture.exists() and "user_default" in str(picture)
    before = contents()
    assert bpy.ops.att3d.checkpoint_picture() == {"FINISHED"}
    assert picture.read_bytes().startswith(b"\x89PNG") and contents() == before
    beside = bench.checkpoint.with_suffix(".png")
    shutil.copy(picture, beside)
    assert card.picture_of(bench.checkpoint, cache) == beside
    settings = bench.module("checkpoints.settings")
    real, settings.icon_of = settings.icon_of, lambda path: 77 if path == beside else 0
    items = settings._checkpoint_items(bpy.context.scene.att3d, bpy.context)
    settings.icon_of = real
    icons = {item[0]: item[3] for item in items}
    assert icons[str(bench.checkpoint)] == 77, "the list shows the picture"
    beside.unlink()
    picture.unlink()


def check_card_of_a_hostile_file_is_harmless(bench: Bench) -> None:
    """What the file says of itself may be anything."""
    import json

    said = {"name": 7, "prompts": "no", "metrics": [1], "recipe": {"config": 3}, "words": [1, "a"]}
    header = json.dumps({"__metadata__": {"metadata": json.dumps(said)}}).encode()
    path = bench.folder / "odd.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    card = bench.module("checkpoints.card").read_card(path)
    assert card.name == "odd" and dict(card.facts)["File"] == str(path)
    known = bench.module("checkpoints.prompt_index").prompt_index(path, wait=True)
    assert known.suggest("a pig") == [] and known.neighbours(PROMPT) == []
