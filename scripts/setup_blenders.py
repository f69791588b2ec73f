"""One environment for each Blender that the add-on is tested in: ``.venvs/bpy-<version>/``.

Blender is published as a Python module (``bpy``), each version for one version of Python. A
finished environment holds a file that names what is in it; one without that file is built again,
so an interrupted download never leaves half an environment behind. Running this twice does nothing.

    python scripts/setup_blenders.py             every version
    python scripts/setup_blenders.py 4.5 5.2     only these
    python scripts/setup_blenders.py --where-possible 4.5 5.2
                                                 a missing Python is said, and is no failure
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = ROOT / ".venvs"
FINISHED = "att3d-bpy.txt"


@dataclass(frozen=True)
class Blender:
    """One tested version of Blender."""

    version: str
    """The two numbers that a user knows it by."""
    requirement: str
    """What pip installs."""
    python: tuple[int, int]
    """The version of Python that this bpy was built for."""


BLENDERS = {
    blender.version: blender
    for blender in (
        Blender("4.2", "bpy==4.2.0", (3, 11)),
        Blender("4.5", "bpy==4.5.15", (3, 11)),
        Blender("5.0", "bpy==5.0.1", (3, 11)),
        Blender("5.1", "bpy==5.1.2", (3, 13)),
        Blender("5.2", "bpy~=5.2.0", (3, 13)),
    )
}


class SetupFailed(Exception):
    """Why an environment could not be made, with what to do about it."""


class NoPython(SetupFailed):
    """This machine does not have the version of Python that a Blender needs."""


def find_python(version: tuple[int, int]) -> Path | None:
    """An interpreter of exactly this version: this one, on PATH, or installed by pyenv."""
    name = f"python{version[0]}.{version[1]}"
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    on_path = shutil.which(name)
    candidates = [
        Path(sys.executable),
        *([Path(on_path)] if on_path else []),
        *sorted(pyenv.glob(f"{version[0]}.{version[1]}.*/bin/{name}"), reverse=True),
    ]
    return next((path for path in candidates if _runs(path, version)), None)


def _runs(python: Path, version: tuple[int, int]) -> bool:
    """Whether this file starts and is that version (a pyenv shim may exist and yet not start)."""
    ask = "import sys; print(sys.version_info.major, sys.version_info.minor)"
    try:
        answer = subprocess.run(
            [str(python), "-I", "-c", ask], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and answer.stdout.split() == [str(part) for part in version]


def environment_python(folder: Path) -> Path:
    """The interpreter inside a virtual environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def installed(version: str) -> Path | None:
    """The interpreter that can import this version's bpy, or None when it is not set up yet.

    The development environment already has one bpy; it counts for its own version.
    """
    folder = ENVIRONMENTS / f"bpy-{version}"
    if (folder / FINISHED).is_file():
        return environment_python(folder)
    for site in (ROOT / ".venv").glob("lib/python*/site-packages"):
        if any(site.glob(f"bpy-{version}.*.dist-info")):
            return environment_python(ROOT / ".venv")
    return None


def set_up(version: str) -> Path:
    """Make the environment of one version if it is not there, and return its interpreter.

    Raises:
        NoPython: there is no matching Python here.
        SetupFailed: pip failed; the message has its last lines.
    """
    if (ready := installed(version)) is not None:
        return ready
    blender = BLENDERS[version]
    number = ".".join(str(part) for part in blender.python)
    base = find_python(blender.python)
    if base is None:
        raise NoPython(
            f"Blender {version} needs Python {number}, which is not on this machine. "
            f"Install it (for example: pyenv install {number}) and run this again."
        )
    folder = ENVIRONMENTS / f"bpy-{version}"
    shutil.rmtree(folder, ignore_errors=True)
    run_or_fail([str(base), "-m", "venv", str(folder)], f"making {folder.name}")
    python = environment_python(folder)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run_or_fail(
        [*pip, "--only-binary=:all:", blender.requirement], f"installing {blender.requirement}"
    )
    (folder / FINISHED).write_text(f"{blender.requirement}\n", encoding="utf-8")
    return python


def run_or_fail(command: list[str], what: str) -> None:
    """Run a command that says nothing where it works.

    Raises:
        SetupFailed: what failed, and the last lines of what it said.
    """
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        tail = "\n".join(done.stdout.strip().splitlines()[-5:])
        raise SetupFailed(f"{what} failed (exit code {done.returncode}):\n{tail}")


def main(arguments: list[str] | None = None) -> int:
    """Set up the versions asked for. Exit code 2 when one of them could not be."""
    parser = argparse.ArgumentParser(description="Set up the Blender versions that are tested.")
    parser.add_argument("versions", nargs="*", metavar="VERSION", help=", ".join(BLENDERS))
    parser.add_argument(
        "--where-possible", action="store_true", help="go without a version whose Python is missing"
    )
    options = parser.parse_args(arguments)
    versions = options.versions or list(BLENDERS)
    if unknown := [version for version in versions if version not in BLENDERS]:
        parser.error(f"unknown version {unknown[0]}; choose from {', '.join(BLENDERS)}")
    failed = False
    for version in versions:
        try:
            print(f"Blender {version}: {set_up(version)}", flush=True)
        except SetupFailed as error:
            failed = failed or not (options.where_possible and isinstance(error, NoPython))
            print(f"Blender {version}: NOT SET UP. {error}", file=sys.stderr, flush=True)
    return 2 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
