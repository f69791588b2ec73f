"""What Blender tells us about files: a request belongs to the file that it was made in."""

# bpy has no type stubs.
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

from __future__ import annotations

import bpy
from bpy.app.handlers import persistent

from ..process.session import redraw, session


@persistent
def _before_load(*_: object) -> None:
    """Another file is about to be opened: what is on its way would have no scene to go to."""
    session.cancel()


@persistent
def _after_load(*_: object) -> None:
    session.forget()
    redraw()


def register() -> None:
    bpy.app.handlers.load_pre.append(_before_load)
    bpy.app.handlers.load_post.append(_after_load)


def unregister() -> None:
    for handlers in (bpy.app.handlers.load_pre, bpy.app.handlers.load_post):
        for handler in (_before_load, _after_load):
            if handler in handlers:
                handlers.remove(handler)
