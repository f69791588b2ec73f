"""Export Library, and the model trained on what it wrote: waited for, then added with a click."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import bpy
from checks_checkpoints import own_folder
from checks_interface import drawn
from harness import PROMPT, Bench, quick, refused


def exported(bench: Bench, name: str = "my barrels") -> Path:
    """A folder of two exported assets, and nothing else awaited."""
    awaited = bench.module("library.awaited")
    awaited._file().unlink(missing_ok=True)
    awaited.awaited.look()
    for part in ("", "-library", "-run"):
        shutil.rmtree(bench.folder / f"{name}{part}", ignore_errors=True)
    for label in ("Barrel", "Crate"):
        bpy.ops.mesh.primitive_cube_add()
        bpy.context.object.name = label
        bpy.context.object.asset_mark()
    folder = bench.folder / name
    assert bpy.ops.att3d.export_library(directory=str(folder)) == {"FINISHED"}
    assert sorted(path.stem for path in folder.glob("*.glb")) == ["Barrel", "Crate"]
    return folder


def finish_training(bench: Bench, folder: Path) -> Path:
    """A checkpoint where the training would have put it."""
    checkpoint = folder.with_name(f"{folder.name}-run") / "checkpoint.safetensors"
    checkpoint.parent.mkdir()
    shutil.copy(bench.checkpoint, checkpoint)
    return checkpoint


@quick
def check_exported_models_are_awaited_by_every_blender(bench: Bench) -> None:
    folder = exported(bench)
    module = bench.module("library.awaited")
    assert bpy.types.ATT3D_PT_library.poll(bpy.context)
    assert "“my barrels” is not trained yet" in drawn("ATT3D_PT_library", bench)
    later = module.Awaited()
    later.look()
    assert later.trainings == (module.Training(folder),) and not later.finished
    words = shlex.split(later.trainings[0].command)
    assert words[words.index("--run") + 1] == f"{folder}-run" and str(folder) in words, words
    assert bpy.ops.att3d.copy_training(folder=str(folder)) == {"FINISHED"}


@quick
def check_training_that_has_finished_is_offered_and_can_be_forgotten(bench: Bench) -> None:
    own_folder(bench)
    folder = exported(bench)
    awaited = bench.module("library.awaited").awaited
    checkpoint = finish_training(bench, folder)
    assert "Add “my barrels”" not in drawn("ATT3D_PT_library", bench), "drawing reads no file"
    awaited.look()
    assert "Add “my barrels”" in drawn("ATT3D_PT_library", bench)
    assert bpy.ops.att3d.forget_training(folder=str(folder)) == {"FINISHED"}
    assert not bpy.types.ATT3D_PT_library.poll(bpy.context) and checkpoint.is_file()


@quick
def check_list_of_trainings_may_hold_anything(bench: Bench) -> None:
    exported(bench)
    module = bench.module("library.awaited")
    for text in ("", "{}", '[1, null, "", "/"]', "\0", '["/nowhere/at all"]'):
        module._file().write_text(text)
        module.awaited.look()
        assert not module.awaited.finished
    module._file().write_text(json.dumps([f"/nowhere/{number}" for number in range(50)]))
    module.awaited.look()
    assert len(module.awaited.trainings) == module.MOST
    module._file().unlink()


@quick
def check_library_needs_a_folder_of_its_own(bench: Bench) -> None:
    exported(bench)
    assert "no folder for models alone" in refused(bpy.ops.att3d.export_library, directory="/")


def check_click_adds_the_trained_model_and_automatic_uses_it(bench: Bench) -> None:
    own_folder(bench)
    awaited = bench.module("library.awaited").awaited
    checkpoint = finish_training(bench, exported(bench))
    awaited.look()
    (finished,) = awaited.finished
    assert finished.checkpoint == checkpoint
    settings = bpy.context.scene.att3d
    done = bpy.ops.att3d.add_checkpoint(filepath=str(checkpoint), automatic=True)
    assert done == {"FINISHED"} and settings.checkpoint == ""
    awaited.look()
    assert not awaited.trainings and not bpy.types.ATT3D_PT_library.poll(bpy.context)
    catalog = bench.module("checkpoints.catalog")
    labels = [choice.label for choice in catalog.choices(bench.preferences.checkpoint_folder)]
    assert "tiny" in labels
    assert bench.module("checkpoints.automatic").answering("", [PROMPT], wait=True) is not None
