"""Writing in one step, and names that every system takes."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.files import (
    NAME_BYTES,
    ascii_stem,
    atomic_write,
    cut,
    expanded,
    file_stem,
    home_folder,
    remove_unfinished,
    replacing,
    write_together,
)

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX files")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_content_is_replaced_and_nothing_is_left_over(tmp_path: Path) -> None:
    path = tmp_path / "a"
    atomic_write(path, b"old")
    atomic_write(path, "Schwein 豚")
    assert path.read_text(encoding="utf-8") == "Schwein 豚"
    assert names(tmp_path) == ["a"]


def test_what_need_not_last_is_not_forced_to_the_disk(tmp_path: Path, monkeypatch) -> None:
    """It appears whole or not at all all the same."""
    forced: list[int] = []
    monkeypatch.setattr(os, "fsync", forced.append)
    path = tmp_path / "a.txt"
    for durable in (False, True):
        with replacing(path, durable=durable) as unfinished:
            unfinished.write_text(f"{durable}")
        assert path.read_text() == f"{durable}" and list(tmp_path.iterdir()) == [path]
        assert bool(forced) == durable
        with pytest.raises(ValueError, match="no"), replacing(path, durable=durable) as unfinished:
            raise ValueError("no")
        assert list(tmp_path.iterdir()) == [path]


def test_what_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a"
    atomic_write(path, b"old")
    with pytest.raises(IsADirectoryError), replacing(path) as unfinished:
        unfinished.write_bytes(b"half") and tmp_path.write_bytes(b"")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_of_several_files_none_changes_when_one_cannot(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    with pytest.raises(IsADirectoryError):
        write_together({tmp_path / "a": b"1", tmp_path / "b": b"2"})
    assert names(tmp_path) == ["b"]


@pytest.mark.parametrize("name", ["a" * NAME_BYTES, "豚" * (NAME_BYTES // 3)])
def test_the_longest_name_can_be_written(tmp_path: Path, name: str) -> None:
    atomic_write(tmp_path / name, b"1")
    assert names(tmp_path) == [name]


def test_a_longer_name_is_refused_before_the_disk_is_asked(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="258 bytes") as caught:
        atomic_write(tmp_path / ("豚" * 86), b"1")
    assert caught.value.errno == errno.ENAMETOOLONG


@posix
def test_a_link_stays_and_what_it_names_changes(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "a", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to("real/a")
    atomic_write(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    dangling = tmp_path / "dangling"
    dangling.symlink_to("real/b")
    atomic_write(dangling, b"2")
    assert (tmp_path / "real" / "b").read_bytes() == b"2"


@posix
def test_a_circle_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="circle"):
        atomic_write(tmp_path / "a", b"")


@posix
def test_pipes_and_read_only_files_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        atomic_write(tmp_path / "pipe", b"")
    kept = tmp_path / "kept"
    kept.write_bytes(b"mine")
    kept.chmod(0o444)
    with pytest.raises(PermissionError, match="read-only"):
        atomic_write(kept, b"")
    assert kept.read_bytes() == b"mine"


@posix
def test_permissions_are_those_of_the_old_file_or_of_any_new_one(tmp_path: Path) -> None:
    private, new, usual = tmp_path / "private", tmp_path / "new", tmp_path / "usual"
    private.touch(mode=0o600)
    atomic_write(private, b"")
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    usual.touch()
    with replacing(new) as unfinished:
        unfinished.chmod(0o600)  # as safetensors does
    assert new.stat().st_mode == usual.stat().st_mode


@posix
def test_what_a_killed_process_left_goes_when_nobody_else_writes(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    code = (
        "import os, signal, sys; from pathlib import Path; from backend.files import replacing\n"
        "with replacing(Path(sys.argv[1])) as unfinished:\n"
        "    unfinished.write_bytes(b'half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert len(names(tmp_path)) == 1
    other = tmp_path / ".state.safetensors.mine.part"
    other.touch()
    remove_unfinished(path, older_than=3600)
    assert len(names(tmp_path)) == 2, "another process may still write"
    remove_unfinished(path)
    assert names(tmp_path) == [other.name]


@given(st.text(), st.integers(0, 300))
def test_cut_is_the_longest_beginning_that_fits(text: str, size: int) -> None:
    text = text.encode(errors="ignore").decode()
    short = cut(text, size)
    assert text.startswith(short)
    assert len(short.encode()) <= size
    assert short == text or len(text[: len(short) + 1].encode()) > size


@given(st.text())
def test_stems_are_names_of_one_file(text: str) -> None:
    for stem in (file_stem(text), ascii_stem(text)):
        assert 0 < len(stem.encode(errors="ignore")) <= 100
        assert not set(stem) & set(' /\\:*?"<>|\0\n')
        assert not stem.startswith(".")
    assert ascii_stem(text).isascii()


def test_stems_show_the_text() -> None:
    assert file_stem("A pig, in a tophat!") == "a-pig-in-a-tophat"
    assert file_stem("Schwein 豚") == "schwein-豚"
    assert ascii_stem("Größe 2.5 豚") == "Groe_2.5"
    assert file_stem("!?") == ascii_stem("豚") == "object"


@pytest.mark.parametrize("path", ["~nobody-of-this-name/model.glb", "~"])
def test_a_home_that_there_is_not_leaves_the_path_as_it_is(path, monkeypatch):
    def none(self):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", none)
    assert expanded(path) == Path(path)


def test_a_tilde_is_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("USERPROFILE" if os.name == "nt" else "HOME", str(tmp_path))
    assert expanded("~/model.glb") == tmp_path / "model.glb"
    assert home_folder() == tmp_path
