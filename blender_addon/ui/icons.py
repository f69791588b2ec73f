"""PNG files as icons in Blender's interface; each is read when it is first drawn."""

from __future__ import annotations

from pathlib import Path

import bpy
import bpy.utils.previews

_collection: bpy.utils.previews.ImagePreviewCollection | None = None


def icon_of(path: Path) -> int:
    """The icon that shows the picture at ``path``; 0 when there is no such file."""
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        return 0
    pictures = _pictures()
    name = f"{path}|{changed}"
    found = pictures.get(name) or pictures.load(name, str(path), "IMAGE")
    return found.icon_id


def _pictures() -> bpy.utils.previews.ImagePreviewCollection:
    global _collection
    if _collection is None:
        _collection = bpy.utils.previews.new()
    return _collection


def unregister() -> None:
    """Free all icons."""
    global _collection
    if _collection is not None:
        bpy.utils.previews.remove(_collection)
    _collection = None
