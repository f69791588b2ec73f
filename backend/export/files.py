"""The files of a result: checked before the work starts, and written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from ..files import check_target, write_together
from ..protocol.errors import BadRequest, OutputError

Colors: TypeAlias = Literal["first", "vertex"]
"""What a format that cannot blend textures shows of a chain's colors. ``first``: the first prompt's
texture all the time. ``vertex``: a color at each vertex, with morph targets of its own, which
change in viewers that know them (three.js, model-viewer)."""


@dataclass(frozen=True)
class Timeline:
    """When an animated object shows what."""

    frames: Sequence[int]
    """The frame at which each prompt is shown; rising."""
    fps: int
    """Frames a second."""
    colors: Colors = "first"

    def seconds(self, alpha: float) -> float:
        """When ``alpha`` is shown, from the first prompt on: even between two prompts."""
        first = min(int(alpha), len(self.frames) - 2)
        before, after = self.frames[first : first + 2]
        return (before + (alpha - first) * (after - before) - self.frames[0]) / self.fps


def check_ending(path: Path, endings: Sequence[str], stem: str) -> None:
    """Raise BadRequest unless the name of ``path`` has one of ``endings``; the first of them, and
    ``stem`` where it has no name before its ending, are for the remedy."""
    if path.suffix.lower() not in endings:
        raise BadRequest(
            f"cannot write {path.name}: the file's ending must be one of {', '.join(endings)}"
            if len(endings) > 1
            else f"cannot write {path.name}: the file's ending must be {endings[0]}",
            f"name it {path.stem.lstrip('.') or stem}{endings[0]}",
        )


def check_folder(path: Path) -> None:
    """Raise OutputError unless a file can be made beside ``path``."""
    try:
        check_target(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except IsADirectoryError:
        raise OutputError(f"{path} is a folder", "add a file name to it") from None
    except OSError as error:
        raise _output_error(path, error) from error


@contextlib.contextmanager
def working_folder() -> Iterator[Path]:
    """A temporary folder for what another program can only write to a file; gone afterwards.

    Raises:
        OutputError: there is no room for it, or nothing can be written there.
    """
    where = ""
    try:
        where = f" in {tempfile.gettempdir()}"
        with tempfile.TemporaryDirectory(prefix="att3d-") as folder:
            yield Path(folder)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        reason = "the disk is full" if full else error.strerror or error
        raise OutputError(
            f"cannot write temporary files{where}: {reason}",
            "free some space there, or set TMPDIR to a folder that has it",
        ) from error


def write_files(files: Mapping[Path, bytes]) -> list[Path]:
    """Write the files of one result: all of them or none.

    Raises:
        OutputError: one of them cannot be written; then none has changed.
    """
    try:
        write_together(files)
    except OSError as error:
        named = [path for path in files if str(path) == error.filename]
        raise _output_error(next(iter(named or files)), error) from error
    return list(files)


def _output_error(path: Path, error: OSError) -> OutputError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(f"cannot write {path}: the disk is full", "free some space")
    if error.errno in (errno.EEXIST, errno.ENOTDIR):  # a folder was to be made there
        return OutputError(f"cannot write {path}: {error.filename} is not a folder")
    return OutputError(f"cannot write {path}: {error.strerror or error}")
