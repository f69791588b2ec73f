"""The checkpoints to choose from: those in the extension and those in a folder. No bpy.

Only the start of each file is read, to show its name; the backend judges whether it is sound.
"""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from .launch import EXTENSION_ROOT

BUNDLED = EXTENSION_ROOT / "checkpoints"
DEFAULT = "DEFAULT"
"""Identifier of "whatever comes with the extension"."""

_MAX_HEADER = 8 * 2**20


@dataclass(frozen=True)
class Choice:
    """One checkpoint file."""

    identifier: str
    """What a .blend remembers: the stem of a bundled file, the whole path of any other."""
    label: str
    description: str
    path: Path

    @property
    def number(self) -> int:
        """Blender stores an enum as a number; this one does not change when files come and go."""
        return zlib.crc32(self.identifier.encode()) & 0x7FFFFFFF


def choices(folder: str) -> list[Choice]:
    """Bundled checkpoints, then those in ``folder`` (empty: none), each by name."""
    found = [_choice(path, bundled=True) for path in _files(BUNDLED)]
    if folder:
        found += [_choice(path, bundled=False) for path in _files(Path(folder).expanduser())]
    return found


def path_of(identifier: str, folder: str) -> str | None:
    """What to tell the backend: the file's path, or None for its default.

    A name that is not listed is handed on as it is: the backend says what is wrong with it.
    """
    if identifier in ("", DEFAULT):
        return None
    for choice in choices(folder):
        if choice.identifier == identifier:
            return str(choice.path)
    return identifier


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.glob("*.safetensors"))
    except OSError:  # a network drive that is not there now
        return []


def _choice(path: Path, *, bundled: bool) -> Choice:
    try:
        stat = path.stat()
        title = _title(path, stat.st_mtime_ns, stat.st_size)
        size = f"{stat.st_size / 2**20:.0f} MB"
    except OSError:
        title, size = "", "not readable now"
    where = "comes with the extension" if bundled else str(path)
    identifier = path.stem if bundled else str(path)
    label = title or path.stem
    return Choice(identifier, label, f"{label}: {size}, {where}", path)


@lru_cache(maxsize=256)
def _title(path: Path, modified: int, size: int) -> str:
    """The name in the file's metadata, or "" when it has none. The last two only refresh it."""
    del modified, size
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > _MAX_HEADER:
                return ""
            metadata = json.loads(file.read(length)).get("__metadata__", {})
        name = metadata.get("name") or json.loads(metadata.get("metadata", "{}")).get("name", "")
    except (OSError, ValueError, struct.error, AttributeError):
        return ""
    return name if isinstance(name, str) else ""
