"""What was made is kept: with its picture, across files, and restored without the backend."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import bpy
import numpy as np
from chain_bench import fill, keys_of, list_rows, shown
from checks_interface import Layout
from harness import PROMPT, Bench, contents, refused


def entries(bench: Bench):
    """The history, its pictures drawn."""
    history = bench.module("history.record").history()
    history.wait()
    return history.entries()


def fresh(bench: Bench) -> None:
    bench.module("history.record").history().wait()
    shutil.rmtree(bench.folder / "history", ignore_errors=True)


def positions(ob: bpy.types.Object) -> np.ndarray:
    found = np.empty(3 * len(ob.data.vertices), np.float32)
    ob.data.vertices.foreach_get("co", found)
    return found


def pixels(ob: bpy.types.Object) -> np.ndarray:
    return np.array(ob.material_slots[0].material.node_tree.nodes["Color"].image.pixels[:])


@contextmanager
def without_backend(bench: Bench) -> Iterator[None]:
    """The backend is not asked."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the backend was asked")

    bench.session._connect = refuse
    try:
        yield
    finally:
        del bench.session._connect


def check_result_is_kept_with_what_it_was_made_from(bench: Bench) -> None:
    fresh(bench)
    ob = bench.generate(faces=700)
    (entry,) = entries(bench)
    assert (entry.prompt, entry.checkpoint) == (PROMPT, "tiny")
    assert entry.checkpoint_hash == ob["att3d_checkpoint_hash"]
    assert entry.options["faces"] == 700 and entry.faces == len(ob.data.polygons)
    assert entry.made.endswith("+00:00") and entry.seconds > 0


def check_picture_shows_the_object_on_nothing(bench: Bench) -> None:
    fresh(bench)
    bench.generate()
    (entry,) = entries(bench)
    image = bpy.data.images.load(str(entry.picture))
    assert tuple(image.size) == (128, 128)
    alpha = np.array(image.pixels[:]).reshape(128, 128, 4)[..., 3]
    assert alpha[60:68, 60:68].min() == 1, "the ball is in the middle"
    assert alpha[:3].max() == alpha[:, :3].max() == 0


def check_restored_object_is_the_same_and_needs_no_backend(bench: Bench) -> None:
    fresh(bench)
    ob = bench.generate(normal_map=True)
    before, colors, properties = positions(ob), pixels(ob), dict(ob.items())
    bpy.ops.wm.read_homefile(use_empty=True)

    with without_backend(bench):
        assert bpy.ops.att3d.history_restore() == {"FINISHED"}
    again = bpy.context.object
    assert again.name == PROMPT and again.users_collection[0].name == "ATT3D"
    assert np.array_equal(positions(again), before) and np.array_equal(pixels(again), colors)
    assert dict(again.items()) == properties
    assert len(bpy.data.images) == 2


def check_history_survives_undo(bench: Bench) -> None:
    fresh(bench)
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.att3d.generate("EXEC_DEFAULT", True, prompt=PROMPT)
    bpy.ops.ed.undo()
    assert PROMPT not in bpy.data.objects
    bpy.ops.att3d.history_restore("EXEC_DEFAULT", True)
    assert PROMPT in bpy.data.objects
    bpy.ops.ed.undo()
    assert PROMPT not in bpy.data.objects


def check_prompt_of_a_result_goes_back_into_the_panel(bench: Bench) -> None:
    fresh(bench)
    bench.generate("a lion", faces=900)
    settings = bpy.context.scene.att3d
    settings.prompt, settings.faces, settings.checkpoint = "", 5000, "elsewhere"
    bpy.ops.att3d.history_use()
    assert (settings.prompt, settings.faces) == ("a lion", 900)
    assert settings.checkpoint == str(bench.checkpoint)


def check_two_results_are_compared(bench: Bench) -> None:
    fresh(bench)
    bench.generate("a lion", faces=900)
    assert not bpy.ops.att3d.history_compare.poll()
    bench.generate("a pig", faces=900)
    newer, older = entries(bench)
    compare = bench.module("history.operators").compare
    rows = {name: same for name, _, _, same in compare(newer, older)}
    assert not rows["Prompt"] and rows["Faces"] and rows["Model"]
    assert bpy.ops.att3d.history_compare() == {"FINISHED"}
    kind = bpy.types.ATT3D_OT_history_compare
    layout = Layout()
    kind.draw(SimpleNamespace(layout=layout, _pair=(newer, older)), bpy.context)
    assert {"a lion", "a pig"} <= set(layout.texts)


def check_results_can_be_removed(bench: Bench) -> None:
    fresh(bench)
    bench.generate("a lion")
    bench.generate("a pig")
    newest, oldest = entries(bench)
    scene = contents()
    bpy.ops.att3d.history_remove(identifier=newest.identifier)
    assert entries(bench) == (oldest,) and not newest.folder.exists()
    bpy.ops.att3d.history_clear()
    assert entries(bench) == () and contents() == scene
    assert not bpy.ops.att3d.history_restore.poll(), "and the button says why"


def check_oldest_results_go_when_there_are_too_many_bytes(bench: Bench) -> None:
    fresh(bench)
    record = bench.module("history.record")
    megabyte, record.MEGABYTE = record.MEGABYTE, 1  # so that the limit is 500 bytes
    try:
        bench.generate("a lion", texture_size=512)
        entries(bench)
        bench.generate("a pig", texture_size=512)
        assert [entry.prompt for entry in entries(bench)] == ["a pig"]
        assert "Dropped to stay below 500 MB: “a lion”" in " ".join(drawn(bench))
    finally:
        record.MEGABYTE = megabyte


def check_kept_meshes_are_compressed(bench: Bench) -> None:
    fresh(bench)
    ob = bench.generate(texture_size=512)
    (entry,) = entries(bench)
    assert entry.mesh.suffix == ".z" and len(list(entry.folder.iterdir())) == 3
    assert entry.mesh.stat().st_size < 512 * 512 * 3 / 2, "less than half of the texture alone"
    assert len(entry.read().faces) == len(ob.data.polygons)


def check_history_that_cannot_be_written_stops_nothing(bench: Bench) -> None:
    (bench.folder / "in the way").write_text("")
    bench.preferences.history_folder = str(bench.folder / "in the way")
    bench.generate()
    record = bench.module("history.record")
    assert "history" in record.problem.message.lower() and record.problem.remedy
    assert record.problem.message in " ".join(drawn(bench)).replace("  ", " ")
    bench.preferences.history_folder = str(bench.folder / "history")
    bench.generate()
    assert record.problem is None


def check_no_history_is_kept_when_it_is_switched_off(bench: Bench) -> None:
    fresh(bench)
    bench.preferences.keep_history = False
    bench.generate()
    bench.preferences.keep_history = True
    assert entries(bench) == ()


def check_damaged_entries_are_passed_over(bench: Bench) -> None:
    fresh(bench)
    bench.generate("a lion")
    (sound,) = entries(bench)
    for name, text in {"a": "no JSON", "b": "[]", "c": json.dumps({"format": 1})}.items():
        (bench.folder / "history" / name).mkdir()
        (bench.folder / "history" / name / "entry.json").write_text(text)
    (bench.folder / "history" / "a file").write_text("")
    assert entries(bench) == (sound,)
    sound.mesh.write_bytes(b"damaged")
    said = refused(bpy.ops.att3d.history_restore)
    assert "damaged" in said and "again" in said
    assert [ob.name for ob in bpy.data.objects] == ["a lion"]


def check_panel_shows_results_and_finds_them_by_their_words(bench: Bench) -> None:
    fresh(bench)
    assert "What you make appears here" in drawn(bench)
    for prompt in ("a lion", "a pig on a chair"):
        bench.generate(prompt)
    assert {"a lion", "a pig on a chair"} <= set(drawn(bench))
    view = bpy.context.window_manager.att3d_history
    view.search = "CHAIR pig"
    assert "a lion" not in drawn(bench) and "a pig on a chair" in drawn(bench)
    view.search = "zebra"
    assert "No result has these words" in drawn(bench)
    view.search = ""


def drawn(bench: Bench) -> list[str]:
    layout = Layout()
    context = SimpleNamespace(
        region=SimpleNamespace(width=300),
        preferences=bpy.context.preferences,
        window_manager=bpy.context.window_manager,
    )
    panel = bpy.types.ATT3D_PT_history
    this = SimpleNamespace(layout=layout, _draw_entry=lambda *a: panel._draw_entry(this, *a))
    panel.draw(this, context)
    return layout.texts


def offered(panel: str) -> list[str]:
    """The operators of a panel about the active object, which must show itself."""
    kind, layout = getattr(bpy.types, panel), Layout()
    assert kind.poll(bpy.context)
    context = SimpleNamespace(active_object=bpy.context.object, region=SimpleNamespace(width=300))
    kind.draw(SimpleNamespace(layout=layout), context)
    return layout.operators


CHAIN = (("a pig wearing a tophat", 1), ("a lion holding a blue balloon", 21))


def check_chain_is_kept_and_restored_without_the_backend(bench: Bench) -> None:
    fresh(bench)
    fill(CHAIN)
    assert bpy.ops.att3d.animate(keys=3) == {"FINISHED"}
    ob = bpy.context.object
    before, properties = keys_of(ob), dict(ob.items())
    images = [image.name for image in bpy.data.images]
    (entry,) = entries(bench)
    assert entry.name == "a pig wearing a tophat to a lion holding a blue balloon"
    assert entry.options["keys"] == 3 and entry.picture.is_file()
    assert entry.name in drawn(bench)
    bpy.ops.wm.read_homefile(use_empty=True)
    with without_backend(bench):
        assert bpy.ops.att3d.history_restore() == {"FINISHED"}
    again = bpy.context.object
    assert np.array_equal(keys_of(again), before)
    assert {k: v for k, v in again.items() if k != "Interpolation"} == {
        k: v for k, v in properties.items() if k != "Interpolation"
    }
    assert [image.name for image in bpy.data.images] == images
    assert np.abs(shown(again, 21) - before[-1]).max() < 1e-5, "it is animated"
    bpy.context.scene.att3d.chain.clear()
    assert bpy.ops.att3d.history_use() == {"FINISHED"}
    assert list_rows() == list(CHAIN) and bpy.context.scene.att3d.chain_keys == 3
    module = bench.module("history.operators")
    assert module.entry_of(again) == entry
    assert offered("ATT3D_PT_object") == ["att3d.mark_asset"]
    assert bpy.ops.att3d.mark_asset() == {"FINISHED"}
    assert {"pig", "lion"} <= {tag.name for tag in again.asset_data.tags}


def check_kept_object_between_prompts_is_in_the_history(bench: Bench) -> None:
    fresh(bench)
    fill(CHAIN)
    bpy.ops.att3d.slider_start()
    bpy.context.scene.att3d.blend = 0.5
    assert bpy.ops.att3d.slider_keep() == {"FINISHED"}
    ob = bpy.context.object
    before, properties = positions(ob), dict(ob.items())
    (entry,) = entries(bench)
    assert entry.name.startswith("50% a pig wearing a tophat, 50% a lion")
    assert entry.prompt == "", "it is not what that text alone would make"
    bpy.ops.wm.read_homefile(use_empty=True)
    with without_backend(bench):
        assert bpy.ops.att3d.history_restore() == {"FINISHED"}
    again = bpy.context.object
    assert again.name == bench.module("scene.data_blocks").data_name(entry.name)
    assert np.array_equal(positions(again), before) and dict(again.items()) == properties
    assert bench.module("history.operators").entry_of(again) == entry
    assert offered("ATT3D_PT_object") == ["att3d.mark_asset"]
    assert bpy.ops.att3d.mark_asset() == {"FINISHED"}


def check_changed_checkpoint_is_said_of_every_result(bench: Bench) -> None:
    """The checkpoint is not the file that was added: said of an object, a chain, a kept one."""
    record = bench.checkpoint.with_name(bench.checkpoint.name + ".sha256")
    record.write_text("f" * 64 + "  tiny.safetensors\n")
    try:
        fill(CHAIN)
        for make in (bench.generate, lambda: bpy.ops.att3d.animate(keys=2), keep):
            make()
            assert any("not the file that was added" in note for note in bench.session.notes), make
            assert "not the file that was added" in bpy.context.object["att3d_notes"]
    finally:
        record.unlink()


def keep() -> None:
    bpy.ops.att3d.slider_start()
    bpy.ops.att3d.slider_keep()
