"""PNG files as icons in Blender's interface; each is read when it is first drawn."""

# bpy has no type stubs.
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

from __future__ import annotations

from pathlib import Path

import bpy
import bpy.utils.previews

_collection: bpy.utils.previews.ImagePreviewCollection | None = None


def icon_of(path: Path) -> int:
    """The icon that shows the picture at ``path``; 0 when there is no such file."""
    global _collection
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        return 0
    if _collection is None:
        _collection = bpy.utils.previews.new()
    name = f"{path}|{changed}"
    found = _collection.get(name)
    if found is None:
        found = _collection.load(name, str(path), "IMAGE")
    return found.icon_id


def forget() -> None:
    """Free all icons."""
    global _collection
    if _collection is not None:
        bpy.utils.previews.remove(_collection)
    _collection = None
