"""The versions of everything that the backend needs, as the extension ships them. No bpy."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).parent / "requirements.txt"
TORCH = ("torch", "torchvision")
"""Come from the index of the chosen build, with the libraries that this build needs."""
_LINE = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;]+)\s*(;.*)?$")


@dataclass(frozen=True)
class Pins:
    """The list, in two parts."""

    torch: tuple[str, ...]
    others: tuple[str, ...]
    """Complete: nothing else is needed, so they are installed without resolving."""

    @property
    def fingerprint(self) -> str:
        """Changes with any version."""
        return hashlib.sha256("\n".join([*self.torch, *self.others]).encode()).hexdigest()[:16]


def read(path: Path = FILE) -> Pins:
    """Read a list.

    Raises:
        ValueError: a line is not ``name==version`` with an optional marker.
    """
    torch: list[str] = []
    others: list[str] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        found = _LINE.match(line)
        if found is None:
            raise ValueError(f"{path.name}, line {number}: {line!r} is not a pinned version")
        (torch if found[1] in TORCH else others).append(line)
    return Pins(tuple(torch), tuple(others))


def name_of(pin: str) -> str:
    """The package's name, as it is compared: ``PyMCubes==0.1.6`` is ``pymcubes``."""
    return re.split(r"[=;\s]", pin, maxsplit=1)[0].lower().replace("_", "-")
