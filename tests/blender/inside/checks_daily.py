"""Suggestions, unknown words, presets, remembered options, assets."""

from __future__ import annotations

import time
from types import SimpleNamespace

import bpy
import numpy as np
from checks_interface import Layout, drawn
from harness import PACKAGE, PROMPT, Bench, contents
from timed import within


def check_known_prompts_are_suggested_while_typing(bench: Bench) -> None:
    settings = bpy.context.scene.att3d
    search = bench.module("checkpoints.prompt_search").search_prompts
    assert "a pig wearing a tophat" in search(settings, bpy.context, "a pig wea")
    assert "a lion holding a blue balloon" in search(settings, bpy.context, "balloon lion")
    assert search(settings, bpy.context, "") != []
    took = []
    for _ in range(3):
        started = time.perf_counter()
        search(settings, bpy.context, "a pig on a c")
        took.append(time.perf_counter() - started)
    assert within(min(took), 0.05), "nothing waits for a keystroke"


def check_unknown_words_are_flagged_before_generating(bench: Bench) -> None:
    settings = bpy.context.scene.att3d
    settings.prompt = "a pig wearing a zeppelin"
    text = " ".join(drawn("ATT3D_PT_create", bench))
    assert "“zeppelin”: never seen" in text
    assert "a pig wearing a tophat" in text, "the nearest known prompt is a button"
    settings.prompt = "a pigg wearing a tophat"
    assert "a pig wearing a tophat" in drawn("ATT3D_PT_create", bench), "spelling"
    found = bench.module("checkpoints.prompt_search").search_prompts(
        settings, bpy.context, "a zeppelin wea"
    )
    assert any(isinstance(item, tuple) and "zeppelin" in item[1] for item in found)
    settings.prompt = PROMPT
    assert "never seen" not in " ".join(drawn("ATT3D_PT_create", bench))
    assert bench.session.pid is None or not bench.session.busy


def check_note_is_not_said_twice(bench: Bench) -> None:
    bpy.context.scene.att3d.prompt = "a zeppelin wearing a tophat"
    bpy.ops.att3d.generate()
    text = " ".join(drawn("ATT3D_PT_create", bench))
    assert text.count("zeppelin”") == 1 and 'saw "zeppelin"' not in text


def check_suggested_prompt_is_put_in_and_starts_nothing(bench: Bench) -> None:
    bpy.ops.att3d.set_prompt(prompt="a lion")
    assert bpy.context.scene.att3d.prompt == "a lion" and not bench.session.busy


def check_presets_set_all_mesh_options(bench: Bench) -> None:
    settings = bpy.context.scene.att3d
    presets = bench.module("generate.presets").PRESETS
    names = {option.name for option in bench.module("generate.result_operator").MESH_OPTIONS}
    for key, preset in presets.items():
        bpy.ops.att3d.mesh_preset(preset=key)
        assert {name: getattr(settings, name) for name in names} == preset.values
    layout = Layout()
    bpy.types.ATT3D_MT_mesh_presets.draw(
        SimpleNamespace(layout=layout, preset_subdir="att3d/mesh"), bpy.context
    )
    assert "Game Asset" in layout.texts
    kind, times = bpy.types.ATT3D_OT_mesh_preset, presets["DETAILED"].times
    tooltip = kind.description(bpy.context, SimpleNamespace(preset="DETAILED"))
    assert tooltip.endswith(f"Takes about {times} times Standard's time")


def check_own_presets_are_kept_and_removed(bench: Bench) -> None:
    settings = bpy.context.scene.att3d
    settings.faces, settings.normal_map = 4321, True
    bpy.ops.att3d.mesh_preset_add(name="Mine")
    (folder,) = bpy.utils.preset_paths("att3d/mesh")
    settings.faces, settings.normal_map = 500, False
    bpy.ops.script.execute_preset(filepath=f"{folder}/Mine.py", menu_idname="ATT3D_MT_mesh_presets")
    assert (settings.faces, settings.normal_map) == (4321, True)
    bpy.ops.att3d.mesh_preset_add(name="Mine", remove_name=True)
    assert not list(bench.module("ui.user_folders").Path(folder).glob("*.py"))


def check_new_files_begin_with_the_options_used_last(bench: Bench) -> None:
    scene = bpy.context.scene
    scene.att3d.faces, scene.att3d.place = 2345, "CURSOR"
    bench.module("generate.last_options").remember_options(scene)
    path = str(bench.folder / "old.blend")
    scene.att3d.faces = 999
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_homefile(use_empty=True)
    settings = bpy.context.scene.att3d
    assert (settings.faces, settings.place) == (2345, "CURSOR")
    bpy.ops.wm.open_mainfile(filepath=path)
    assert bpy.context.scene.att3d.faces == 999, "a saved file keeps its own"
    bench.preferences.remembered_options = '{"faces": "many", "place": "MOON"}'
    bpy.ops.wm.read_homefile(use_empty=True)
    assert bpy.context.scene.att3d.faces == 8000
    bench.preferences.remembered_options = ""


def check_asset_has_tags_catalogue_and_preview(bench: Bench) -> None:
    path = bench.folder / "library" / "toys.blend"
    path.parent.mkdir(exist_ok=True)
    ob = bench.generate()
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    ob = bpy.data.objects[ob.name]
    assert bpy.ops.att3d.mark_asset(catalog="ATT3D/Animals: all", tags="hat, toy") == {"FINISHED"}
    data = ob.asset_data
    assert {"ATT3D", "hat", "toy", "pig", "tophat"} <= {tag.name for tag in data.tags}
    assert data.description == PROMPT
    catalogs = (path.parent / "blender_assets.cats.txt").read_text()
    assert catalogs.startswith("# This is an Asset Catalog") and "\nVERSION 1\n" in catalogs
    assert f"{data.catalog_id}:ATT3D/Animals- all:" in catalogs
    assert ":ATT3D:ATT3D\n" in catalogs, "and the one above it"
    alpha = np.array(ob.preview.image_pixels_float[:]).reshape(256, 256, 4)[..., 3]
    assert alpha[128, 128] == 1 and alpha[0, 0] == 0
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(path))
    again = bpy.data.objects[PROMPT]
    assert again.asset_data.catalog_id in catalogs
    assert tuple(again.preview.image_size) == (256, 256)


def check_catalogues_that_are_there_stay(bench: Bench) -> None:
    folder = bench.folder / "other library"
    folder.mkdir(exist_ok=True)
    file = folder / "blender_assets.cats.txt"
    line = "0b1a1b1c-1111-2222-3333-444455556666:ATT3D:mine"
    file.write_text(f"VERSION 1\n{line}")
    bench.generate()
    bpy.ops.att3d.mark_asset()
    assert bpy.context.object.asset_data.catalog_id != line.split(":")[0]
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "a.blend"))
    assert line in file.read_text()
    bpy.ops.att3d.mark_asset()
    assert bpy.context.object.asset_data.catalog_id == line.split(":")[0]
    assert file.read_text().count("ATT3D") == 1


def check_catalogue_is_written_when_the_file_gets_a_place(bench: Bench) -> None:
    folder = bench.folder / "later"
    folder.mkdir(exist_ok=True)
    bench.generate()
    bpy.ops.att3d.mark_asset(catalog="Toys")
    identifier = bpy.context.object.asset_data.catalog_id
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "a.blend"))
    assert f"{identifier}:Toys:Toys" in (folder / "blender_assets.cats.txt").read_text()


def check_only_objects_of_ours_are_marked(bench: Bench) -> None:
    bpy.ops.mesh.primitive_cube_add()
    assert not bpy.ops.att3d.mark_asset.poll()
    ob = bench.generate()
    bpy.data.objects["Cube"].select_set(True)
    before = contents()
    bpy.ops.att3d.mark_asset()
    assert ob.asset_data is not None and bpy.data.objects["Cube"].asset_data is None
    assert contents() == before


def check_thing_that_is_not_known_is_refused_by_hand_and_never_mislabelled(bench: Bench) -> None:
    """Not after ten seconds; a script that asks for it gets what it asks for, with a note."""
    settings = bpy.context.scene.att3d
    settings.prompt = "a wizard cat"
    text = " ".join(drawn("ATT3D_PT_create", bench))
    assert "knows nothing called" in text and "“wizard”, “cat”" in text
    assert "cast" not in text.split(), "and no word that is only spelled alike"
    operators = bench.module("generate.operators")  # there is no hand in the background
    try:
        operators.refuse_unknown(bpy.context, settings.prompt, settings.checkpoint)
    except operators.BadPrompt as error:
        bench.session.error = said = error
    assert "“wizard”, “cat”" in said.message and "model that knows" in said.remedy
    operators.refuse_unknown(bpy.context, "a zebra and a pig", settings.checkpoint)
    settings.prompt = "a pig"
    assert bench.session.error is None, "another prompt settles it"


def check_checkpoint_that_knows_the_word_is_offered(bench: Bench) -> None:
    settings = bpy.context.scene.att3d
    settings.prompt = "a tree in a storm"
    search = bench.module("checkpoints.prompt_search")
    others = search.others_that_know(bpy.context, settings.prompt)
    assert {other.path.stem for other in others} == {"props", "tree-seasons"}
    other = next(other for other in others if other.path.stem == "tree-seasons")
    assert f"Use {other.label}" in drawn("ATT3D_PT_create", bench)
    assert bpy.ops.att3d.use_checkpoint(checkpoint=other.identifier) == {"FINISHED"}
    assert search.chosen(bpy.context).path.stem == "tree-seasons"
    assert not search.others_that_know(bpy.context, "a wizard")


def check_empty_field_means_the_example_in_it(bench: Bench) -> None:
    settings = bpy.context.scene.att3d
    operators = bench.module("generate.operators")
    operators.fill_in_example(bpy.context)
    assert settings.prompt == PROMPT
    settings.prompt = "a lion"
    operators.fill_in_example(bpy.context)
    assert settings.prompt == "a lion"
    settings.checkpoint = "tree-seasons"
    example = bench.module("checkpoints.prompt_search").example_prompt(bpy.context)
    assert "tree" in example, "one that the checkpoint knows"


def check_checkpoint_is_taken_by_the_name_that_objects_carry(bench: Bench) -> None:
    settings = bpy.context.scene.att3d
    choice = settings.checkpoint_choice
    name = bench.generate()["att3d_checkpoint"]
    settings.checkpoint = name
    assert settings.checkpoint_choice == choice
    assert bench.generate()["att3d_checkpoint"] == name


def check_settings_for_one_occasion_do_not_return(bench: Bench) -> None:
    module = bench.module("generate.last_options")
    scene = bpy.context.scene
    scene.att3d.faces, scene.att3d.resolution = 150_000, 200
    module.remember_options(scene)
    bpy.ops.wm.read_homefile(use_empty=True)
    settings = bpy.context.scene.att3d
    assert (settings.faces, settings.resolution) == (8000, 200)
    bench.preferences.remembered_options = ""


def check_disabling_and_enabling_keeps_the_backends_path(bench: Bench) -> None:
    bench.preferences.backend_python = "/somewhere/python"
    kept = bench.preferences.checkpoint_folder
    bpy.ops.preferences.addon_disable(module=PACKAGE)
    bpy.ops.preferences.addon_enable(module=PACKAGE)
    assert bench.preferences.backend_python == "/somewhere/python"
    assert bench.preferences.checkpoint_folder == kept
    bench.preferences.backend_python = ""
    bpy.ops.preferences.addon_disable(module=PACKAGE)
    bpy.ops.preferences.addon_enable(module=PACKAGE)
    assert bench.preferences.backend_python == "", "what was emptied stays empty"
    bench.reset()
