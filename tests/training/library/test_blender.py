""".fbx and .blend files, read by Blender in a process of its own."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from training.library import blender
from training.library.build import LibraryOptions, build
from training.library.storage import read_model
from training.library.surfaces import Unreadable

ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("bpy") is None, reason="this Python has no bpy"
)

SCENE = """
import bpy, sys
folder = sys.argv[1]
bpy.ops.wm.read_factory_settings(use_empty=True)

def material(name, color):
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    made.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (*color, 1.0)
    return made

def cube(name, at, scale, color):
    bpy.ops.mesh.primitive_cube_add(size=1.0, location=at, scale=scale)
    made = bpy.context.object
    made.name = name
    made.data.materials.append(material(name, color))
    return made

plain = cube("TallBox", (5, 0, 0), (1, 1, 3), (1, 0, 0))
bpy.ops.export_scene.fbx(filepath=folder + "/TallBox.fbx")
bpy.ops.wm.save_as_mainfile(filepath=folder + "/SingleBox.blend")

mirrored = cube("WoodenStool", (0, 7, 0), (1, 2, 1), (0, 1, 0))
mirrored.modifiers.new("Array", "ARRAY").count = 2
group = bpy.data.collections.new("StoneTower")
cubes = [cube(f"part{n}", (0, 0, n), (1, 1, 1), (0, 0, 1)) for n in range(3)]
for each in cubes:
    group.objects.link(each)
    bpy.context.scene.collection.objects.unlink(each)
for item, tags in ((mirrored, ("old", "wooden")), (group, ())):
    item.asset_mark()
    for tag in tags:
        item.asset_data.tags.new(tag)
mirrored.asset_data.description = "A stool from a tavern"
mirrored.asset_data.author = "Ann"
mirrored.asset_data.license = "CC-BY-4.0"
bpy.ops.wm.save_as_mainfile(filepath=folder + "/Assets.blend")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("blender")
    script = made / "make.py"
    script.write_text(SCENE)
    subprocess.run([sys.executable, script, made], check=True, capture_output=True)
    script.unlink()
    return made


@pytest.fixture(scope="module")
def library(folder, tmp_path_factory):
    output = tmp_path_factory.mktemp("library") / "lib"
    (folder / "Broken.blend").write_bytes(b"BLENDER nonsense")
    return output, build(LibraryOptions(inputs=(folder,), output=output, workers=1))


def extent(library, prompt):
    output, index = library
    entry = next(entry for entry in index.entries if entry.prompt == prompt)
    vertices = read_model(output, entry.key).mesh.vertices
    size = np.ptp(vertices, axis=0)
    return size / size.max(), entry


def color(library, entry):
    return read_model(library[0], entry.key).mesh.texels[0].tolist()


def test_assets_of_a_blend_are_models_and_without_assets_all_is_one(library):
    _, index = library
    found = {
        (entry.source.partition("/")[2], entry.object): entry.prompt for entry in index.entries
    }
    assert found == {
        ("Assets.blend", "WoodenStool"): "a wooden stool",
        ("Assets.blend", "StoneTower"): "a stone tower",
        ("SingleBox.blend", ""): "a single box",
        ("TallBox.fbx", ""): "a tall box",
    }
    (broken,) = index.left_out
    assert broken.source.endswith("Broken.blend") and "Blender cannot open it" in broken.reason


def test_metadata_of_an_asset_is_kept(library):
    _, entry = extent(library, "a wooden stool")
    assert entry.captions == ["a wooden stool", "A stool from a tavern", "an old wooden stool"]
    assert (entry.author, entry.licence) == ("Ann", "CC-BY-4.0")


def test_modifiers_transforms_and_collections_are_read_in_our_axes(library):
    size, stool = extent(library, "a wooden stool")
    # Two side by side along x: 2 wide, 2 deep, 1 high.
    np.testing.assert_allclose(size, [1.0, 1.0, 0.5], atol=1e-4)
    assert color(library, stool) == [0, 255, 0]
    size, tower = extent(library, "a stone tower")
    np.testing.assert_allclose(size, [1 / 3, 1 / 3, 1.0], atol=1e-4)
    assert color(library, tower) == [0, 0, 255]


@pytest.mark.parametrize("prompt", ["a tall box", "a single box"])
def test_fbx_and_blend_of_one_box_are_that_box(library, prompt):
    size, entry = extent(library, prompt)
    np.testing.assert_allclose(size, [1 / 3, 1 / 3, 1.0], atol=1e-4)
    assert color(library, entry) == [255, 0, 0]


def test_a_blender_that_ends_or_hangs_costs_one_file(folder, tmp_path, monkeypatch):
    child = blender._Child()
    monkeypatch.setattr(blender, "_child", child)
    monkeypatch.setattr(blender, "_command", lambda: [sys.executable, "-c", "raise SystemExit"])
    with pytest.raises(Unreadable, match="Blender ended"):
        blender.export(folder / "TallBox.fbx", tmp_path)
    monkeypatch.setattr(blender, "_command", lambda: [sys.executable, "-c", "input(); input()"])
    monkeypatch.setattr(blender, "SECONDS", 0.2)
    with pytest.raises(Unreadable, match="did not finish"):
        blender.export(folder / "TallBox.fbx", tmp_path)


def test_without_a_blender_the_way_out_is_said(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(blender, "_child", blender._Child())
    monkeypatch.setattr(blender.importlib.util, "find_spec", lambda name: None)
    monkeypatch.delenv(blender.PYTHON_VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unreadable, match="pip install bpy"):
        blender.export(folder / "TallBox.fbx", tmp_path)


EXPORT = """
import csv, importlib, sys, types
extension = types.ModuleType("att3d_extension")
extension.__path__ = [sys.argv[1]]
sys.modules[extension.__name__] = extension
import bpy
bpy.ops.wm.open_mainfile(filepath=sys.argv[2])
operators = importlib.import_module("att3d_extension.blender_addon.library.operators")
bpy.utils.register_class(operators.ATT3D_OT_export_library)
scenes, hidden = len(bpy.data.scenes), [each.hide_viewport for each in bpy.data.objects]
for source in ("ASSETS", "SELECTION", "COLLECTION"):
    bpy.ops.object.select_all(action="DESELECT")
    bpy.data.objects["TallBox"].select_set(True)
    done = bpy.ops.att3d.export_library(
        directory=sys.argv[3] + "/" + source, source=source, author="Ben", license="CC0-1.0"
    )
    assert done == {"FINISHED"}, done
assert len(bpy.data.scenes) == scenes
assert [each.hide_viewport for each in bpy.data.objects] == hidden
bpy.ops.object.select_all(action="DESELECT")
try:
    bpy.ops.att3d.export_library(directory=sys.argv[3] + "/none", source="SELECTION")
except RuntimeError as error:
    assert "nothing to export" in str(error), error
else:
    raise AssertionError("an empty selection was exported")
"""


@pytest.fixture(scope="module")
def exported(folder, tmp_path_factory):
    made = tmp_path_factory.mktemp("exported")
    script = made / "export.py"
    script.write_text(EXPORT)
    command = [sys.executable, script, ROOT, folder / "Assets.blend", made]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return made


def test_export_library_writes_the_assets_with_their_metadata(exported, tmp_path):
    index = build(LibraryOptions(inputs=(exported / "ASSETS",), output=tmp_path / "lib", workers=1))
    library = tmp_path / "lib", index
    assert sorted(e.prompt for e in index.entries) == ["a stone tower", "a wooden stool"]
    size, stool = extent(library, "a wooden stool")
    assert stool.captions == ["a wooden stool", "A stool from a tavern", "an old wooden stool"]
    assert (stool.author, stool.licence) == ("Ann", "CC-BY-4.0")
    np.testing.assert_allclose(size, [1.0, 1.0, 0.5], atol=1e-4)
    _, tower = extent(library, "a stone tower")
    assert (tower.author, tower.licence) == ("Ben", "CC0-1.0")


def test_export_library_takes_the_selection_or_a_collection(exported):
    assert {path.name for path in (exported / "SELECTION").iterdir()} == {
        "TallBox.glb",
        "models.csv",
    }
    names = {path.stem for path in (exported / "COLLECTION").glob("*.glb")}
    assert names == {"TallBox", "WoodenStool"}
