"""What goes wrong with a chain leaves the scene as it was, with a clear word.

``chain_bench.fails`` asserts just that for every case here.
"""

from __future__ import annotations

import threading
import time

import bpy
from chain_bench import ROWS, animate, fails, fill, use_scripted
from harness import Bench, unchanged


def refused(operator, **options: object) -> str:
    """The operator cannot be called now; why."""
    assert not operator.poll()
    with unchanged():
        try:
            operator(**options)
        except RuntimeError as reported:
            return str(reported)
    raise AssertionError("it was called")


def check_chain_of_none_or_one_is_refused_with_a_reason(bench: Bench) -> None:
    use_scripted(bench)
    for rows in ([], [("a tree", 1)]):
        fill(rows)
        assert "at least two prompts" in refused(bpy.ops.att3d.animate)


def check_bad_rows_are_named(bench: Bench) -> None:
    use_scripted(bench)
    error = fails(bench, [("a tree", 1), ("  ", 21)])
    assert error.code == "bad_prompt" and "Row 2" in error.message and "21" in error.message
    error = fails(bench, [("a tree", 30), ("a house", 1), ("a hut", 30)])
    assert "Rows 1 and 3" in error.message and "a hut" in error.message and "30" in error.message
    error = fails(bench, [("a tree", 1), ("A tree ", 21), ("a  tree", 41)])
    assert "same" in error.message
    error = fails(bench, [(f"a tree of {year} years", year) for year in range(20)])
    assert "20" in error.message and "16" in error.message
    error = fails(bench, [("a tree " * 5000, 1), (" ", 2)])
    assert len(error.message) < 300


def check_empty_field_and_damaged_file_are_explained(bench: Bench) -> None:
    use_scripted(bench)
    assert "no surface" in fails(bench, [("an empty box", 1), ("a tree", 2)]).message
    assert fails(bench, [("a broken box", 1), ("a tree", 2)]).code == "protocol"
    animate(bench)


def check_parts_too_thin_for_quads_offer_triangles(bench: Bench) -> None:
    use_scripted(bench)
    settings = bpy.context.scene.att3d
    settings.topology = "quads"
    error = fails(bench, [("a thin spoke", 1), ("a tree", 2)])
    assert "too thin" in error.message and "triangles" in error.remedy
    states = bench.module("process.backend_state")
    (mend,) = states.mends(bench.session.state, error)
    assert mend.operator == "att3d.use_triangles"
    assert bpy.ops.att3d.use_triangles() == {"FINISHED"}
    assert settings.topology == "triangles" and bench.session.error is None
    assert bpy.ops.att3d.animate() == {"FINISHED"}


def check_backend_killed_half_way_is_survived(bench: Bench) -> None:
    use_scripted(bench)
    error = fails(bench, [("a die", 1), ("a tree", 2)])
    assert error.code == "backend_died" and "SIGKILL" in error.message
    ob = animate(bench)
    fill([("a die", 1), ("a tree", 2)])
    keys = [key.name for key in ob.data.shape_keys.key_blocks]
    fails(bench, rebuild=True)
    assert [key.name for key in ob.data.shape_keys.key_blocks] == keys
    animate(bench)


def check_cancelling_half_way_leaves_nothing(bench: Bench) -> None:
    """As ESC does it, while the operator is modal."""
    animate(bench)
    fill([("a slow tree", 1), ("a tree", 2)])
    session = bench.session

    def cancel_when_busy() -> None:
        while not session.fraction > 0:
            time.sleep(0.002)
        session.cancel()

    killer = threading.Thread(target=cancel_when_busy, daemon=True)
    with unchanged():
        killer.start()
        assert bpy.ops.att3d.animate() == {"CANCELLED"}
    assert session.error is None and not session.busy
    animate(bench)


def check_only_one_thing_at_a_time(bench: Bench) -> None:
    use_scripted(bench)
    fill()
    session = bench.session
    params = bench.module("chain.operators").InterpolateParams(prompts=["slow", "a tree"])
    job = session.submit(bench.preferences.launch, "interpolate", params)
    for operator in (bpy.ops.att3d.animate, bpy.ops.att3d.slider_start):
        assert "being generated" in refused(operator)
    bpy.ops.att3d.cancel()
    session.fail(bench.module("process.operator").Cancelled())
    assert job.done()


def check_rebuild_needs_an_object_made_from_a_chain(bench: Bench) -> None:
    use_scripted(bench)
    bpy.ops.mesh.primitive_cube_add()
    assert "made from a chain" in fails(bench, ROWS, rebuild=True).message


def check_edit_mode_is_not_disturbed(bench: Bench) -> None:
    ob = animate(bench)
    bpy.ops.object.mode_set(mode="EDIT")
    assert bpy.ops.att3d.animate(rebuild=True) == {"FINISHED"}
    assert bpy.context.object == ob and ob.mode == "EDIT"
    assert len([o for o in bpy.data.objects if "att3d_chain" in o]) == 2, "the work is not lost"
    assert "Object Mode" in refused(bpy.ops.att3d.bake_for_export)
    bpy.ops.object.mode_set(mode="OBJECT")


def exporting_fails(bench: Bench, path: object, **options: object) -> Exception:
    with unchanged():
        try:
            bpy.ops.att3d.export_animation(filepath=str(path), **options)
        except RuntimeError as reported:
            text = str(reported)
        else:
            raise AssertionError("no error was reported")
    error = bench.session.error
    assert error is not None and error.message in text and error.remedy in text
    return error


def check_exports_that_cannot_be_written_are_explained(bench: Bench) -> None:
    animate(bench)
    names = [block.name for block in bpy.data.objects]
    folder = bench.folder / "exports"
    folder.mkdir(exist_ok=True)
    assert exporting_fails(bench, folder / "missing" / "a.glb").code == "output"
    (folder / "a.glb").mkdir(exist_ok=True)
    assert "folder" in exporting_fails(bench, folder / "a.glb").message
    assert ".glb" in exporting_fails(bench, folder / "a.fbx").remedy
    assert ".glb" in exporting_fails(bench, folder / "noname").remedy
    assert exporting_fails(bench, "/dev/full/a.usdc").code == "output"
    exporting_fails(bench, folder / "b.abc", frame_start=10, frame_end=5)
    exporting_fails(bench, folder / "b.abc", frame_start=1, frame_end=10**6)
    (folder / "file").write_text("in the way")
    error = exporting_fails(
        bench, folder / "b.glb", colors="SEQUENCE", folder=str(folder / "file" / "pictures")
    )
    assert error.code == "output"
    assert sorted(path.name for path in folder.iterdir()) == ["a.glb", "file"], "nothing is left"
    assert [block.name for block in bpy.data.objects] == names


def check_failing_exporter_is_cleaned_up_after(bench: Bench) -> None:
    """The disk is full: the exporter gives up half-way."""
    animate(bench)
    formats = bench.module("export.formats")
    whole = formats.GLTF
    object.__setattr__(whole, "exporter", "object.select_all")  # fails: it has no filepath
    try:
        error = exporting_fails(bench, bench.folder / "c.glb")
    finally:
        object.__setattr__(whole, "exporter", "export_scene.gltf")
    assert error.code == "output" and "glTF" in error.message
    assert not (bench.folder / "c.glb").exists()
