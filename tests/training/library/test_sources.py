"""Which files a library is made of, and which it refuses."""

import os
import stat
import sys
import zipfile
from pathlib import Path

import pytest

from backend.protocol.errors import BadRequest
from tests.training.library.models import write_box
from training.assets.library import short_licence
from training.library import sources
from training.library.sources import find


def names(found):
    return [source.name for source in found.sources]


def test_files_folders_and_zips_are_found_in_a_fixed_order(tmp_path):
    pack = tmp_path / "pack"
    for name in ("b.glb", "in/a.ply", "A.STL"):
        write_box(pack / name.lower()).rename(pack / name)
    (pack / "readme.txt").write_text("no model")
    with zipfile.ZipFile(pack / "more.zip", "w") as archive:
        archive.write(pack / "b.glb", "deep/c.glb")
    single = write_box(tmp_path / "single.obj")
    found = find([pack, single], tmp_path / "unpack")
    assert names(found) == [
        "pack/A.STL",
        "pack/b.glb",
        "pack/more.zip/deep/c.glb",
        "pack/in/a.ply",
        "single.obj",
    ]
    assert found.left_out == []


def test_two_inputs_of_one_name_stay_apart(tmp_path):
    for name in ("one", "two"):
        write_box(tmp_path / name / "pack" / "chair.glb")
    found = find([tmp_path / "one" / "pack", tmp_path / "two" / "pack"], tmp_path / "unpack")
    assert names(found) == ["pack/chair.glb", "pack_2/chair.glb"]


@pytest.mark.skipif(sys.platform != "linux", reason="file names are Unicode")
def test_names_that_are_no_unicode_stay_apart_and_can_be_written(tmp_path):
    for byte in (b"\xfe", b"\xff"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + byte + b".glb")).write_bytes(b"model")
    names = [source.name for source in find([tmp_path], tmp_path / "out").sources]
    assert names == [f"{tmp_path.name}/\\xfe.glb", f"{tmp_path.name}/\\xff.glb"]


def test_links_in_a_circle_end(tmp_path):
    write_box(tmp_path / "pack" / "in" / "a.glb")
    (tmp_path / "pack" / "in" / "up").symlink_to(tmp_path / "pack", target_is_directory=True)
    (tmp_path / "pack" / "self.glb").symlink_to(tmp_path / "pack" / "self.glb")
    assert names(find([tmp_path / "pack"], tmp_path / "unpack")) == ["pack/in/a.glb"]


@pytest.mark.parametrize(
    "member", ["../evil.glb", "/evil.glb", "in/../../evil.glb", "..\\evil.glb"]
)
def test_a_zip_that_unpacks_outside_its_folder_is_refused_whole(tmp_path, member):
    archive = tmp_path / "pack.zip"
    model = write_box(tmp_path / "box.glb")
    with zipfile.ZipFile(archive, "w") as opened:
        opened.write(model, "fine.glb")
        opened.writestr(zipfile.ZipInfo(member), model.read_bytes())
    found = find([archive], tmp_path / "deep" / "unpack")
    assert names(found) == []
    assert "outside its folder" in found.left_out[0][1]
    assert not list(tmp_path.rglob("evil.glb")) and not list(tmp_path.rglob("fine.glb"))


def test_a_zip_with_a_link_is_refused(tmp_path):
    info = zipfile.ZipInfo("link.glb")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "pack.zip", "w") as opened:
        opened.writestr(info, "/etc/passwd")
    assert "link" in find([tmp_path / "pack.zip"], tmp_path / "unpack").left_out[0][1]


def test_a_zip_that_explodes_is_refused_before_it_is_unpacked(tmp_path):
    packed = zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED)
    with packed, packed.open("a.stl", "w") as member:
        for _ in range(128):
            member.write(bytes(1 << 20))
    found = find([tmp_path / "bomb.zip"], tmp_path / "unpack")
    assert "explodes" in found.left_out[0][1] and not list((tmp_path / "unpack").rglob("*.stl"))


def test_a_zip_that_says_too_little_of_its_size_is_stopped(tmp_path):
    archive = tmp_path / "liar.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("a.stl", bytes(1 << 20))
    data = archive.read_bytes()
    size = (1 << 20).to_bytes(4, "little")
    archive.write_bytes(data.replace(size, (100).to_bytes(4, "little")))
    found = find([archive], tmp_path / "unpack")
    assert "damaged" in found.left_out[0][1]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 nonsense"])
def test_a_damaged_zip_is_named(tmp_path, content):
    (tmp_path / "pack.zip").write_bytes(content)
    assert "damaged" in find([tmp_path / "pack.zip"], tmp_path / "unpack").left_out[0][1]


def test_a_huge_file_is_left_out_unread(tmp_path, monkeypatch):
    path = tmp_path / "pack" / "huge.stl"
    path.parent.mkdir()
    with path.open("wb") as stream:
        os.truncate(stream.fileno(), 3 << 30)
    found = find([path.parent], tmp_path / "unpack")
    assert found.left_out == [("pack/huge.stl", "it is huge (3.0 GiB); at most 1 GiB is read")]


def test_a_folder_that_cannot_be_read_is_named_and_the_rest_is_read(tmp_path, monkeypatch):
    write_box(tmp_path / "pack" / "a.glb")
    (tmp_path / "pack" / "shut").mkdir()
    whole = os.scandir

    def scandir(path):
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied")
        return whole(path)

    monkeypatch.setattr(sources.os, "scandir", scandir)
    found = find([tmp_path / "pack"], tmp_path / "unpack")
    assert names(found) == ["pack/a.glb"]
    assert found.left_out == [("pack/shut", "the folder cannot be read (Permission denied)")]


@pytest.mark.parametrize("what", ["gone", "empty", "text.txt"])
def test_inputs_without_a_model_are_one_line(tmp_path, what):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").write_text("hello")
    with pytest.raises(BadRequest, match=what):
        find([tmp_path / what], tmp_path / "unpack")


def test_a_licence_below_greetings_is_found(tmp_path):
    greetings = "-" * 60 + "\nModels by Ann\nhttps://example.org/ann\n" * 6
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "a.glb").write_bytes(b"")
    (tmp_path / "pack" / "License.txt").write_text(greetings + "License:\nCC0 1.0 Universal")
    (said,) = find([tmp_path / "pack"], tmp_path / "unpack").licences.values()
    assert short_licence(said) == "CC0-1.0"


def test_the_nearest_licence_file_is_kept(tmp_path):
    write_box(tmp_path / "pack" / "in" / "a.glb")
    (tmp_path / "pack" / "LICENSE.txt").write_text("License:\nCC0")
    assert find([tmp_path / "pack"], tmp_path / "unpack").licences == {"pack": "License: CC0"}
