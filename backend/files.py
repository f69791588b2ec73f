"""Files that appear whole or not at all, and names that every system takes.

Standard library only: the backend, the extension and training all write through this module.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
import sys
import tempfile
import time
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path

NAME_BYTES = 255
"""Longest file name of the usual file systems, in bytes."""
_SHOWN_BYTES = 100
"""How much of a file's name its unfinished file shows."""
_TOKEN = re.compile(r"\.[0-9a-f]{12}\.part")
_ABANDONED_SECONDS = 3600.0
"""Age from which an unfinished file belongs to a process that was killed."""


# --- writing --------------------------------------------------------------------------------


@contextlib.contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Write a file in one step: ``with replacing(path) as unfinished: write(unfinished)``.

    Yields the path of an empty file beside ``path``. When the block ends, its content is forced to
    the disk and takes the place of ``path``; a symbolic link is followed, and a file that was there
    keeps its permissions. When the block raises, ``path`` stays as it was and nothing is left over.
    Several files change together when their blocks are nested: none before the last is written.

    Args:
        durable: whether the content survives a power cut, and what killed processes left is
            removed. Of many small files that can be made again, both would take most of the time.

    Raises:
        OSError: the file cannot be written (see :func:`check_target`).
    """
    target = check_target(path)
    if durable:
        remove_unfinished(target, _ABANDONED_SECONDS)
    unfinished = target.with_name(_unfinished_prefix(target) + f".{secrets.token_hex(6)}.part")
    os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        mode = stat.S_IMODE((target if target.exists() else unfinished).stat().st_mode)
        yield unfinished
        if durable:
            with unfinished.open("rb+") as file:
                os.fsync(file.fileno())
        unfinished.chmod(mode)  # some writers make a file of their own for the owner only
        unfinished.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise
    if durable:
        _sync_folder(target.parent)


def atomic_write(path: Path, content: bytes | str) -> None:
    """Write a file in one step: a reader sees the old content or the new one, never a part.

    Text is written in UTF-8. Raises ``OSError``, leaving the old content in place.
    """
    write_together({path: content})


def write_together(files: Mapping[Path, bytes | str]) -> None:
    """Write several files; none changes before the last one is on the disk.

    Raises:
        OSError: one of them cannot be written; then none has changed.
    """
    with contextlib.ExitStack() as stack:
        for path, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            stack.enter_context(replacing(path)).write_bytes(data)


def remove_unfinished(path: Path, older_than: float = 0.0) -> None:
    """Remove what processes that were killed left of earlier writes of ``path``.

    Args:
        older_than: seconds; a younger file may belong to a process that still writes. 0: whoever
            calls knows that nobody else writes ``path``.
    """
    prefix = _unfinished_prefix(path)
    with contextlib.suppress(OSError):
        for entry in os.scandir(path.parent):
            rest = entry.name.removeprefix(prefix)
            if rest == entry.name or not _TOKEN.fullmatch(rest):
                continue
            with contextlib.suppress(OSError):
                if time.time() - entry.stat().st_mtime >= older_than:
                    Path(entry.path).unlink()


def check_target(path: Path) -> Path:
    """The file that writing ``path`` would replace: links are followed.

    Raises:
        OSError: it is a folder, a pipe or a device, it is read-only, its name is too long, or a
            link leads in a circle. ``filename`` and ``strerror`` say which.
    """
    longest = len(os.fsencode(path.name))
    if longest > NAME_BYTES:
        reason = f"its name has {longest} bytes, and file systems allow {NAME_BYTES}"
        raise OSError(errno.ENAMETOOLONG, reason, str(path))
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    if target.is_symlink():
        raise OSError(errno.ELOOP, "the link leads in a circle", str(path))
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
    if target.exists():
        if not target.is_file():
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        if not (target.stat().st_mode & stat.S_IWUSR and os.access(target, os.W_OK)):
            raise PermissionError(errno.EACCES, "it is read-only", str(path))
    return target


def check_source(path: Path) -> Path:
    """``path``, if it is a file that can be read to its end.

    Raises:
        OSError: it is missing, a folder, or a pipe or device, whose end may never come.
            ``filename`` and ``strerror`` say which.
    """
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return path


def _unfinished_prefix(path: Path) -> str:
    return "." + cut(path.name.encode(errors="replace").decode(), _SHOWN_BYTES)


def _sync_folder(folder: Path) -> None:
    """Force the new name to the disk too, where the system lets folders be opened."""
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def expanded(path: str | Path) -> Path:
    """``path`` with the home folder in place of ``~`` or ``~NAME`` at its beginning; as it is where
    there is no such home."""
    with contextlib.suppress(RuntimeError):
        return Path(path).expanduser()
    return Path(path)


def home_folder() -> Path:
    """This person's home folder; where there is none (a container's user), that of temporary
    files."""
    try:
        return Path.home()
    except RuntimeError:
        return Path(tempfile.gettempdir())


# --- names ----------------------------------------------------------------------------------


def cut(text: str, size: int) -> str:
    """The beginning of ``text`` that fits into ``size`` bytes of UTF-8; no letter is halved."""
    return text.encode()[:size].decode(errors="ignore")


def file_stem(text: str, size: int = _SHOWN_BYTES) -> str:
    """A file name without ending that shows ``text`` and is allowed everywhere.

    "A pig in a tophat!" becomes ``a-pig-in-a-tophat``; letters of every script stay.
    """
    words = re.sub(r"[^\w]+", "-", text.casefold(), flags=re.UNICODE).strip("-_")
    return cut(words, size).strip("-_") or "object"


def ascii_stem(text: str, size: int = _SHOWN_BYTES) -> str:
    """A name of ASCII letters, digits, ``.``, ``-`` and ``_``, for formats whose readers split at
    spaces or know no Unicode; letters lose their accents, other scripts are left out."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._-]+", "_", plain).strip("._-")[:size] or "object"
