"""A run's folder: one run at a time, nothing left behind, refused before any work."""

import os
import signal
import subprocess
import sys

import pytest

from backend.protocol.errors import OutputError, TrainingError
from training.runs.folder import locked

HOLD = (
    "import sys; from pathlib import Path; from training.runs.folder import locked\n"
    "with locked(Path(sys.argv[1])):\n"
    "    print('held', flush=True); sys.stdin.read()"
)


def holder(folder):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline().strip() == b"held"
    return process


def test_two_runs_do_not_share_a_folder_and_a_killed_run_gives_it_back(tmp_path):
    process = holder(tmp_path)
    with pytest.raises(TrainingError, match="another run is at work"), locked(tmp_path):
        pass
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with locked(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_was_writing_goes_and_all_else_stays(tmp_path):
    (tmp_path / "sheets").mkdir()
    for name in (".state.safetensors.tmp", "sheets/.000500.png.part"):
        (tmp_path / name).write_bytes(b"half")
    kept = ["state.safetensors", "sheets/000250.png", "holiday.mp4.part", "letter.tmp"]
    for name in kept:
        (tmp_path / name).write_bytes(b"whole")
    with locked(tmp_path):
        files = [p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()]
    assert sorted(set(files) - {".lock"}) == sorted(kept)


def test_a_model_folder_that_was_between_two_renames_is_whole_again(tmp_path):
    (tmp_path / ".model.old").mkdir()
    (tmp_path / ".model.old" / "att3d.json").write_text("{}")
    (tmp_path / ".model.1234abcd").mkdir()
    with locked(tmp_path):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["model"]
    assert (tmp_path / "model" / "att3d.json").exists()


def test_a_file_in_the_folders_place_is_one_line(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(OutputError, match="it is a file"), locked(tmp_path / "run"):
        pass


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="cannot be written"), locked(tmp_path / "run"):
            pass
    finally:
        tmp_path.chmod(0o700)


def test_a_disk_that_takes_no_files_is_one_line(tmp_path, monkeypatch):
    from training.runs import folder

    def read_only(self):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(folder.FileLock, "acquire", read_only)
    with pytest.raises(OutputError, match="Read-only file system"), locked(tmp_path):
        pass


IN_THE_WAY = {
    "a folder": os.mkdir,
    "a pipe": os.mkfifo,
    "a device": lambda path: os.symlink("/dev/zero", path),
    "a circle of links": lambda path: os.symlink(path, path),
    "a read-only file": lambda path: path.touch(0o400),
}


@pytest.mark.skipif(os.name == "nt", reason="no pipes among its files")
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *(("curve.jsonl", kind) for kind in IN_THE_WAY),
        *(("sheets/", kind) for kind in IN_THE_WAY if kind != "a folder"),
    ],
)
def test_what_stands_where_the_run_will_write_is_said_before_any_work(tmp_path, name, kind):
    (tmp_path / "state.safetensors").write_bytes(b"mine")
    IN_THE_WAY[kind](tmp_path / name.rstrip("/"))
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(OutputError, match=name.rstrip("/")) as info, locked(tmp_path, [name]):
        raise AssertionError("the run was started")
    assert "--run" in info.value.remedy
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_what_a_run_wrote_before_is_not_in_the_way(tmp_path):
    (tmp_path / "curve.jsonl").write_text("{}\n")
    (tmp_path / "sheets").mkdir()
    with locked(tmp_path, ["curve.jsonl", "sheets/", "tensorboard/"]):
        pass


def test_folders_that_were_made_for_a_refused_run_go_again(tmp_path):
    with pytest.raises(TrainingError), locked(tmp_path / "runs" / "mine"):
        raise TrainingError("refused")
    assert list(tmp_path.iterdir()) == []


def test_of_several_processes_the_first_holds_the_folder(tmp_path, monkeypatch):
    with locked(tmp_path):
        monkeypatch.setenv("RANK", "1")
        with locked(tmp_path):
            pass
