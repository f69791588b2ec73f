"""The checkpoints to choose from: those in the extension and those in a folder. No bpy.

Only the start of each file is read, to show its name; the backend judges whether it is sound.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeGuard

from ...backend.files import expanded
from ...backend.prompts.normalize import MAX_CHARACTERS
from ...backend.protocol.foreign_text import one_line, parse_json
from ..process.launch import EXTENSION_ROOT

BUNDLED = EXTENSION_ROOT / "checkpoints"
DEFAULT = "toybox"
"""Stem of the bundled file that is used when nothing is chosen."""

FEW = 24
"""A checkpoint that knows no more prompts than this goes through the stages of one thing: they can
all be shown."""
_MAX_HEADER = 16 * 2**20
_MAX_NAME = 100
"""Letters of a name."""
_MAX_CONDITION = 63
"""Bytes of a condition's name: Blender's custom properties have no longer ones."""
_MOST_CONDITIONS = 32


@dataclass(frozen=True)
class Condition:
    """A number that a checkpoint amortizes over beside the prompt (A31)."""

    name: str
    low: float
    high: float
    """The range that it was trained on."""
    default: float

    @property
    def label(self) -> str:
        """The name for a person: "Guidance Weight"."""
        return self.name.replace("_", " ").title()

    def clamp(self, value: object) -> float:
        """The value within the range; the default for what is no number."""
        if not is_number(value):
            return self.default
        return min(max(float(value), self.low), self.high)


@dataclass(frozen=True)
class Choice:
    """One checkpoint file."""

    identifier: str
    """What a .blend remembers: the stem of a bundled file, the whole path of any other."""
    path: Path
    bundled: bool

    @property
    def label(self) -> str:
        """The name that the file gives itself, else the file's."""
        return name_of(self.path)

    @property
    def description(self) -> str:
        where = "comes with the extension" if self.bundled else one_line(str(self.path))
        try:
            size = self.path.stat().st_size / 2**20
            return f"{self.label}: knows {len(self.prompts):,} prompts, {size:.1f} MB, {where}"
        except OSError:
            return f"{self.label}: not readable now, {where}"

    @property
    def prompts(self) -> list[str]:
        """What it can make, of its own training's prompt sets."""
        known = metadata(self.path)
        return [*texts(known.get("prompts")), *texts(known.get("unseen"))]

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """What it amortizes over beside the prompt; what makes no sense is left out."""
        config = metadata(self.path).get("config")
        said = config.get("conditions") if isinstance(config, dict) else None
        found = []
        for one in said if isinstance(said, list) else []:
            name = one.get("name") if isinstance(one, dict) else None
            if not isinstance(name, str) or not name.isprintable():
                continue
            if not 0 < len(name.encode()) <= _MAX_CONDITION:
                continue
            low, high, default = (one.get(key) for key in ("low", "high", "default"))
            if is_number(low) and is_number(high) and is_number(default) and low <= default <= high:
                found.append(Condition(name, float(low), float(high), float(default)))
        return tuple(found[:_MOST_CONDITIONS])


def choices(folder: str) -> list[Choice]:
    """Bundled checkpoints, the default first, then those in ``folder`` (empty: none)."""
    bundled = sorted(_files(BUNDLED), key=lambda path: (path.stem != DEFAULT, path.stem))
    found = [Choice(path.stem, path, True) for path in bundled]
    if folder:
        found += [Choice(str(path), path, False) for path in _files(expanded(folder))]
    return found


def find(identifier: str, folder: str) -> Choice | None:
    """The choice that an identifier, a path, a name or (empty) the default means, if it is there.

    The name is what the panel shows and what objects carry.
    """
    listed = choices(folder)
    if not identifier:
        return listed[0] if listed and listed[0].bundled else None
    for choice in listed:
        if identifier in (choice.identifier, str(choice.path)):
            return choice
    for choice in listed:
        if identifier == choice.label:
            return choice
    path = expanded(identifier)
    return Choice(identifier, path, False) if path.is_file() else None


def path_of(identifier: str, folder: str) -> str | None:
    """What to tell the backend: the file's path, or None for its default.

    What is not there is handed on as it is: the backend says what is wrong with it.
    """
    if not identifier:
        return None
    choice = find(identifier, folder)
    return str(choice.path) if choice is not None else identifier


def hash_of(path: Path) -> str | None:
    """The SHA-256 of a file, remembered until it changes; None when it cannot be read."""
    try:
        stat = path.stat()
        if not path.is_file():
            return None
        return _hash(path, stat.st_mtime_ns, stat.st_size)
    except OSError:
        return None


@lru_cache(maxsize=64)
def _hash(path: Path, modified: int, size: int) -> str:
    del modified, size
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def recorded_hash(path: Path) -> str | None:
    """The SHA-256 that ``<file>.sha256`` beside a checkpoint records, as sha256sum writes it."""
    try:
        file = hash_file(path)
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
    except (OSError, UnicodeDecodeError):
        return None
    words = text.split()
    return words[0].lower() if words and len(words[0]) == 64 else None


def hash_file(path: Path) -> Path:
    """Where the hash of a checkpoint is recorded when it is added."""
    return path.with_name(path.name + ".sha256")


def changed_since_added(path: Path, sha256: str) -> str | None:
    """A note when a checkpoint is not the file that was added; None when it is, or nobody knows."""
    recorded = recorded_hash(path)
    if recorded is None or recorded == sha256:
        return None
    return (
        f"The model {path.name} is not the file that was added: its fingerprint begins with "
        f"{sha256[:8]}, not with {recorded[:8]}."
    )


def number(identifier: str) -> int:
    """Blender stores an enum as a number; this one does not change when files come and go."""
    return zlib.crc32(identifier.encode()) & 0x7FFFFFFF if identifier else 0


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.glob("*.safetensors") if path.is_file())
    except OSError:  # a network drive that is not there now
        return []


def name_of(path: Path) -> str:
    """What a checkpoint is called wherever it is shown: as the file says, else the file's name."""
    name = metadata(path).get("name")
    said = one_line(name)[:_MAX_NAME] if isinstance(name, str) else ""
    return said or one_line(path.stem)


def metadata(path: Path) -> dict[str, Any]:
    """What a checkpoint file says of itself; {} when it says nothing or is not there.

    Its texts are printable. Nothing else is checked: a file may hold anything.
    """
    try:
        stat = path.stat()
    except OSError:
        return {}
    if not path.is_file():  # opening a pipe would wait for its writer
        return {}
    return _read_metadata(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=64)
def _read_metadata(path: Path, modified: int, size: int) -> dict[str, Any]:
    """What the file says of itself, {} if it says nothing. Read again when the file has changed."""
    del modified, size
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > _MAX_HEADER:
                return {}
            header = json.loads(file.read(length))
        found = parse_json(header["__metadata__"]["metadata"])
    except (OSError, ValueError, TypeError, KeyError, struct.error, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value of a file is a finite number; JSON's true and NaN are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer of hundreds of digits
        return False


def texts(value: object) -> list[str]:
    """The texts of a list that a file holds, but those that are longer than any prompt."""
    if not isinstance(value, list):
        return []
    return [item for item in value if isinstance(item, str) and len(item) <= MAX_CHARACTERS]
