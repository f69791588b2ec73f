"""Pin what the backend needs: pyproject's ``backend`` extra becomes the extension's list.

The versions are those of this environment, in which the suite has run; the list is complete (every
dependency of a dependency, on every system), so that it can be installed without resolving. New
environments get the listed versions (``scripts/setup.sh``): to take newer ones, upgrade them here,
run the suite, and write the list.

    python scripts/pin_requirements.py            write blender_addon/setup/requirements.txt
    python scripts/pin_requirements.py --check    exit code 1 if it would change
"""

from __future__ import annotations

import argparse
import importlib.metadata
import itertools
import sys
import tomllib
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "blender_addon" / "setup" / "requirements.txt"
SYSTEMS = ("linux", "win32", "darwin")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
ELSEWHERE = {
    # This environment has the numpy that bpy 4.5 wants, which has no wheels for Python 3.13.
    "numpy": "2.3.5",
    "colorama": "0.4.6",  # of click and tqdm, on Windows only, so it is not installed here
    # Not in this Python, which is older.
    "scikit-image": "0.26.0",
}
TORCH = ("torch", "torchvision")
"""Come from an index of their own, with the libraries of the graphics card that they need."""
HEADER = """\
# Written by scripts/pin_requirements.py from pyproject.toml; do not edit.
# Complete: installed with --no-deps. torch and torchvision come from the index of the chosen build.
"""


def pins() -> list[str]:
    """One line for each package, sorted by name: ``name==version`` and perhaps a marker."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [Requirement(text) for text in project["optional-dependencies"]["backend"]]
    # What only some processors have wheels for says so itself.
    own = {
        canonicalize_name(one.name): f"; {one.marker}"
        for one in wanted
        if "platform_machine" in str(one.marker)
    }
    where: dict[str, set[tuple[str, str]]] = {}
    for machine in itertools.product(SYSTEMS, PYTHONS):
        for name in closure(wanted, environment(*machine)):
            where.setdefault(name, set()).add(machine)
    return [
        f"{name}=={version(name)}{own.get(name) or marker(where[name])}" for name in sorted(where)
    ]


def marker(machines: set[tuple[str, str]]) -> str:
    """What says that a package is for these systems and Pythons only; empty for all of them."""
    systems = {system for system, _ in machines}
    pythons = sorted({python for _, python in machines}, key=PYTHONS.index)
    if machines != set(itertools.product(systems, pythons)):
        raise ValueError(f"systems and Pythons depend on each other: {machines}")
    parts = []
    if systems != set(SYSTEMS):
        either = " or ".join(f'sys_platform == "{system}"' for system in sorted(systems))
        parts.append(f"({either})" if len(systems) > 1 else either)
    if pythons == list(PYTHONS[-len(pythons) :]) and pythons != list(PYTHONS):
        parts.append(f'python_version >= "{pythons[0]}"')
    elif pythons != list(PYTHONS):
        parts.append(f'python_version <= "{pythons[-1]}"')
    return "; " + " and ".join(parts) if parts else ""


def closure(wanted: list[Requirement], marker_environment: dict[str, str]) -> set[str]:
    """Names of what must be there, without the libraries that torch's builds choose themselves."""
    found: set[str] = set()
    todo = list(wanted)
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        if requirement.marker and not requirement.marker.evaluate(marker_environment):
            continue
        if name in found:
            continue
        found.add(name)
        if name != "numpy" and name != "colorama":  # they need nothing
            todo += map(Requirement, importlib.metadata.requires(name) or ())
    return found


def environment(system: str, python: str) -> dict[str, str]:
    """The values that markers are compared with, on another machine."""
    names = {"linux": "Linux", "win32": "Windows", "darwin": "Darwin"}
    return default_environment() | {
        "sys_platform": system,
        "platform_system": names[system],
        "os_name": "nt" if system == "win32" else "posix",
        "platform_machine": "AMD64" if system == "win32" else "x86_64",
        "python_version": python,
        "python_full_version": f"{python}.5",
        "extra": "",
    }


def version(name: str) -> str:
    """What is installed here, without the build (``2.13.0+cpu`` is 2.13.0)."""
    return ELSEWHERE.get(name) or importlib.metadata.version(name).partition("+")[0]


def main() -> int:
    parser = argparse.ArgumentParser(description="Pin what the backend needs.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if stale")
    text = HEADER + "\n".join(pins()) + "\n"
    if parser.parse_args().check:
        if TARGET.read_text(encoding="utf-8") == text:
            return 0
        print(f"{TARGET} is stale: python scripts/pin_requirements.py", file=sys.stderr)
        return 1
    TARGET.write_text(text, encoding="utf-8")
    print(f"{TARGET}: {text.count('==')} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
