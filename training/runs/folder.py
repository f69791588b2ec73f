"""A run's folder: one run at a time, and nothing left behind by a run that was killed."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from backend.files import check_target
from backend.protocol.errors import OutputError, TrainingError

LOCK_FILE = ".lock"
_UNFINISHED = (".tmp", ".part")
"""Ends of the hidden names that files have while they are written, see ``backend/files``."""
_MODEL_FOLDER = re.compile(r"\.model\.(old|[0-9a-f]+)")
"""Names that a diffusion model's folder has while it is written, see ``diffusion/folder``."""


def run_folder(run: Path | None, name: str) -> Path:
    """The folder of a run: ``run``, or the one called ``name`` in the folder ``runs``.

    Raises:
        TrainingError: no folder can have this name.
    """
    if run is not None:
        return run
    if name in ("", ".", "..") or any(letter in name for letter in "/\\\0"):
        raise TrainingError(
            f"the run's name {name!r} cannot be that of a folder",
            "give --name without slashes, or name the folder with --run",
        )
    return Path("runs") / name


@contextlib.contextmanager
def locked(folder: Path, written: Sequence[str] = ()) -> Iterator[None]:
    """Hold ``folder`` for one run, and remove the files that a killed run left half written.

    ``written``: what the run will write there; a name that ends in a slash is a folder's.

    The operating system gives the lock back when the process ends, in whatever way. Of a run of
    several processes the first holds it. A folder that was made for a run which was refused before
    it wrote anything is removed again.

    Raises:
        TrainingError: another run is in the folder.
        OutputError: the folder cannot be made or written, or something else is in the place of
            what will be ``written``.
    """
    if os.environ.get("RANK", "0") != "0":
        yield
        return
    lock = FileLock(folder / LOCK_FILE, timeout=0)
    made = [path for path in (folder, *folder.parents) if not os.path.lexists(path)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise TrainingError(
            f"another run is at work in {folder}",
            "wait for its end, or choose another folder with --run",
        ) from None
    except OSError as error:
        known = {errno.EEXIST: "it is not a folder", errno.ENAMETOOLONG: "its name is too long"}
        reason = "it is a file" if os.path.isfile(folder) else known.get(error.errno or 0)
        reason = reason or error.strerror or str(error)
        raise OutputError(
            f"the run's folder {folder} cannot be written: {reason}",
            "choose another folder with --run",
        ) from error
    try:
        for name in written:
            _check_place(folder / name, is_folder=name.endswith("/"))
        remove_unfinished(folder)
        yield
    finally:
        lock.release()
        (folder / LOCK_FILE).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # something was written: it stays
            for path in made:
                path.rmdir()


def _check_place(path: Path, *, is_folder: bool) -> None:
    try:
        if not is_folder:
            check_target(path)
        elif os.path.lexists(path) and not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "it is not a folder", str(path))
        elif path.is_dir() and not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "it is read-only", str(path))
    except OSError as error:
        raise OutputError(
            f"the run cannot write {path}: {error.strerror}",
            "move it out of the way, or choose another folder with --run",
        ) from error


def remove_unfinished(folder: Path) -> None:
    """Remove what was being written in ``folder`` when a run was killed; nobody else writes it."""
    for path in list(folder.rglob("*")):
        # Only hidden ones: a person may name a folder with downloads of their own in it.
        ours = path.name.startswith(".") and path.suffix in _UNFINISHED
        if ours and path.is_file():
            with contextlib.suppress(OSError):
                path.unlink()
    for path in folder.glob(".model.*"):
        if path.name == ".model.old" and not (folder / "model").exists():
            path.rename(folder / "model")
        elif _MODEL_FOLDER.fullmatch(path.name):
            shutil.rmtree(path, ignore_errors=True)
