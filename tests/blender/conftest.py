"""Runs the checks in ``inside/`` once for each Blender, and hands each its result.

``pytest tests/blender --blender 4.5 --blender 5.2`` (or ``ATT3D_BLENDERS="4.5 5.2" pytest``)
chooses the versions; without it, 4.5, and 5.2 where it is set up. ``scripts/setup_blenders.py``
sets them up.
"""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INSIDE = Path(__file__).parent / "inside"
sys.path.insert(0, str(ROOT / "scripts"))

from build_extension import build  # noqa: E402
from setup_blenders import BLENDERS, installed  # noqa: E402

SEQUENCES = 100
"""Random ones, of what people and machines do."""
SECONDS = 3600
"""For all checks in one Blender, on a machine that is busy with something else."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--blender", action="append", metavar="VERSION", help=f"one of {', '.join(BLENDERS)}"
    )


def versions(config: pytest.Config) -> list[str]:
    """The versions asked for, else those that are always tested here."""
    named = config.getoption("--blender", default=None) or os.environ.get("ATT3D_BLENDERS", "")
    chosen = " ".join([named] if isinstance(named, str) else named).replace(",", " ").split()
    if unknown := set(chosen) - set(BLENDERS):
        raise pytest.UsageError(f"--blender {unknown.pop()}: not one of {', '.join(BLENDERS)}")
    if chosen:
        return chosen
    return ["4.5", *(["5.2"] if installed("5.2") is not None else [])]


def seeds(config: pytest.Config, version: str) -> list[int]:
    """Of the random sequences for one Blender.

    Those that are always tested share them; one that was asked for gets all.
    """
    together = versions(config) if not config.getoption("--blender", default=None) else [version]
    return list(range(SEQUENCES))[together.index(version) :: len(together)]


def checks() -> list[str]:
    """The names of all checks, without importing what needs bpy."""
    found = []
    for path in sorted(INSIDE.glob("checks_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("check_"):
                found.append(f"{path.stem}::{node.name}")
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "blender" in metafunc.fixturenames:
        metafunc.parametrize("blender", versions(metafunc.config), scope="session")
    if "check" in metafunc.fixturenames:
        metafunc.parametrize("check", checks())


@dataclass
class Report:
    """What one Blender said."""

    about: dict[str, str]
    results: dict[str, dict]
    left_running: int | None
    code: int
    output: str


@pytest.fixture(scope="session")
def extension(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip, built and validated by Blender's own tool."""
    return build(tmp_path_factory.mktemp("extension") / "att3d.zip")


@pytest.fixture(scope="session")
def bpy_python(blender: str) -> Path:
    """The Python of this version's bpy."""
    python = installed(blender)
    if python is None:
        pytest.fail(f"Blender {blender} is not set up: python scripts/setup_blenders.py {blender}")
    return python


@pytest.fixture(scope="session")
def report(
    blender: str,
    bpy_python: Path,
    extension: Path,
    tiny_checkpoint_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Report:
    """All checks, run in one process of this Blender with a profile of its own.

    Profile, extension, checkpoint and all files are in a folder whose name is no easy one.
    """
    folder = tmp_path_factory.mktemp("blender") / "Käthe's home 家"
    folder.mkdir()
    wanted = {
        item.callspec.params["check"]
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and hasattr(item, "callspec")
        and "check" in item.callspec.params
    }
    done = run_job(
        bpy_python,
        folder,
        "run.py",
        zip=str(extension),
        checkpoint=str(tiny_checkpoint_path),
        report=str(folder / "report.jsonl"),
        checks=[name for name in checks() if name in wanted],
        seeds=seeds(request.config, blender),
    )
    lines = [json.loads(line) for line in (folder / "report.jsonl").read_text().splitlines()]
    pid = next((line["left_running"] for line in lines if "left_running" in line), None)
    return Report(
        about=lines[0] if lines else {},
        results={line["check"]: line for line in lines if "check" in line},
        left_running=pid,
        code=done.returncode,
        output=done.stdout,
    )


def run_job(
    python: Path, folder: Path, script: str, seconds: float = SECONDS, **job: object
) -> subprocess.CompletedProcess[str]:
    """Run a script of ``inside/`` in Blender's Python; it reads ``job.json`` in ``folder``."""
    job = {"python": sys.executable, "folder": str(folder), **job}
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    arguments = (str(INSIDE / script), str(folder / "job.json"))
    return run_blender(python, folder, *arguments, seconds=seconds)


def run_blender(
    python: Path, folder: Path, *arguments: str, seconds: float = SECONDS
) -> subprocess.CompletedProcess[str]:
    """Run a script in Blender's Python, with settings that live in ``folder``."""
    process = subprocess.Popen(
        [str(python), *arguments],
        env=os.environ
        | {
            "BLENDER_USER_RESOURCES": str(folder / "profile"),
            "XDG_DATA_HOME": str(folder / "data"),
            "TMPDIR": str(folder),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        output += f"\nstopped after {seconds} s"
    return subprocess.CompletedProcess(arguments, process.returncode, output)


def ended(pid: int, seconds: float = 120.0) -> bool:
    """Whether a process is gone, waiting a little for it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False
