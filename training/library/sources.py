"""Which files a library is made of: files, folders and zips, in an order that never changes."""

from __future__ import annotations

import errno
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from backend.files import expanded
from backend.protocol.errors import BadRequest

from .readers import SUFFIXES

LICENCE = 2000
"""Characters of a licence file that are kept."""
MOST_BYTES = 1 << 30
"""Most bytes of one model file; larger ones are left out."""
MOST_UNPACKED = 8 << 30
"""Most bytes of everything in one zip together."""
MOST_MEMBERS = 200_000
MOST_RATIO = 500
"""Unpacked over packed size of one zip: a bomb is far above, meshes as text far below."""


@dataclass(frozen=True)
class Source:
    """One file with one model, or, as .blend, several."""

    path: Path
    name: str
    """Where a person finds it: the input's name, then the path in it, with slashes."""


@dataclass
class Found:
    """What the inputs hold."""

    sources: list[Source] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    """Names of files that are not read, and why."""
    licences: dict[str, str] = field(default_factory=dict)
    """First lines of LICENSE files, by the folder's name (as in ``Source.name``)."""


def find(inputs: Sequence[Path], unpack_into: Path) -> Found:
    """All model files under ``inputs``; zips are unpacked below ``unpack_into``.

    Raises BadRequest: an input does not exist or is no model, or there is no model in any.
    """
    found = Found()
    names: set[str] = set()
    for number, given in enumerate(inputs):
        root = expanded(given)
        if not root.exists():
            raise BadRequest(f"{given} does not exist", "Give files, folders or zips of models.")
        name = _shown(root.resolve().name)
        while name in names:
            name = f"{name}_{number + 1}"
        names.add(name)
        if not root.is_dir() and not root.is_file():  # a pipe's or device's end may never come
            raise BadRequest(
                f"{given} is not a regular file", "Give files, folders or zips of models."
            )
        if root.is_dir():
            _walk(root, name, found, unpack_into / str(number))
        elif root.suffix.lower() in (*SUFFIXES, ".zip"):
            _add(root, name, found, unpack_into / str(number))
        else:
            raise BadRequest(
                f"{given} is no file of models", f"These are read: {', '.join(SUFFIXES)}, .zip."
            )
    if not found.sources and not found.left_out:
        raise BadRequest(
            f"there is no model in {', '.join(map(str, inputs))}",
            f"These are read: {', '.join(SUFFIXES)}, .zip.",
        )
    return found


def _walk(folder: Path, name: str, found: Found, unpack_into: Path) -> None:
    """Files below a folder; links to folders are followed once, so circles end."""
    seen = {_identity(folder)}
    stack = [(folder, name)]
    while stack:
        place, shown = stack.pop()
        try:
            entries = sorted(os.scandir(place), key=lambda entry: entry.name)
        except OSError as error:
            found.left_out.append((shown, f"the folder cannot be read ({error.strerror})"))
            continue
        below = []
        for entry in entries:
            inner = f"{shown}/{_shown(entry.name)}"
            try:
                if entry.is_dir():
                    identity = _identity(Path(entry.path))
                    if identity not in seen and not entry.name.startswith((".", "__MACOSX")):
                        seen.add(identity)
                        below.append((Path(entry.path), inner))
                elif entry.is_file():
                    _add(Path(entry.path), inner, found, unpack_into)
            except OSError as error:
                found.left_out.append((inner, f"it cannot be read ({error.strerror})"))
        stack += reversed(below)


def _shown(name: str) -> str:
    """A file's name as text: bytes that are no UTF-8 as they are escaped in Python."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _add(path: Path, name: str, found: Found, unpack_into: Path) -> None:
    suffix = path.suffix.lower()
    if path.name.startswith("._"):
        return
    if path.stem.upper() in ("LICENSE", "LICENCE", "COPYING"):
        folder = name.rpartition("/")[0]
        found.licences.setdefault(folder, _first_words(path))
    elif suffix in SUFFIXES:
        size = path.stat().st_size
        if size > MOST_BYTES:
            gigabytes = f"{size / 2**30:.1f} GiB"
            found.left_out.append((name, f"it is huge ({gigabytes}); at most 1 GiB is read"))
        else:
            found.sources.append(Source(path, name))
    elif suffix == ".zip" and unpack_into.name != "unpacked":
        folder = unpack_into / name.replace("/", "_") / "unpacked"
        reason = unpack(path, folder)
        if reason:
            found.left_out.append((name, reason))
        else:
            _walk(folder, name, found, folder)


def _first_words(path: Path) -> str:
    """A text's beginning on one line; the licence's name may stand below greetings and links."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.read(4 * LICENCE)
    except OSError:
        return ""
    return " ".join(text.split())[:LICENCE]


def unpack(archive: Path, folder: Path) -> str:
    """Unpack a zip into a folder; returns why not, or an empty string.

    Nothing is written unless every member stays in the folder and all together are of a sane size.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [member for member in opened.infolist() if not member.is_dir()]
            reason = _refusal(members, archive.stat().st_size)
            if reason:
                return reason
            for member in members:
                target = folder / PurePosixPath(member.filename.replace("\\", "/"))
                target.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(member) as packed, target.open("wb") as plain:
                    for part in _at_most(packed, member.file_size):
                        plain.write(part)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        return f"it is no zip, or damaged ({error})"
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        return f"it cannot be unpacked ({error.strerror or error})"
    except (RuntimeError, NotImplementedError) as error:
        return f"it cannot be unpacked ({error})"
    return ""


def _at_most(stream: object, size: int) -> Iterator[bytes]:
    """The stream's bytes; stops with BadZipFile past the size that the zip itself names."""
    total = 0
    while part := stream.read(1 << 20):  # pyright: ignore[reportAttributeAccessIssue]
        total += len(part)
        if total > size:
            raise zipfile.BadZipFile("a member is larger than it says")
        yield part


def _refusal(members: Sequence[zipfile.ZipInfo], packed: int) -> str:
    for member in members:
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
            return f"it would unpack outside its folder ({member.filename})"
        if stat.S_ISLNK(member.external_attr >> 16):
            return f"it holds a link ({member.filename})"
        if member.flag_bits & 1:
            return "it is encrypted"
    total = sum(member.file_size for member in members)
    if len(members) > MOST_MEMBERS or total > MOST_UNPACKED:
        return f"it is huge: {len(members)} files, {total / 2**30:.1f} GiB unpacked"
    if total > (100 << 20) and total > MOST_RATIO * packed:
        return f"it explodes: {packed / 2**20:.1f} MiB become {total / 2**30:.1f} GiB"
    return ""
