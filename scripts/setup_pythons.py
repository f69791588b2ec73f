"""One environment for each Python that the backend is tested in: ``.venvs/python-<version>/``.

Each holds numpy, as Blender brings it, and the wheels that the extension carries for that Python
(``extension_wheels.py``), and nothing else: no torch. They stay in the cache of wheels, from which
the suite builds the zip of each Blender. Running this twice does nothing.

    python scripts/setup_pythons.py                     every version
    python scripts/setup_pythons.py 3.13 3.14           only these
    python scripts/setup_pythons.py --where-possible    a missing Python is said, and is no failure
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from build_extension import this_platform
from extension_wheels import PINS, BuildFailed, Generation, Target, gather
from setup_blenders import (
    ENVIRONMENTS,
    NoPython,
    SetupFailed,
    environment_python,
    find_python,
    run_or_fail,
)

PYTHONS = {f"3.{minor}": (3, minor) for minor in (11, 12, 13, 14)}
FINISHED = "att3d-wheels.txt"


def wheels_of(version: tuple[int, int]) -> list[Path]:
    """The wheels that the extension carries for a Python on this system.

    Raises:
        BuildFailed: there are none, or they cannot be downloaded.
    """
    system = this_platform()
    if not system:
        raise BuildFailed("There are no wheels for this system.")
    # Some of these Pythons no Blender has; the wheels are chosen in the same way.
    return gather(Target(system, Generation(version, "4.2.0", "")))


def installed(version: str) -> Path | None:
    """The interpreter with the wheels, or None when it is not set up yet."""
    folder = ENVIRONMENTS / f"python-{version}"
    current = (folder / FINISHED).is_file() and (folder / FINISHED).read_text("utf-8") == _pins()
    return environment_python(folder) if current else None


def set_up(version: str) -> Path:
    """Make the environment of one version if it is not there, and return its interpreter.

    Raises:
        NoPython: there is no matching Python here.
        BuildFailed: there are no wheels for it, or they cannot be downloaded.
        SetupFailed: pip failed; the message has its last lines.
    """
    if (ready := installed(version)) is not None:
        return ready
    base = find_python(PYTHONS[version])
    if base is None:
        raise NoPython(f"There is no Python {version} on this machine: pyenv install {version}")
    wheels = wheels_of(PYTHONS[version])
    folder = ENVIRONMENTS / f"python-{version}"
    shutil.rmtree(folder, ignore_errors=True)
    # Distributions leave pip out of their Pythons; this one's installs into the other.
    run_or_fail([str(base), "-m", "venv", "--without-pip", str(folder)], f"making {folder.name}")
    python = environment_python(folder)
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps"]
    numpy = next(line for line in _pins().splitlines() if line.startswith("numpy=="))
    install = [*pip, "--only-binary=:all:", numpy, *map(str, wheels)]
    run_or_fail(install, f"installing the wheels for Python {version}")
    (folder / FINISHED).write_text(_pins(), encoding="utf-8")
    return python


def _pins() -> str:
    return PINS.read_text(encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Set up the versions asked for. Exit code 2 when one of them could not be."""
    parser = argparse.ArgumentParser(description="Set up the Pythons that the backend is tested in")
    parser.add_argument("versions", nargs="*", metavar="VERSION", help=", ".join(PYTHONS))
    parser.add_argument(
        "--where-possible", action="store_true", help="go without a version that is missing"
    )
    options = parser.parse_args(arguments)
    if unknown := [version for version in options.versions if version not in PYTHONS]:
        parser.error(f"unknown version {unknown[0]}; choose from {', '.join(PYTHONS)}")
    failed = False
    for version in options.versions or PYTHONS:
        try:
            print(f"Python {version}: {set_up(version)}", flush=True)
        except (SetupFailed, BuildFailed) as error:
            failed = failed or not (options.where_possible and isinstance(error, NoPython))
            print(f"Python {version}: NOT SET UP. {error}", file=sys.stderr, flush=True)
    return 2 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
