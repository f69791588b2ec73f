"""A Python that the backend's environment can be made with. Standard library only, no bpy.

In this order: the one that the person names; one that is installed on this machine; a copy of the
one that Blender brings. Blender's own is never used where it is: the environment would break with
the Blender version that it belongs to.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ...backend.protocol.errors import MissingDependency

VERSIONS = ((3, 11), (3, 12), (3, 13), (3, 14))
"""Those that every pinned package has wheels for, the one most tested first."""
_ASK = (
    "import sys,json,struct,importlib.util as u;"
    "print(json.dumps(dict(version=sys.version_info[:3],bits=8*struct.calcsize('P'),"
    "base=getattr(sys,'_base_executable',sys.executable),prefix=sys.base_prefix,"
    "venv=u.find_spec('venv') is not None,pip=u.find_spec('ensurepip') is not None,"
    "ssl=u.find_spec('_ssl') is not None,free=not getattr(sys,'_is_gil_enabled',lambda:True)())))"
)
_SKIPPED = ("__pycache__", "test", "tests", "idlelib", "turtledemo", "tkinter", "site-packages")


@dataclass(frozen=True)
class Interpreter:
    """A Python that starts."""

    path: Path
    """The interpreter itself, not one of an environment around it."""
    version: tuple[int, int, int]
    prefix: Path
    """The folder of its installation."""
    problem: str = ""
    """Why it will not do; empty: it will."""

    @property
    def number(self) -> str:
        return ".".join(map(str, self.version))


def probe(path: Path, seconds: float = 20.0) -> Interpreter | None:
    """Start a Python and ask it about itself; None when that does not work."""
    flags = subprocess.CREATE_NO_WINDOW if sys.platform == "win32" else 0
    try:
        done = subprocess.run(
            [str(path), "-I", "-c", _ASK],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=True,
            creationflags=flags,
        )
        about = json.loads(done.stdout)
        version = tuple(about["version"])
        base, prefix = Path(about["base"]), Path(about["prefix"])
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError):
        return None
    problem = ""
    if version[:2] not in VERSIONS:
        low, high = min(VERSIONS), max(VERSIONS)
        problem = f"it is Python {version[0]}.{version[1]}, not 3.{low[1]} to 3.{high[1]}"
    elif about["bits"] != 64 or about["free"]:
        problem = "it is a 32-bit or free-threaded build"
    elif not about["venv"]:
        problem = "it lacks the module venv"
    elif not about["ssl"]:
        problem = "it lacks the module ssl"
    return Interpreter(base if base.is_file() else path, version, prefix, problem)


def find(
    named: str,
    blender_prefix: Path | None,
    environ: Mapping[str, str] | None = None,
    system: str = sys.platform,
) -> Interpreter:
    """The Python to use. One inside Blender's folder still has to be copied: :func:`copy`.

    Args:
        named: the person's choice, a file; empty: look for one.
        blender_prefix: the Python that Blender brings; None: this one has none of its own.

    Raises:
        MissingDependency: the named one will not do, or there is none at all.
    """
    if named:
        found = probe(Path(named).expanduser())
        if found is None or found.problem:
            why = found.problem if found is not None else "it does not start"
            raise MissingDependency(
                f"{named} cannot be the backend's Python: {why}.",
                "Choose another Python 3.11 to 3.14, or leave the field empty.",
            )
        return found
    good: dict[tuple[int, int], Interpreter] = {}
    for path in candidates(os.environ if environ is None else environ, system):
        if blender_prefix is not None and blender_prefix in path.parents:
            continue
        found = probe(path)
        if found is None or found.problem:
            continue
        good.setdefault(found.version[:2], found)
        if found.version[:2] == VERSIONS[0]:
            break
    for version in VERSIONS:
        if version in good:
            return good[version]
    own = probe(bundled(blender_prefix, system)) if blender_prefix is not None else None
    if own is not None and not own.problem:
        return own
    raise MissingDependency(
        "No Python 3.11 to 3.14 was found on this machine.",
        "Install one from python.org (on Debian and Ubuntu: apt install python3-venv), or choose "
        "one as Python in the advanced options.",
    )


def bundled(prefix: Path, system: str = sys.platform) -> Path:
    """The interpreter in the folder of a Blender's Python."""
    if system == "win32":
        return prefix / "bin" / "python.exe"
    found = sorted((prefix / "bin").glob("python3.[0-9]*[0-9]"))
    return found[-1] if found else prefix / "bin" / "python3"


def candidates(environ: Mapping[str, str], system: str = sys.platform) -> Iterator[Path]:
    """Where a Python may be, the most likely first; files that exist, each once."""
    seen: set[Path] = set()
    for path in _places(environ, system):
        # Windows' stand-ins open the shop; macOS' offers to install its developer tools.
        if "WindowsApps" in path.parts or (system == "darwin" and path.parts[1:2] == ("usr",)):
            if path.parts[1:3] != ("usr", "local"):
                continue
        if path.is_file() and path not in seen:
            seen.add(path)
            yield path


def _places(environ: Mapping[str, str], system: str) -> Iterator[Path]:
    numbers = [f"{major}.{minor}" for major, minor in VERSIONS]
    home = Path(environ.get("USERPROFILE" if system == "win32" else "HOME", "/"))
    if system == "win32":
        for number in numbers:
            folder = f"Python{number.replace('.', '')}"
            local = Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
            yield local / "Programs" / "Python" / folder / "python.exe"
            yield Path(environ.get("PROGRAMFILES", r"C:\Program Files")) / folder / "python.exe"
    names = ["python.exe"] if system == "win32" else [f"python{n}" for n in numbers]
    for name in [*names, *([] if system == "win32" else ["python3"])]:
        for folder in environ.get("PATH", "").split(os.pathsep):
            if folder:
                yield Path(folder) / name
    if system == "darwin":
        for number in numbers:
            framework = Path("/Library/Frameworks/Python.framework/Versions")
            yield framework / number / "bin" / f"python{number}"
            for folder in ("/opt/homebrew/bin", "/usr/local/bin"):
                yield Path(folder) / f"python{number}"
    pyenv = Path(environ.get("PYENV_ROOT") or home / ".pyenv") / "versions"
    for number in numbers:
        try:
            yield from sorted(pyenv.glob(f"{number}.*/bin/python{number}"), reverse=True)
        except OSError:
            return


def copy(prefix: Path, target: Path) -> None:
    """Make an environment that is a copy of a Blender's Python, with nothing installed in it.

    What add-ons have put into its site-packages stays behind, and so do its tests.

    Raises:
        OSError: it cannot be read or written.
    """
    shutil.rmtree(target, ignore_errors=True)

    def skipped(folder: str, names: list[str]) -> set[str]:
        return {name for name in names if name in _SKIPPED}

    shutil.copytree(prefix, target, symlinks=True, ignore=skipped)
    python = bundled(target)
    if sys.platform != "win32" and python.name != "python":
        (python.parent / "python").unlink(missing_ok=True)
        (python.parent / "python").symlink_to(python.name)
