"""A list of prompts into a collection, laid out in a grid."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import bpy
from checks_interface import Layout
from harness import Bench, contents, refused, unchanged

LIST = "a pig\n\n# not this one\n  a   lion \na pig on a chair\n"
PROMPTS = ["a lion", "a pig", "a pig on a chair"]


def made() -> dict[str, bpy.types.Object]:
    return {ob["att3d_prompt"]: ob for ob in bpy.data.objects}


def drawn(bench: Bench) -> str:
    layout = Layout()
    context = SimpleNamespace(
        scene=bpy.context.scene,
        region=SimpleNamespace(width=400),
        preferences=bpy.context.preferences,
    )
    bpy.types.ATT3D_PT_batch.draw(SimpleNamespace(layout=layout), context)
    return " ".join(layout.texts)


def check_each_line_is_an_object_in_a_collection_of_its_own(bench: Bench) -> None:
    assert bpy.ops.att3d.batch(prompts=LIST) == {"FINISHED"}
    assert sorted(made()) == PROMPTS
    (collection,) = bpy.data.collections["ATT3D"].children
    assert collection.name == "Batch" and len(collection.objects) == 3
    assert len(bpy.context.selected_objects) == 3
    assert not bench.session.busy and bench.session.error is None
    bpy.ops.att3d.batch(prompts="a lion")
    assert [c.name for c in bpy.data.collections["ATT3D"].children] == ["Batch", "Batch.001"]


def check_objects_stand_in_a_grid_and_do_not_touch(bench: Bench) -> None:
    bpy.context.scene.cursor.location = (10, 0, 1)
    bpy.context.scene.att3d.place = "CURSOR"
    bpy.ops.att3d.batch(prompts=LIST, columns=2, spacing=2.5)
    places = {prompt: tuple(ob.location) for prompt, ob in made().items()}
    assert places == {
        "a pig": (10, 0, 1),
        "a lion": (12.5, 0, 1),
        "a pig on a chair": (10, 2.5, 1),
    }


def check_list_comes_from_a_text_or_a_file(bench: Bench) -> None:
    text = bpy.data.texts.new("toys.txt")
    text.write(LIST)
    bpy.context.scene.att3d.batch_text = text
    bpy.ops.att3d.batch()
    assert sorted(made()) == PROMPTS and "toys" in bpy.data.collections
    path = bench.folder / "ünï list.txt"
    path.write_text("\ufeffa lion on a chair\r\n", encoding="utf-8")
    bpy.ops.att3d.batch(filepath=str(path))
    assert "a lion on a chair" in made() and "ünï list" in bpy.data.collections


def check_lists_without_prompts_are_refused(bench: Bench) -> None:
    with unchanged():
        assert "no list" in refused(bpy.ops.att3d.batch)
        assert "no prompts" in refused(bpy.ops.att3d.batch, prompts="# nothing\n \n")
        assert "cannot be read" in refused(bpy.ops.att3d.batch, filepath="/nowhere/list.txt")
        assert "at most 1,000" in refused(bpy.ops.att3d.batch, prompts="a pig\n" * 1001)


def check_prompt_that_fails_does_not_stop_the_others(bench: Bench) -> None:
    bpy.ops.att3d.batch(prompts="a pig\n\u200b\na lion")
    assert sorted(made()) == ["a lion", "a pig"]
    assert bench.session.notes[0] == "2 of 3 objects made"
    assert "empty" in bench.session.notes[1]


def check_setting_that_every_prompt_would_fail_with_ends_it(bench: Bench) -> None:
    with unchanged():
        said = refused(bpy.ops.att3d.batch, prompts=LIST, checkpoint="/nowhere.safetensors")
    assert "/nowhere.safetensors" in said
    assert not bench.session.busy and drawn(bench)


def check_cancelling_keeps_what_is_done(bench: Bench) -> None:
    """As ESC does it, from outside while the list is worked on."""
    session = bench.session
    operators = bench.module("batch.operators")

    def stop_after_two() -> None:
        while operators.running is None or len(operators.running.made) < 2:
            time.sleep(0.002)
        while operators.running is not None:
            session.cancel()
            time.sleep(0.002)

    bench.generate("a pig")
    stopper = threading.Thread(target=stop_after_two, daemon=True)
    stopper.start()
    assert bpy.ops.att3d.batch(prompts="a pig on a chair\na lion\n" * 10) == {"FINISHED"}
    stopper.join(5)
    kept = len(bpy.data.collections["Batch"].objects)
    assert 2 <= kept < 20
    assert session.notes[0] == f"Cancelled: {kept} of 20 objects stay"
    assert len(bpy.data.meshes) == len(bpy.data.images) == kept + 1, "and nothing else"
    assert operators.running is None and not session.busy


def check_batch_is_one_step_to_undo(bench: Bench) -> None:
    bench.generate("a pig")
    bpy.ops.ed.undo_push(message="before")
    before = contents()
    bpy.ops.att3d.batch("EXEC_DEFAULT", True, prompts=LIST)
    assert len(bpy.data.objects) == 4
    bpy.ops.ed.undo()
    assert contents() == before
    bpy.ops.ed.redo()
    assert len(bpy.data.objects) == 4


def check_panel_says_what_the_list_holds(bench: Bench) -> None:
    assert "prompts" not in drawn(bench)
    assert bpy.ops.att3d.batch_examples(count=2) == {"FINISHED"}
    assert "2 prompts" in drawn(bench)
    known = bench.module("checkpoints.prompt_index").prompt_index(bench.checkpoint, wait=True)
    text = bpy.context.scene.att3d.batch_text
    assert set(text.as_string().split("\n")) - {""} <= set(known.prompts)
    text.write("a zeppelin\n")
    assert "3 prompts" in drawn(bench) and "“zeppelin”: never seen" in drawn(bench)
