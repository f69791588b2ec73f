"""The folder that holds the backend: where it is, whose it is, how large, and deleting it. No bpy.

    <folder>/att3d-backend.json    the marker: this folder is ours, and how far the set-up has come
    <folder>/env/                  the environment: a venv, or a copy of Blender's Python
    <folder>/python/               the Python of the environment, where uv has fetched it
    <folder>/downloads/            uv's cache, only while it is being set up
    <folder>/setup.log             what uv and the rest said

Only a folder with our marker is ever deleted.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from ...backend.files import atomic_write, check_source
from ...backend.protocol.errors import BadRequest, OutputError
from ...backend.protocol.foreign_text import parse_json
from ..ui.user_folders import data_folder

MARKER = "att3d-backend.json"
ENVIRONMENT = "env"
DOWNLOADS = "downloads"
PYTHON = "python"
LOG = "setup.log"
LOCK = "setup.lock"
OURS = (MARKER, ENVIRONMENT, PYTHON, DOWNLOADS, "tmp", LOG, LOCK)
_FORMAT = 1

State = Literal["incomplete", "complete"]


@dataclass(frozen=True)
class Marker:
    """What the marker of an environment that we made says."""

    state: State
    """Complete only after the installed backend has been seen to work."""
    build: str = ""
    """The build of torch that is in it."""
    pins: str = ""
    """Fingerprint of the list of versions that were asked for."""
    extension: str = ""
    """Version of the extension that set it up."""
    python: str = ""
    """Version of the environment's Python."""
    size_mb: int = 0
    """Size of the folder when it was complete, MB."""


def default_folder(
    environ: Mapping[str, str] | None = None, platform: str = sys.platform, home: Path | None = None
) -> Path:
    """A folder of its own below the person's data, which belongs to no Blender version."""
    return data_folder(environ, platform, home) / "backend"


def environment_python(folder: Path, system: str = sys.platform) -> Path:
    """The interpreter of the environment in ``folder``, whether or not it is there."""
    if system != "win32":
        return folder / ENVIRONMENT / "bin" / "python"
    copied = folder / ENVIRONMENT / "bin" / "python.exe"  # as Blender lays out its Python
    return copied if copied.is_file() else folder / ENVIRONMENT / "Scripts" / "python.exe"


def read_marker(folder: Path) -> Marker | None:
    """The marker of a folder; None when it has none that can be read: it is not ours."""
    try:
        data = parse_json(check_source(folder / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(data, dict) or data.pop("format", None) != _FORMAT:
        return None
    known = {key: value for key, value in data.items() if key in Marker.__dataclass_fields__}
    if known.get("state") not in ("incomplete", "complete"):
        return None
    size = known.pop("size_mb", 0)
    texts = all(isinstance(value, str) for value in known.values())
    return Marker(**known, size_mb=size if isinstance(size, int) else 0) if texts else None


def write_marker(folder: Path, marker: Marker) -> None:
    """Replace the marker; a reader sees the old one or the new one, never half of it."""
    atomic_write(folder / MARKER, json.dumps({"format": _FORMAT} | asdict(marker), indent=1))


def begin(folder: Path, marker: Marker) -> None:
    """Make the folder ours, as incomplete.

    Raises:
        BadRequest: see :func:`check`.
        OutputError: it cannot be made or written.
    """
    check(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_marker(folder, replace(marker, state="incomplete"))
    except OSError as error:
        raise OutputError(
            f"The folder {folder} cannot be written: {error.strerror or error}.",
            "Choose a folder that you may write to.",
        ) from error


def check(folder: Path, forbidden: Iterable[Path] = ()) -> None:
    """Whether a backend may be set up here.

    Args:
        folder: the choice.
        forbidden: folders of Blender and of the extension, which updates replace.

    Raises:
        BadRequest: it is relative, a file, not empty and not ours, or inside a forbidden one.
    """
    if not folder.is_absolute():
        raise BadRequest(f"{folder} is not a whole path.", "Choose the folder with its button.")
    for other in forbidden:
        if folder == other or other in folder.parents:
            raise BadRequest(
                f"{folder} belongs to one Blender version ({other}).",
                "Choose a folder outside Blender's own: it outlives updates.",
            )
    if folder.exists() and not folder.is_dir():
        raise BadRequest(f"{folder} is a file.", "Choose a folder.")
    try:
        strangers = any(folder.iterdir()) if folder.is_dir() else False
    except OSError as error:
        raise BadRequest(
            f"{folder} cannot be read: {error.strerror}.", "Choose another folder."
        ) from error
    if strangers and read_marker(folder) is None:
        raise BadRequest(
            f"{folder} holds other files.", "Choose an empty folder, or one that is not there yet."
        )


def free_mb(folder: Path) -> int | None:
    """Free space where ``folder`` is or would be; None when the system does not say."""
    for place in (folder, *folder.parents):
        try:
            return shutil.disk_usage(place).free >> 20
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return None


def size_mb(folder: Path) -> int:
    """Size of everything in the folder, MB. Reads every name: not for Blender's main thread.

    A file with several names, as uv's cache and the environment share theirs, counts once.
    """
    total, seen = 0, set()
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                found = os.lstat(os.path.join(root, name))
            except OSError:
                continue
            if found.st_nlink == 1 or (found.st_dev, found.st_ino) not in seen:
                total += found.st_size
                seen.add((found.st_dev, found.st_ino))
    return total >> 20


def delete(folder: Path) -> None:
    """Delete a backend: everything of ours in its folder, then the folder if nothing else is left.

    The marker goes last, so that what could not be deleted can be deleted later.

    Raises:
        BadRequest: the folder has no marker of ours; nothing was touched.
        OutputError: something could not be deleted.
    """
    if folder.is_symlink() or read_marker(folder) is None:
        raise BadRequest(
            f"{folder} was not made by this extension.", "Delete it yourself if you want it gone."
        )
    failed: list[str] = []
    for name in (*OURS[1:], MARKER):
        path = folder / name
        if failed and name == MARKER:
            break
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, onerror=lambda _, where, __: failed.append(str(where)))
        else:
            try:
                path.unlink(missing_ok=True)
            except OSError:
                failed.append(str(path))
    if failed:
        raise OutputError(
            f"{len(failed)} files could not be deleted, the first is {failed[0]}.",
            "End programs that use them, then delete the engine again.",
        )
    with contextlib.suppress(OSError):  # something else is in it, which is not ours to delete
        folder.rmdir()


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, which the system lets go of when the process ends, however it ends.

    Raises:
        OutputError: another Blender is setting up this folder.
    """
    with (folder / LOCK).open("a+b") as file:
        try:
            if sys.platform == "win32":
                import msvcrt

                file.seek(0)
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise OutputError(
                f"Another Blender is setting up {folder}.", "Wait for it, or choose another folder."
            ) from error
        yield
