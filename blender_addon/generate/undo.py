"""Undo takes objects away, and leaves the text in the prompt field alone.

Blender keeps the field's text with the scene, so a step back to before an object was made is also
a step back to before its prompt was typed. A step that changes no object is about the text, and
stays as Blender does it.
"""

from __future__ import annotations

from collections.abc import Callable

import bpy
from bpy.app.handlers import persistent

_typed: dict[int, str] = {}
"""The prompt of each scene before the step, by the scene's ``session_uid``."""
_objects: frozenset[int] = frozenset()
"""The ``session_uid`` of all objects before the step."""


def _all_objects() -> frozenset[int]:
    return frozenset(ob.session_uid for ob in bpy.data.objects)


@persistent
def _before(*_: object) -> None:
    global _objects
    _typed.clear()
    _typed.update((scene.session_uid, scene.att3d.prompt) for scene in bpy.data.scenes)
    _objects = _all_objects()


@persistent
def _after(*_: object) -> None:
    if _all_objects() == _objects:
        return
    for scene in bpy.data.scenes:
        text = _typed.get(scene.session_uid, "")
        if text and text != scene.att3d.prompt:
            scene.att3d.fill_in({"prompt": text})


HANDLERS: tuple[tuple[str, Callable[..., None]], ...] = (
    ("undo_pre", _before),
    ("undo_post", _after),
    ("redo_pre", _before),
    ("redo_post", _after),
)


def register() -> None:
    for name, handler in HANDLERS:
        getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    for name, handler in HANDLERS:
        getattr(bpy.app.handlers, name).remove(handler)
