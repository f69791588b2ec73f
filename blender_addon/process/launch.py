"""How the backend process is started: which Python, with which environment, logging where. No bpy.

Where the accelerator is set up, or a Python is named, that one; else Blender's own, with the
wheels that the extension carries. The backend never runs inside Blender's process.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from ...backend.files import expanded
from ...backend.protocol.errors import BadRequest, MissingDependency

VARIABLE = "ATT3D_PYTHON"
"""Environment variable that names the backend's Python, for scripts and tests."""

EXTENSION_ROOT = Path(__file__).resolve().parents[2]
"""The folder that holds ``backend/`` and ``checkpoints/``."""

SET_UP = (
    "Set it up with the button in the ATT3D tab, or choose the folder of a Python environment that "
    "has the engine's packages in the preferences."
)


Source = Literal["command", "preference", "variable", "accelerator", "blender", "remembered"]
"""Who says which Python runs the backend, in the order in which they are asked."""

CARRIED = "safetensors"
"""One of the packages that the extension carries: where it is, the others are."""


@dataclass(frozen=True)
class OwnPython:
    """Blender's own Python, and the folder into which Blender has put the extension's wheels."""

    python: Path
    packages: Path


@dataclass(frozen=True)
class Launch:
    """Everything that starting the process needs. Equal ones need no new process."""

    command: tuple[str, ...]
    log: Path
    online: bool
    environment: Mapping[str, str] = field(compare=False)
    source: Source = field(default="preference", compare=False)
    """Where the command is from."""


def plan(
    *,
    python: str,
    command: str,
    remembered: str,
    log_folder: Path,
    online: bool,
    managed: str = "",
    own: Callable[[], OwnPython | None] = lambda: None,
    environ: Mapping[str, str] | None = None,
) -> Launch:
    """Decide how to start the backend.

    Args:
        python: the preference; an interpreter, an environment's folder, or a folder with a
            ``.venv``. Empty: not set.
        command: the preference that replaces the whole command (a backend elsewhere). Wins.
        remembered: the interpreter that worked last time, used when nothing else is said.
        log_folder: where ``backend.log`` goes.
        online: whether Blender's user allows network access.
        managed: the interpreter of the environment that the extension has set up; empty: none.
        own: see :func:`own_python`; asked when no Python is named or set up.
        environ: instead of this process's environment.

    Raises:
        MissingDependency: there is no interpreter, or it is not where the preference says.
    """
    environ = os.environ if environ is None else environ
    environment = clean_environment(environ, online)
    source: Source
    if command.strip():
        words, source = split_command(command), "command"
    else:
        found, source = find_python(python, managed, environ)
        if found is None and (blenders := own()) is not None:
            found, source = blenders.python, "blender"
            environment["PYTHONPATH"] += os.pathsep + str(blenders.packages)
        if found is None and remembered:
            found, source = interpreter(Path(remembered)), "remembered"
        if found is None:
            raise MissingDependency("The engine's Python is not set up yet.", SET_UP)
        words = (str(found), "-m", "backend", "serve")
    return Launch(words, log_folder / "backend.log", online, environment, source)


def own_python() -> OwnPython | None:
    """Blender's own Python, where the extension came with wheels; None where it came without.

    Raises:
        MissingDependency: the wheels are not installed, or this Blender has no Python to start.
    """
    if not carries_backend():
        return None
    spec = importlib.util.find_spec(CARRIED)
    if spec is None or spec.origin is None:
        raise MissingDependency(
            "Blender has not installed the packages that this extension carries.",
            "Disable and enable the extension, or install the zip for this system again.",
        )
    python = blender_python(Path(sys.executable), Path(sys.prefix))
    if python is None:
        raise MissingDependency(f"This Blender has no Python to start in {sys.prefix}.", SET_UP)
    return OwnPython(python, Path(spec.origin).parents[1])


def carries_backend() -> bool:
    """Whether the extension came with the wheels that the backend needs: nothing is to be set up
    then, and an environment with torch is an accelerator."""
    return bool(manifest().get("wheels"))


def blender_python(executable: Path, prefix: Path) -> Path | None:
    """The interpreter below a running Blender: what Python says it is, else what lies where Blender
    keeps it."""
    if executable.name.lower().startswith("python") and executable.is_file():
        return executable
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for name in (version, "python3", "python", "python.exe"):
        if (prefix / "bin" / name).is_file():
            return prefix / "bin" / name
    return None


def split_command(text: str, windows: bool = sys.platform == "win32") -> tuple[str, ...]:
    """The words of a command line, as the system's shell would split them.

    On Windows a backslash is a letter of a path, and double quotes hold words together.

    Raises:
        BadRequest: a quotation mark is not closed.
    """
    try:
        if not windows:
            return tuple(shlex.split(text))
        lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
        lexer.whitespace_split, lexer.escape, lexer.quotes, lexer.commenters = True, "", '"', ""
        return tuple(lexer)
    except ValueError as error:
        raise BadRequest(
            f"The command cannot be read: {error}.", "Close every quotation mark."
        ) from error


def find_python(
    preference: str, managed: str, environ: Mapping[str, str]
) -> tuple[Path | None, Source]:
    """The interpreter, and who named it: the preference, else ``ATT3D_PYTHON``, else the
    environment that was set up.

    One that is named but missing is an error, never a reason to use the next: a person who chose an
    environment wants that one.
    """
    named: tuple[tuple[Source, str, str], ...] = (
        ("preference", "Engine Python", preference.strip()),
        ("variable", VARIABLE, environ.get(VARIABLE, "").strip()),
    )
    for source, name, value in named:
        if not value:
            continue
        found = interpreter(expanded(value))
        if found is None:
            raise MissingDependency(
                f"No Python at {value} (from {name}).",
                "Correct or empty Engine Python in the preferences of this extension."
                if source == "preference"
                else "Correct or remove that environment variable, and start Blender again.",
            )
        return found, source
    return (interpreter(Path(managed)) if managed else None), "accelerator"


def interpreter(path: Path) -> Path | None:
    """The Python that ``path`` means: itself, or the one in this environment or checkout."""
    names = ("python.exe",) if sys.platform == "win32" else ("python", "python3")
    if path.is_file():
        return path if os.access(path, os.X_OK) else None
    for folder in ("bin", "Scripts", ".venv/bin", ".venv/Scripts"):
        for name in names:
            if (path / folder / name).is_file():
                return path / folder / name
    return None


def clean_environment(environ: Mapping[str, str], online: bool) -> dict[str, str]:
    """This environment without what Blender says to its own Python, and with ours.

    Blender's PYTHONHOME or PYTHONPATH would break another interpreter; packages in the person's
    home folder could shadow those of the backend's environment.
    """
    clean = {key: value for key, value in environ.items() if not key.startswith("PYTHON")}
    clean |= {
        "PYTHONPATH": str(EXTENSION_ROOT),
        "PYTHONSAFEPATH": "1",  # a folder named backend where Blender was started stays out of it
        "PYTHONNOUSERSITE": "1",
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
    }
    if not online:
        clean["HF_HUB_OFFLINE"] = "1"
    return clean


@lru_cache(maxsize=1)
def manifest() -> Mapping[str, Any]:
    """What the extension says of itself to Blender."""
    text = (EXTENSION_ROOT / "blender_manifest.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def extension_version() -> str:
    """The version in the manifest."""
    return manifest()["version"]
