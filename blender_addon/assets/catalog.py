"""Blender's asset catalogues: the file ``blender_assets.cats.txt`` of an asset library. No bpy.

Each line is an id, a path with slashes, and a simple name. Blender reads and writes the same file,
so what is there stays as it is.
"""

from __future__ import annotations

import uuid
from pathlib import Path

from ...backend.files import atomic_write, check_source
from ...backend.protocol.errors import OutputError

FILE = "blender_assets.cats.txt"
_HEADER = """\
# This is an Asset Catalog Definition file for Blender.
#
# Empty lines and lines starting with `#` will be ignored.
# The first non-ignored line should be the version indicator.
# Other lines are of the format "UUID:catalog/path/for/assets:simple catalog name"

VERSION 1

"""
_NAMESPACE = uuid.UUID("7b0c3a0e-4a57-5d0c-9f39-1f6a1d1f3d3a")


def clean_path(path: str) -> str:
    """A catalogue's path as Blender keeps it: no colons, no empty parts."""
    parts = (part.strip().replace(":", "-") for part in path.replace("\\", "/").split("/"))
    return "/".join(part for part in parts if part)


def catalog_id(path: str) -> str:
    """The id of a catalogue: the same for the same path in every file and on every machine."""
    return str(uuid.uuid5(_NAMESPACE, clean_path(path)))


def library_root(blend: Path, libraries: list[Path]) -> Path:
    """Where Blender looks for the catalogues of a file: its asset library, else its folder."""
    inside = [library for library in libraries if blend.is_relative_to(library)]
    return max(inside, key=lambda library: len(library.parts)) if inside else blend.parent


def ensure_catalog(root: Path, path: str) -> str:
    """Write a catalogue, and those above it, into a library unless they are there.

    Returns:
        Its id: that in the file, if the path is there already.

    Raises:
        OutputError: the file cannot be read or written.
    """
    path = clean_path(path)
    file = root / FILE
    try:
        text = check_source(file).read_text(encoding="utf-8") if file.exists() else _HEADER
        known = _known(text)
        parts = path.split("/")
        wanted = ["/".join(parts[: n + 1]) for n in range(len(parts))]
        lines = [f"{catalog_id(p)}:{p}:{p.replace('/', '-')}" for p in wanted if p not in known]
        if lines:
            text = text if text.endswith("\n") else text + "\n"
            atomic_write(file, text + "\n".join(lines) + "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise OutputError(
            f"The asset catalogue {file} cannot be written: {error}.",
            "Save the .blend in a folder that you may write to.",
        ) from error
    return known.get(path, catalog_id(path))


def find_catalog(root: Path, path: str) -> str:
    """The id of a catalogue in a library, or the one that it would get."""
    path = clean_path(path)
    try:
        text = check_source(root / FILE).read_text(encoding="utf-8")
        return _known(text).get(path, catalog_id(path))
    except (OSError, UnicodeDecodeError):
        return catalog_id(path)


def _known(text: str) -> dict[str, str]:
    """Paths to ids."""
    known: dict[str, str] = {}
    for line in text.splitlines():
        parts = line.split(":")
        if len(parts) >= 2 and not line.startswith(("#", "VERSION")):
            known.setdefault(parts[1].strip(), parts[0].strip())
    return known
