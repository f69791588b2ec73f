"""Where results go and what can be printed: refused before any work, or never in the way of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend import cli
from backend.commands import doctor
from backend.commands.names import output_paths
from backend.export.formats import check_output
from backend.paths import cache_dir
from backend.prompts.chain import check_chain
from backend.protocol.errors import BadRequest, OutputError

ROOT = Path(__file__).resolve().parents[2]
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX files and streams")


@pytest.mark.parametrize("output", ["", ".glb", "there/.glb"])
def test_a_name_that_is_only_an_ending_is_refused(output: str) -> None:
    with pytest.raises(BadRequest, match="no name before its ending") as caught:
        output_paths(output, ["a pig"], ".glb")
    assert "object.glb" in caught.value.remedy


@pytest.mark.parametrize("output", ["", ".glb", ".png"])
@pytest.mark.parametrize("command", [["interpolate", "a pig", "a lion"], ["render", "a pig"]])
def test_every_command_refuses_it(
    command: list[str], output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*command, "-o", output]) == 2
    assert "no name before its ending" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["generate"], ["interpolate", "a lion"], ["render"]])
def test_a_home_folder_of_nobody_is_refused(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*command, "a pig", "-o", "~nobody-of-this-name/x.glb"]) == 2
    assert "no home folder" in capsys.readouterr().err


def test_a_hidden_folder_is_a_folder() -> None:
    assert output_paths(".new/", ["a pig"], ".glb") == [Path(".new/a-pig.glb")]


@posix
def test_what_cannot_be_replaced_is_refused_before_any_work(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.glb")
    (tmp_path / "kept.glb").touch(mode=0o444)
    (tmp_path / "loop.glb").symlink_to("loop.glb")
    (tmp_path / "device.glb").symlink_to(os.devnull)
    (tmp_path / "link.glb").symlink_to("elsewhere.glb")
    refused = {
        "pipe.glb": "not a regular file",
        "kept.glb": "read-only",
        "loop.glb": "circle",
        "device.glb": "not a regular file",
        f"{'豚' * 84}.glb": "256 bytes",
    }
    for name, says in refused.items():
        with pytest.raises(OutputError, match=says):
            check_output(tmp_path / name)
    check_output(tmp_path / "link.glb")
    check_output(tmp_path / f"{'豚' * 83}.glb")


@posix
def test_a_read_only_file_beside_is_refused_before_the_model_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "pig.mtl").touch(mode=0o444)
    absent = tmp_path / "no.safetensors"
    done = subprocess.run(
        [sys.executable, "-m", "backend", "generate", "a pig", "-o", str(tmp_path / "pig.obj"),
         "--checkpoint", str(absent)],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 2
    assert "pig.mtl: it is read-only" in done.stderr and str(absent) not in done.stderr


@pytest.mark.parametrize("other", ["A PIG.", "a  pig!", "a pig's", "A P\u00cdG"])
def test_what_reads_the_same_is_the_same_prompt(other: str) -> None:
    with pytest.raises(BadRequest, match="are equal"):
        check_chain(["a pig", other])


@posix
def test_a_cache_is_found_or_done_without(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ATT3D_CACHE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    usual = "Library/Caches" if sys.platform == "darwin" else ".cache"
    for named in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", named)
        assert cache_dir() == tmp_path / usual / "att3d"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_dir() == tmp_path / "xdg" / "att3d"
    monkeypatch.delenv("XDG_CACHE_HOME")

    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nobody)
    assert cache_dir().is_absolute()
    monkeypatch.setenv("ATT3D_CACHE", "/somewhere")
    assert cache_dir() == Path("/somewhere")


def test_the_remedy_for_a_cache_is_a_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ATT3D_CACHE", str(tmp_path / "file" / "cache"))
    (found,) = doctor._disk()
    assert (found.what, found.status) == ("cache", "optional")
    assert str(tmp_path / "file" / "cache") in found.detail
    assert found.remedy == "set ATT3D_CACHE to a folder that you may write to"


@posix
@pytest.mark.parametrize(
    "command",
    [
        *(f"backend {name}" for name in ("checkpoints", "info", "doctor", "generate pig -o x.glb")),
        *(f"training {name}" for name in ("--help", "prompts pig64", "train --preset toybox-tiny")),
    ],
)
def test_a_current_folder_that_was_deleted_is_said(command: str, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    done = subprocess.run(
        ["/bin/sh", "-c", f'rmdir "$PWD" && exec "{sys.executable}" -m {command}'],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        cwd=gone,
    )
    assert done.returncode == 2
    error, remedy = done.stderr.splitlines()
    assert error == "error: the current folder does not exist any more"
    assert "cd" in remedy


@posix
@pytest.mark.parametrize("closed", [">&-", "<&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("module", ["backend", "backend.cli"])
def test_serving_needs_both_pipes(module: str, closed: str) -> None:
    line = f'"{sys.executable}" -m {module} serve {closed}'
    done = subprocess.run(["/bin/sh", "-c", line], cwd=ROOT, capture_output=True)
    assert done.returncode == 2
    if "2>&-" not in closed:
        assert b"stdin and stdout" in done.stderr and b"Traceback" not in done.stderr


@posix
@pytest.mark.parametrize("closed", ["2>&-", ">&-", ">&- 2>&-", "<&-"])
def test_training_needs_no_streams(closed: str) -> None:
    line = f'"{sys.executable}" -m training prompts pig64 {closed}'
    assert subprocess.run(["/bin/sh", "-c", line], cwd=ROOT, capture_output=True).returncode == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_training_says_that_a_device_is_full() -> None:
    line = f'"{sys.executable}" -m training prompts pig64 > /dev/full'
    done = subprocess.run(["/bin/sh", "-c", line], cwd=ROOT, capture_output=True)
    assert done.returncode == 1
    assert b"the disk is full" in done.stderr.lower() and b"Traceback" not in done.stderr


@posix
def test_training_prints_what_a_terminal_cannot_show(tmp_path: Path) -> None:
    file = tmp_path / "prompts.txt"
    file.write_text("ein M\u00e4dchen \u8c5a\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "training", "prompts", str(file)],
        cwd=ROOT, capture_output=True, env=os.environ | {"PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert b"ein M\\xe4dchen \\u8c5a" in done.stdout


@posix
@pytest.mark.parametrize(
    "command", ["backend checkpoints", "backend.cli checkpoints", "training prompts"]
)
def test_letters_of_every_script_are_heard_in_a_locale_of_ascii(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command.split(), "M\u00e4dchen \u8c5a"],
        cwd=ROOT, capture_output=True, env=os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0"},
    )  # fmt: skip
    assert done.returncode == 2
    assert "M\u00e4dchen \u8c5a" in done.stderr.decode("utf-8")


def listing(shell: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """``att3d checkpoints`` of a folder with an odd name, in a shell."""
    line = f'"{sys.executable}" -m backend {shell}'
    return subprocess.run(
        ["/bin/sh", "-c", line],
        capture_output=True,
        env=os.environ | environment,
        cwd=ROOT,
    )


@posix
@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_what_cannot_be_shown_becomes_an_escape(tmp_path: Path, encoding: str) -> None:
    folder = tmp_path / "\u8c5a"
    folder.mkdir()
    (folder / "a.safetensors").touch()
    done = listing(f'checkpoints "{folder}"', PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    assert done.returncode == 0, done.stderr
    shown = "\u8c5a" if encoding == "utf-8" else "\\u8c5a"
    assert shown.encode() in done.stdout
    refused = listing(f'checkpoints "{folder}x"', PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    assert refused.returncode == 2


@posix
@pytest.mark.parametrize(("closed", "code"), [("2>&-", 0), (">&-", 0), (">&- 2>&-", 0)])
def test_streams_that_are_not_there_swallow_what_is_printed(closed: str, code: int) -> None:
    assert listing(f"checkpoints {closed}").returncode == code
    assert listing(f"checkpoints /nowhere {closed}").returncode == 2


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_device_is_said() -> None:
    done = listing("checkpoints --json > /dev/full")
    assert done.returncode == 2
    assert b"the disk is full" in done.stderr.lower()
    assert b"Traceback" not in done.stderr
