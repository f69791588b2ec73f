"""The installed extension in real Blenders. The checks themselves are in ``inside/``."""

from __future__ import annotations

import json
import signal
import subprocess
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from backend import VERSION

from .conftest import ROOT, SECONDS, Report, checks, ended, installed, run_job

pytestmark = pytest.mark.timeout(SECONDS + 60)


def test_check(report: Report, check: str) -> None:
    result = report.results.get(check)
    if result is None:
        pytest.fail(f"Blender ended (code {report.code}) before this check:\n{report.output}")
    if result["error"]:
        pytest.fail(f"Blender {report.about['blender']}:\n{result['error']}", pytrace=False)


def test_blender_ends_well_and_takes_the_backend_with_it(report: Report) -> None:
    """Blender does not disable extensions when it quits; the process must end all the same.

    The bpy module of 4.2.0 crashes at its very end once any panel was registered in a viewport,
    with no extension at all: it frees the panel's class after Python has ended.
    """
    crash = report.about.get("blender") == "4.2.0" and report.code == -signal.SIGSEGV
    assert report.code == 0 or crash, report.output
    assert report.left_running is not None, "a backend was running at the end"
    assert ended(report.left_running)


def test_blender_prints_no_traceback_and_no_warning(report: Report) -> None:
    lowered = report.output.lower()
    assert "traceback" not in lowered and "warning: class" not in lowered, report.output
    assert "deprecat" not in lowered, report.output


@dataclass(frozen=True)
class Alone:
    """What ``inside/alone.py`` left."""

    folder: Path
    done: subprocess.CompletedProcess[str]


@pytest.fixture(scope="session")
def alone(
    bpy_python: Path,
    extension: Path,
    tiny_checkpoint_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Alone:
    """A Blender that generated, exported, and was killed while its backend worked."""
    folder = tmp_path_factory.mktemp("alone")
    zip, checkpoint = str(extension), str(tiny_checkpoint_path)
    done = run_job(bpy_python, folder, "alone.py", zip=zip, checkpoint=checkpoint)
    return Alone(folder, done)


def test_killing_blender_ends_the_working_backend(alone: Alone) -> None:
    assert alone.done.returncode == -signal.SIGKILL, alone.done.stdout
    assert ended(int((alone.folder / "pid").read_text()))


def test_glb_export_has_the_texture_and_the_prompt(alone: Alone) -> None:
    """In a process of its own: 4.2.0 crashes when it quits after any glTF export."""
    assert (alone.folder / "toy.glb").is_file(), alone.done.stdout
    data = (alone.folder / "toy.glb").read_bytes()
    header = json.loads(data[20 : 20 + int.from_bytes(data[12:16], "little")])
    assert len(header["images"]) == 1
    assert header["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"]["index"] == 0
    assert header["nodes"][0]["extras"]["att3d_prompt"] == "a pig wearing a tophat"


def test_zip_holds_what_the_extension_needs_and_nothing_else(extension: Path) -> None:
    names = zipfile.ZipFile(extension).namelist()
    assert {"blender_manifest.toml", "__init__.py", "LICENSE"} <= set(names)
    assert {name.split("/")[0] for name in names if "/" in name} <= {
        "blender_addon",
        "backend",
        "checkpoints",
    }
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]
    tracked = subprocess.run(
        ["git", "ls-files", "backend", "blender_addon"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert not [name for name in tracked if name.endswith(".py") and name not in names]


def test_manifest_and_project_say_the_same_version() -> None:
    manifest = tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert manifest["version"] == project["version"]
    assert VERSION == project["version"]


def test_newest_blender_is_tested_here() -> None:
    """Its Python is newer than the backend's: the two must stay apart."""
    if installed("5.2") is None:
        pytest.skip("Blender 5.2 is NOT tested here: python scripts/setup_blenders.py 5.2 says why")


def test_there_are_checks() -> None:
    assert len(checks()) > 30
