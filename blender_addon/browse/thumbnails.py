"""Small pictures of prompts: drawn by the engine one after another, and kept.

Only what the panel shows is drawn, and only while nothing else is being made. What went wrong once
is not tried again in this session.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import bpy

from ...backend.protocol.errors import Att3dError
from ...backend.protocol.messages import RenderParams, RenderResult
from ..checkpoints.card import fingerprint
from ..process.reply import Reply
from ..process.session import redraw, session
from ..ui.preferences import preferences
from .listing import Item

SIZE = 112
"""Pixels along each side."""
LOOK_AGAIN = 0.1
"""Seconds between two looks at what has been drawn."""


def picture_of(item: Item) -> Path:
    """Where the picture of a prompt is, or would be."""
    try:
        stat = item.checkpoint.stat()
        name = _fingerprint(item.checkpoint, stat.st_mtime_ns, stat.st_size)
    except OSError:
        name = "missing"
    digest = hashlib.sha256(item.prompt.encode()).hexdigest()[:24]
    return preferences().pictures_path / "browse" / f"{name}-{SIZE}" / f"{digest}.png"


@lru_cache(maxsize=64)
def _fingerprint(path: Path, modified: int, size: int) -> str:
    del modified, size
    return fingerprint(path)


class Thumbnails:
    """What is being drawn; :data:`thumbnails` is the only one."""

    def __init__(self) -> None:
        self._wanted: list[Item] = []
        self._failed: set[Item] = set()
        self._reply: Reply | None = None
        self._item: Item | None = None

    def want(self, items: Sequence[Item]) -> None:
        """Draw these, in their order, and forget what was wanted before."""
        self._wanted = [i for i in items if i not in self._failed and not picture_of(i).is_file()]
        if bpy.app.background:  # nothing runs timers there, and one that is left hangs the exit
            return
        if self._wanted and not bpy.app.timers.is_registered(_tick):
            bpy.app.timers.register(_tick, first_interval=LOOK_AGAIN)

    def tick(self) -> float | None:
        """Take what has been drawn, ask for the next. Seconds until the next look; None: done."""
        if self._reply is not None and self._reply.done():
            self._take(self._reply)
            self._reply = None
            redraw()
        if self._reply is None and self._wanted and not session.busy:
            self._ask(self._wanted.pop(0))
        return LOOK_AGAIN if self._reply is not None or self._wanted else None

    def _ask(self, item: Item) -> None:
        self._item = item
        params = RenderParams(prompt=item.prompt, checkpoint=str(item.checkpoint), size=SIZE)
        try:
            self._reply = session.ask(preferences().launch, "render", params)
        except Att3dError:  # nothing is set up: the panel says so where it matters
            self._wanted.clear()

    def _take(self, reply: Reply) -> None:
        assert self._item is not None
        target = picture_of(self._item)
        try:
            result = reply.result(RenderResult)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(result.image, target)
        except (Att3dError, OSError):  # one picture less
            self._failed.add(self._item)


thumbnails = Thumbnails()


def _tick() -> float | None:
    return thumbnails.tick()


def unregister() -> None:
    """Nothing is drawn when the extension is gone."""
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    thumbnails.want(())
