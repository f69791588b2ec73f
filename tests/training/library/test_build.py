"""Whole libraries by the command that makes them: what is in them, what is left out, going on."""

import csv
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from backend.protocol.errors import BadRequest, OutputError
from tests.training.library import failing
from tests.training.library.models import box, picture, textured_quad, write_box
from tests.training.library.packs import packs
from training.cli import main
from training.library import build as building
from training.library import storage
from training.library.build import LibraryOptions, build
from training.library.report import printed, write_report
from training.library.storage import read_index, read_model


def write_colored(path, color):
    mesh = box()
    mesh.visual.vertex_colors = color
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(mesh.export(file_type="ply"))
    return path


def made(tmp_path, *inputs, **options):
    options.setdefault("workers", 1)
    return build(LibraryOptions(inputs=inputs, output=tmp_path / "lib", **options))


def reasons(index):
    return {item.source: item.reason for item in index.left_out}


def snapshot(folder):
    return {p.name: p.read_bytes() for p in sorted((folder / "models").iterdir())}


@pytest.fixture
def pack(tmp_path):
    folder = tmp_path / "pack"
    write_box(folder / "RedChair_1.glb")
    write_box(folder / "RedChair_2.glb", size=(1.0, 1.0, 1.0))
    write_box(folder / "Table.obj", size=(3.0, 1.0, 2.0))
    (folder / "LICENSE.txt").write_text("CC0")
    return folder


def test_a_folder_becomes_a_library_with_captions_variants_and_provenance(tmp_path, pack):
    index = made(tmp_path, pack)
    assert [entry.prompt for entry in index.entries] == [
        "a red chair",
        "a red chair, variant 2",
        "a table",
    ]
    assert read_index(tmp_path / "lib") == index
    entry = index.entries[0]
    assert entry.source == "pack/RedChair_1.glb" and entry.licence == "CC0" and entry.closed
    import hashlib

    assert entry.sha256 == hashlib.sha256((pack / "RedChair_1.glb").read_bytes()).hexdigest()
    model = read_model(tmp_path / "lib", entry.key)
    assert model.mesh.vertices[:, 2].min() == pytest.approx(-0.6, abs=1e-6)
    assert len(model.grid.distance) > 0


def test_the_command_prints_the_table_and_writes_sheet_and_csv(tmp_path, pack, capsys):
    broken = pack / "Broken.glb"
    broken.write_bytes(b"glTF nonsense")
    code = main(["library", str(pack), "-o", str(tmp_path / "lib"), "--workers", "1"])
    out = capsys.readouterr().out
    assert code == 0
    assert "a red chair, variant 2" in out and "pack/Broken.glb: it is cut off" in out
    assert "3 models with 2 captions; 3 closed; 0 with warnings" in out
    with (tmp_path / "lib" / "table.csv").open(encoding="utf-8-sig") as table:
        rows = list(csv.DictReader(table))
    assert [row["caption"] for row in rows] == [
        "a red chair",
        "a red chair, variant 2",
        "a table",
        "",
    ]
    assert rows[-1]["warnings"].startswith("left out: it is cut off")
    from PIL import Image

    with Image.open(tmp_path / "lib" / "sheet.png") as sheet:
        assert len(sheet.convert("RGB").getcolors(1 << 20)) > 2


def test_captions_template_and_yaw_are_taken(tmp_path, pack):
    (tmp_path / "c.csv").write_text("file,caption\nTable.obj,a desk\ngone.glb,a ghost\n")
    index = made(
        tmp_path, pack, captions=tmp_path / "c.csv", template="a low-poly {}", yaw=("Table.obj=90",)
    )
    chair, _, desk = index.entries
    assert (chair.prompt, desk.prompt) == ("a low-poly red chair", "a desk")
    assert reasons(index) == {"gone.glb": "the captions name it, but it is not there"}
    import numpy as np

    extent = np.ptp(read_model(tmp_path / "lib", desk.key).mesh.vertices, axis=0)
    # 3 wide, 1 high and 2 deep in the file; a quarter turn exchanges width and depth.
    np.testing.assert_allclose(extent / extent.max(), [2 / 3, 1.0, 1 / 3], atol=1e-5)


@pytest.mark.parametrize("yaw", ["ninety", "Table=x", "gone.csv", "nan"])
def test_yaws_that_are_no_numbers_are_one_line(tmp_path, pack, yaw):
    with pytest.raises(BadRequest, match="yaw"):
        made(tmp_path, pack, yaw=(yaw,))


def test_relative_sizes_are_kept_when_asked_for(tmp_path):
    write_box(tmp_path / "pack" / "big.glb", size=(2.0, 2.0, 2.0))
    write_box(tmp_path / "pack" / "little.glb", size=(1.0, 1.0, 1.0))
    same = made(tmp_path, tmp_path / "pack")
    assert [entry.scale for entry in same.entries] == [1.0, 1.0]
    kept = made(tmp_path, tmp_path / "pack", relative_sizes=True)
    assert [entry.scale for entry in kept.entries] == pytest.approx([1.0, 0.5])


def test_doubled_models_are_left_out_or_said(tmp_path, pack):
    (pack / "RedChair_3.glb").write_bytes((pack / "RedChair_1.glb").read_bytes())
    (pack / "Throne.glb").write_bytes((pack / "RedChair_1.glb").read_bytes())
    index = made(tmp_path, pack)
    assert reasons(index)["pack/RedChair_3.glb"] == "doubled: it looks like pack/RedChair_1.glb"
    throne = next(entry for entry in index.entries if entry.prompt == "a throne")
    assert throne.warnings == ["doubled: looks like pack/RedChair_1.glb"]


def test_models_that_only_differ_in_color_are_not_doubled(tmp_path):
    write_colored(tmp_path / "pack" / "ball_1.ply", (255, 0, 0, 255))
    write_colored(tmp_path / "pack" / "ball_2.ply", (0, 0, 255, 255))
    assert len(made(tmp_path, tmp_path / "pack").entries) == 2


def test_a_name_that_says_nothing_is_listed_with_the_way_out(tmp_path, pack):
    write_box(pack / "mesh_001.glb", size=(1.0, 5.0, 1.0))
    index = made(tmp_path, pack)
    assert "--captions" in reasons(index)["pack/mesh_001.glb"]


def test_one_model_is_a_library(tmp_path):
    assert len(made(tmp_path, write_box(tmp_path / "chair.stl")).entries) == 1


def test_names_in_any_script_are_kept(tmp_path):
    for name in ("椅子.glb", "стул.glb", "🪑 chair.glb", "كرسي.glb"):
        write_box(tmp_path / "pack" / name, size=(1.0, 1.0, len(name.encode())))
    index = made(tmp_path, tmp_path / "pack")
    prompts = {entry.prompt for entry in index.entries}
    assert prompts == {"椅子", "стул", "a chair", "كرسي"}
    write_report(tmp_path / "lib", index)
    assert "椅子" in printed(index, tmp_path / "lib")


def test_a_reader_that_crashes_costs_one_file(tmp_path, pack, monkeypatch):
    (pack / "Crash.glb").write_bytes((pack / "RedChair_1.glb").read_bytes() + b"crash")
    monkeypatch.setattr(building, "process", failing.crash_on_crash)
    index = made(tmp_path, pack)
    assert len(index.entries) == 3
    assert "crashed" in reasons(index)["pack/Crash.glb"]


def test_an_error_of_any_kind_in_a_worker_costs_one_file(tmp_path, pack, monkeypatch):
    monkeypatch.setattr(building, "process", failing.fail_on_table)
    index = made(tmp_path, pack)
    assert len(index.entries) == 2
    assert "RuntimeError: line one line two" in reasons(index)["pack/Table.obj"]


def test_nothing_is_read_twice(tmp_path, pack, monkeypatch):
    made(tmp_path, pack)
    before = snapshot(tmp_path / "lib")
    monkeypatch.setattr(building, "process", refuse)
    index = made(tmp_path, pack)
    assert len(index.entries) == 3 and snapshot(tmp_path / "lib") == before


def refuse(*_):
    raise AssertionError("read again")


def test_a_changed_file_is_read_again_and_what_is_gone_goes(tmp_path, pack):
    made(tmp_path, pack)
    (pack / "RedChair_2.glb").unlink()
    write_box(pack / "Table.obj", size=(1.0, 1.0, 4.0))
    index = made(tmp_path, pack)
    assert [entry.prompt for entry in index.entries] == ["a red chair", "a table"]
    assert len(snapshot(tmp_path / "lib")) == 2
    assert index.entries[1].size == 4.0


def test_a_changed_texture_makes_a_model_anew(tmp_path):
    folder = tmp_path / "pack"
    gltf = textured_quad({"uri": "p.png"})
    gltf.write(folder / "sign.gltf", beside="sign.bin")
    (folder / "p.png").write_bytes(picture())
    first = made(tmp_path, folder).entries[0]
    (folder / "p.png").write_bytes(picture((0, 255, 0, 255)))
    second = made(tmp_path, folder).entries[0]
    assert first.key != second.key and first.sha256 == second.sha256


def test_an_obj_depends_on_the_materials_and_pictures_that_it_names(tmp_path):
    folder = tmp_path / "pack"
    write_box(folder / "crate.obj")
    lines = (folder / "crate.obj").read_text()
    (folder / "crate.obj").write_text(f"mtllib wood.mtl\n{lines}")
    (folder / "wood.mtl").write_text("newmtl wood\nmap_Kd planks.png\n")
    (folder / "planks.png").write_bytes(picture())
    keys = [made(tmp_path, folder).entries[0].key]
    (folder / "other.mtl").write_text("newmtl another\n")
    assert made(tmp_path, folder).entries[0].key == keys[0]
    green = picture((0, 255, 0, 255))
    for changed, content in (("planks.png", green), ("wood.mtl", b"newmtl wood\n")):
        (folder / changed).write_bytes(content)
        keys.append(made(tmp_path, folder).entries[0].key)
    assert len(set(keys)) == 3


def test_a_killed_build_goes_on_and_ends_as_one_that_was_not(tmp_path):
    pack = tmp_path / "pack"
    for n in range(5):
        write_box(pack / f"Box{'abcde'[n]}lock.glb", size=(1.0, 1.0, 1.0 + n))
    command = [sys.executable, "-m", "training", "library", str(pack), "-o", str(tmp_path / "lib")]
    process = subprocess.Popen(
        [*command, "--workers", "1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    journal = tmp_path / "lib" / "progress.jsonl"
    while process.poll() is None and (not journal.exists() or journal.read_text().count("\n") < 2):
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = journal.read_text().count("\n")
    assert 2 <= done < 5 and not (tmp_path / "lib" / "library.json").exists()
    with journal.open("a") as lines:
        lines.write('{"source": "cut off')
    index = made(tmp_path, pack)
    whole = build(LibraryOptions(inputs=(pack,), output=tmp_path / "other", workers=1))
    assert index.entries == whole.entries
    assert snapshot(tmp_path / "lib") == snapshot(tmp_path / "other")


def test_ctrl_c_ends_in_a_moment_with_130_and_the_same_command_goes_on(tmp_path):
    pack = tmp_path / "pack"
    for n in range(6):
        write_box(pack / f"Box{'abcdef'[n]}lock.glb", size=(1.0, 1.0, 1.0 + n))
    process = subprocess.Popen(
        [sys.executable, "-m", "training", "library", str(pack), "-o", str(tmp_path / "lib")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    journal = tmp_path / "lib" / "progress.jsonl"
    while process.poll() is None and (not journal.exists() or journal.read_text().count("\n") < 1):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate()
    assert process.returncode == 130 and "goes on" in error and "Traceback" not in error
    assert len(made(tmp_path, pack).entries) == 6


def test_a_full_disk_is_one_line_and_the_former_library_stays(tmp_path, pack, monkeypatch):
    made(tmp_path, pack)
    index = read_index(tmp_path / "lib")

    write_box(pack / "New.glb", size=(1.0, 9.0, 1.0))
    monkeypatch.setattr(building, "process", failing.no_space)
    with pytest.raises(OutputError, match="No space left"):
        made(tmp_path, pack)
    assert read_index(tmp_path / "lib") == index
    assert not [p for p in (tmp_path / "lib").rglob("*") if p.name.startswith(".")]


def test_a_read_only_source_is_read(tmp_path, pack):
    for path in (*pack.iterdir(), pack):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        assert len(made(tmp_path, pack).entries) == 3
    finally:
        pack.chmod(0o755)


def test_a_folder_of_other_things_is_not_made_a_library(tmp_path, pack):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "thesis.txt").write_text("years of work")
    with pytest.raises(BadRequest, match="holds other files"):
        made(tmp_path, pack)


def test_files_of_which_none_can_be_used_are_one_line(tmp_path, capsys):
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "a.glb").write_bytes(b"")
    code = main(["library", str(tmp_path / "pack"), "-o", str(tmp_path / "lib"), "--workers", "1"])
    error = capsys.readouterr().err
    assert code == 2 and "error: none of 1 files can be used; pack/a.glb: it is cut off" in error
    assert not (tmp_path / "lib").exists(), "a refused build leaves nothing"


def test_a_refused_build_leaves_a_folder_of_yours_as_it_was(tmp_path):
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "a.glb").write_bytes(b"")
    (tmp_path / "lib").mkdir()
    arguments = [str(tmp_path / "pack"), "-o", str(tmp_path / "lib"), "--workers", "1"]
    assert main(["library", *arguments]) == 2
    assert list((tmp_path / "lib").iterdir()) == []


@pytest.mark.parametrize("arguments", [["library"], ["library", "gone", "-o", "lib"]])
def test_wrong_use_is_exit_code_2_and_one_line(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 2 and "Traceback" not in error


@pytest.mark.parametrize(
    "text",
    [
        None,
        "{",
        "[]",
        '{"format": "other"}',
        '{"format": "att3d-library", "version": 99}',
        '{"format": "att3d-library", "version": 1, "models": [{}], "left_out": []}',
        '{"format": "att3d-library", "version": 1, "models": 3, "left_out": []}',
        '{"format": "att3d-library", "version": 1, "models": ["a"], "left_out": []}',
        '{"format": "att3d-library", "version": 1, "models": [], "left_out": []}',
        '{"format": "att3d-library", "version": 1, "models": [], "left_out": [1]}',
        '{"format": "att3d-library", "version": 1, "models": [], "left_out": [], "options": [3]}',
    ],
)
def test_a_library_that_is_none_is_one_line(tmp_path, text):
    if text is not None:
        (tmp_path / storage.INDEX).write_text(text)
    with pytest.raises(BadRequest):
        read_index(tmp_path)


def test_a_damaged_model_says_which_and_what_to_do(tmp_path, pack):
    key = made(tmp_path, pack).entries[0].key
    path = storage.model_path(tmp_path / "lib", key)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(BadRequest, match=key):
        read_model(tmp_path / "lib", key)


def test_models_of_the_packs_become_a_library(tmp_path):
    chosen = [
        "kaykit-dungeon/banner_patternA_blue.glb",
        "kaykit-hexagon/barrel.gltf",
        "quaternius-rpg-items/Book3_Closed.glb",
    ]
    found = [packs() / name for name in chosen]
    index = made(tmp_path, *found)
    assert [e.prompt for e in index.entries] == [
        "a banner pattern a blue",
        "a barrel",
        "a book closed",
    ]
    assert not index.left_out and index.entries[0].warnings == ["mostly sheets, 4.0 cm thick"]


def test_a_table_names_sizes_turns_and_leaves_out(tmp_path, pack):
    table = tmp_path / "models.tsv"
    table.write_text(
        "# model\tcaption\talso\tmetres\tkind\tyaw\n"
        "pack/RedChair_{n}\ta stool, kind {n}\ta seat\t0.9\tfurniture\t90\n"
        "pack/Table\t-\tdull\n"
    )
    write_box(pack / "Lamp.glb")
    index = made(tmp_path, pack, table=table)
    assert [entry.prompt for entry in index.entries] == ["a stool, kind 1", "a stool, kind 2"]
    stool = index.entries[0]
    assert stool.captions == ["a stool, kind 1", "a seat"]
    assert (stool.metres, stool.kind) == (0.9, "furniture")
    assert reasons(index) == {
        "pack/Table.obj": "dull",
        "pack/Lamp.glb": "no row of the table names it",
    }
    turned = read_model(tmp_path / "lib", stool.key).mesh.vertices
    plain = read_model(tmp_path / "other", _plain_key(tmp_path, pack)).mesh.vertices
    assert np.ptp(turned, axis=0) == pytest.approx(np.ptp(plain, axis=0)[[1, 0, 2]], abs=1e-5)


def _plain_key(tmp_path, pack):
    options = LibraryOptions(inputs=(pack,), output=tmp_path / "other", workers=1)
    return next(e.key for e in build(options).entries if e.source == "pack/RedChair_1.glb")


@pytest.mark.parametrize(
    "content",
    [
        None,
        "pack/a\ta thing\n",
        "\xff",
        "pack/a\ta thing\t\tnan\tx\t0\n",
        "pack/a\ta thing\t\t-1\tx\t0\n",
        "pack/a\ta thing\t\t1\tx\tinf\n",
        "pack/a\ta {color} thing\t\t1\tx\t0\n",
        "pack/a_{color}\ta {Color} thing\t\t1\tx\t0\n",
        "pack/a_{n}\ta { thing\t\t1\tx\t0\n",
        "pack/a_{n}_{n}\ta thing\t\t1\tx\t0\n",
    ],
)
def test_a_table_that_cannot_be_read_is_refused_before_any_work(tmp_path, pack, content):
    table = tmp_path / "models.tsv"
    if content is not None:
        table.write_bytes(content.encode("latin-1"))
    with pytest.raises(BadRequest, match=r"models\.tsv"):
        made(tmp_path, pack, table=table)
    assert not (tmp_path / "lib").exists()
