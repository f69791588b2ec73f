"""Libraries, inputs and options that no library has: one clear line, before any work."""

import json
import os
import shutil
import zipfile

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from backend.protocol.errors import BadRequest, OutputError
from tests.training.library.models import write_box
from training.library import storage
from training.library.build import LibraryOptions, build
from training.library.sources import unpack
from training.library.storage import read_index, read_model

POSIX = pytest.mark.skipif(os.name == "nt", reason="no pipes among its files")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder with a model, ``pack``, and the library ``lib`` of it."""
    root = tmp_path_factory.mktemp("whole")
    write_box(root / "pack" / "Table.glb")
    made(root, root / "pack")
    return root


@pytest.fixture
def place(whole, tmp_path):
    """A copy of both."""
    return shutil.copytree(whole, tmp_path / "place")


def made(place, *inputs, **options):
    return build(LibraryOptions(inputs=inputs, output=place / "lib", workers=1, **options))


def nothing_is_read(monkeypatch):
    def refuse(*_):
        raise AssertionError("a source was read")

    monkeypatch.setattr("training.library.build._read_all", refuse)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prompt", ""),
        ("prompt", None),
        ("captions", []),
        ("captions", [3]),
        ("captions", "a table"),
        ("key", "../../other"),
        ("key", 3),
        ("scale", 0),
        ("scale", "large"),
        ("size", -1),
        ("size", float("nan")),
        ("metres", float("nan")),
        ("metres", -1),
        ("faces", 0.5),
        ("kind", 5),
        ("warnings", [[]]),
    ],
)
def test_a_row_of_another_type_or_out_of_range_is_one_line(place, field, value):
    path = place / "lib" / storage.INDEX
    index = json.loads(path.read_text())
    index["models"][0][field] = value
    path.write_text(json.dumps(index))
    with pytest.raises(BadRequest, match=r"library\.json is damaged") as info:
        read_index(place / "lib")
    assert "\n" not in info.value.message


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("faces", lambda faces: faces + 10_000),
        ("faces", lambda faces: faces[:, :2]),
        ("vertices", lambda vertices: vertices * np.float32(np.nan)),
        ("side", lambda side: side[:-1]),
        ("side", lambda side: side * 0),
        ("kinds", lambda kinds: kinds[:-1]),
        ("texels", lambda texels: texels[:-1]),
        ("blocks", lambda blocks: blocks + 10_000),
        ("color", lambda color: color[:-1]),
    ],
)
def test_a_model_whose_parts_do_not_belong_together_is_damaged(place, name, change):
    key = read_index(place / "lib").entries[0].key
    path = storage.model_path(place / "lib", key)
    tensors = load_file(path)
    tensors[name] = np.ascontiguousarray(change(tensors[name]))
    save_file(tensors, path)
    with pytest.raises(BadRequest, match=rf"{key}.* is missing or damaged"):
        read_model(place / "lib", key)


@POSIX
def test_a_model_that_is_a_pipe_is_one_line(place):
    key = read_index(place / "lib").entries[0].key
    path = storage.model_path(place / "lib", key)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(BadRequest, match="not a regular file"):
        read_model(place / "lib", key)


@POSIX
@pytest.mark.parametrize("name", [storage.INDEX, storage.PROGRESS, "table.csv", "sheet.png"])
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_stands_where_a_library_is_written_is_said_before_any_work(
    place, name, make, monkeypatch
):
    nothing_is_read(monkeypatch)
    (place / "lib" / name).unlink(missing_ok=True)
    make(place / "lib" / name)
    with pytest.raises(OutputError, match=name):
        made(place, place / "pack")


@POSIX
@pytest.mark.parametrize("name", ["model.glb", "pack.zip"])
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.symlink("/dev/zero", path)])
def test_an_input_that_never_ends_is_refused(tmp_path, name, make):
    make(tmp_path / name)
    with pytest.raises(BadRequest, match="not a regular file"):
        made(tmp_path, tmp_path / name)
    assert not (tmp_path / "lib").exists()


def test_hostile_lines_of_the_journal_are_read_anew(place):
    before = read_index(place / "lib").entries
    journal = place / "lib" / storage.PROGRESS
    source = json.loads(journal.read_text().splitlines()[0])["source"]
    lines = ["[" * 5000, "null", "3", "[]", '{"source": [], "models": []}']
    lines += [json.dumps({"source": source, "models": models}) for models in (3, ["x"], [{}])]
    journal.write_bytes("\n".join(lines).encode() + b"\n\xff\n")
    assert made(place, place / "pack").entries == before


def spoil(path):
    """Change bytes of the packed data: the directory of the zip stays whole."""
    data = bytearray(path.read_bytes())
    data[60:160] = bytes(range(100, 200))
    path.write_bytes(data)


@pytest.mark.parametrize("kind", ["damaged data", "a name too long", "a file that is a folder too"])
def test_a_zip_that_cannot_be_unpacked_is_left_out_with_the_reason(tmp_path, kind):
    path = tmp_path / "pack.zip"
    names = {"a name too long": ["x" * 300 + ".glb"], "a file that is a folder too": ["a/b", "a"]}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names.get(kind, ["a.glb"]):
            archive.writestr(name, "once upon a time " * 500)
    if kind == "damaged data":
        spoil(path)
    assert unpack(path, tmp_path / "unpacked").startswith(("it is no zip", "it cannot be unpacked"))


@pytest.mark.parametrize("template", ["x" * 2000 + "{}", "{}" * 1000])
def test_a_template_that_makes_no_prompt_is_refused_before_any_work(
    whole, tmp_path, template, monkeypatch
):
    nothing_is_read(monkeypatch)
    with pytest.raises(BadRequest, match="--template cannot make a prompt"):
        made(tmp_path, whole / "pack", template=template)
    assert not (tmp_path / "lib").exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("long.csv", "Table.glb," + "a" * 200_000),
        ("long.json", json.dumps({"Table.glb": "a" * 2001})),
        ("yaw.csv", "a" * 200_000 + ",90"),
    ],
)
def test_captions_and_yaws_of_no_sane_length_are_one_line(whole, tmp_path, name, content):
    (tmp_path / name).write_text(content)
    options = {"captions": tmp_path / name}
    if name == "yaw.csv":
        options = {"yaw": (str(tmp_path / name),)}
    with pytest.raises(BadRequest, match=name) as info:
        made(tmp_path, whole / "pack", **options)
    assert len(info.value.message) < 400
    assert not (tmp_path / "lib").exists()


def test_captions_are_what_a_prompt_will_be(place):
    said = "Table.glb,a  ta\N{COMBINING DIAERESIS}ble\x1b[31m\u202e\n"
    (place / "mine.csv").write_text(said, encoding="utf-8")
    index = made(place, place / "pack", captions=place / "mine.csv")
    assert [entry.prompt for entry in index.entries] == ["a t\xe4ble\ufffd[31m\ufffd"]
