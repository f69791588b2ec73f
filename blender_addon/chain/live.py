"""The live slider: while it is dragged, the true object at that place of the chain is shown.

Requests never wait for answers: the value that is wanted last is asked for as soon as the backend
is free for it, what was wanted in between is skipped, and answers are taken from a timer. Dragging
is one undo step, because the slider is an ordinary property; what the preview shows follows the
slider, also after undo.
"""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.app.handlers import persistent

from ...backend.protocol.errors import Att3dError, Cancelled, InternalError
from ...backend.protocol.messages import PreviewParams, PreviewResult
from ..checkpoints import catalog
from ..checkpoints.automatic import answering
from ..checkpoints.conditions import slider_values
from ..checkpoints.inverted import objects_named, own_checkpoint
from ..process.session import redraw, session
from ..scene import preview, viewport_colors
from ..scene.arrays import read_preview
from ..scene.data_blocks import find_by_uid
from ..ui.preferences import preferences
from .place import place_of

if TYPE_CHECKING:
    from ..process.reply import Reply

BUSY_SECONDS, IDLE_SECONDS = 0.005, 0.1
"""How often to look for an answer, and whether one is wanted."""
IN_FLIGHT = 2
"""Requests at once: one is answered while the other waits in the backend, which so never idles."""


class Live:
    """See the module. There is one, :data:`live`."""

    def __init__(self) -> None:
        self.running = False
        self.empty = False
        """Whether the object has no surface at this place."""
        self._scene = 0
        self._replies: deque[Reply] = deque()
        self._stale = False
        self._times: deque[float] = deque(maxlen=20)

    @property
    def rate(self) -> float | None:
        """Updates a second while the slider moved last; None before there were any."""
        if len(self._times) < 3:
            return None
        return (len(self._times) - 1) / max(self._times[-1] - self._times[0], 1e-6)

    @property
    def waiting(self) -> bool:
        """Whether what is shown is not yet what is wanted."""
        return self._stale or bool(self._replies)

    def start(self, scene: bpy.types.Scene) -> None:
        """Add the preview to the scene and ask for the first picture.

        Raises:
            BadRequest: the chain has fewer than two prompts, or too many.
            Att3dError: the backend cannot be started.
        """
        place_of(scene)
        self.stop()
        session.error = None
        self._scene = scene.session_uid
        preview.add_preview(scene, scene.att3d.placement)
        viewport_colors.show_vertex_colors()
        self.running = True
        try:
            self._stale = True
            self._ask()
        except Att3dError:
            self.stop()
            raise
        self._watch()

    def stop(self) -> None:
        """Take the preview away. What is still asked for goes nowhere."""
        self.running = self._stale = self.empty = False
        for reply in self._replies:
            reply.cancel()
        self._replies.clear()
        self._times.clear()
        preview.remove_previews()
        viewport_colors.restore()

    def want(self) -> None:
        """The slider or the prompts have changed."""
        if not self.running:
            return
        self._stale = True
        if bpy.app.background:
            self.wait()
        else:
            self._watch()

    def wait(self) -> None:
        """Block until what is wanted is shown: for scripts, which have no timers."""
        while self.running and self.waiting:
            self.tick()
            time.sleep(0.002)

    def tick(self) -> float | None:
        """Take answers, ask for what is wanted. Seconds until the next look; None: no more."""
        if not self.running:
            return None
        if self.scene is None or not preview.previews():
            self.stop()
            return None
        try:
            while self._replies and self._replies[0].done():
                self._take(self._replies.popleft())
            self._ask()
        except Exception as error:
            self._fail(error)
            return None
        return BUSY_SECONDS if self.waiting else IDLE_SECONDS

    @property
    def scene(self) -> bpy.types.Scene | None:
        """The one that has the preview; None when it is gone."""
        return find_by_uid(bpy.data.scenes, self._scene)

    def follow_undo(self) -> None:
        """Undo and redo may have taken the preview away, or brought it back."""
        found = preview.previews()
        if self.running and not found:
            self.stop()
        elif found:
            self.running = True
            self._scene = next(
                (s.session_uid for s in bpy.data.scenes if found[0].name in s.objects), 0
            )
            self.want()

    def forget(self) -> None:
        """Another file: nothing of the last one is there."""
        self.running = False
        self.stop()

    # --- asking and taking ---

    def _ask(self) -> None:
        if not self._stale or len(self._replies) >= IN_FLIGHT:
            return
        scene = self.scene
        if scene is None:
            return
        settings, chosen = scene.att3d, preferences()
        prompts, place = place_of(scene)
        answers = settings.checkpoint or own_checkpoint(scene, prompts)
        choice = answering("", prompts) if not answers else None
        answers = choice.identifier if choice is not None else answers
        params = PreviewParams(
            prompts=prompts,
            **place,
            checkpoint=catalog.path_of(answers, chosen.checkpoint_folder_path),
            resolution=settings.preview_resolution,
            conditions=slider_values(settings, answers),
            objects=objects_named(scene, prompts),
        )
        self._stale = False
        self._replies.append(session.ask(chosen.launch, "preview", params))

    def _take(self, reply: Reply) -> None:
        try:
            result = reply.result(PreviewResult)
        except Cancelled:  # a newer one was asked for
            return
        file = Path(result.mesh)
        arrays = read_preview(file)
        file.unlink(missing_ok=True)
        preview.show(preview.previews()[0], arrays)
        self.empty = not len(arrays.faces)
        now = time.monotonic()
        if self._times and now - self._times[-1] > 1.0:
            self._times.clear()  # a new movement
        self._times.append(now)
        redraw(views=True)

    def _fail(self, error: Exception) -> None:
        if not isinstance(error, Att3dError):
            error = InternalError(f"The live slider failed: {type(error).__name__}: {error}")
        self.stop()
        session.error = error
        redraw()

    def _watch(self) -> None:
        if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
            bpy.app.timers.register(_tick)


live = Live()


def prompts_changed(scene: bpy.types.Scene) -> None:
    """Called when the slider or a row of the list has been edited."""
    if live.running and live.scene == scene:
        live.want()


def _tick() -> float | None:
    return live.tick()


@persistent
def _on_undo(*_: object) -> None:
    live.follow_undo()


@persistent
def _on_load(*_: object) -> None:
    live.forget()


_saving = 0
"""The scene whose preview is away while the file is being written."""


@persistent
def _before_save(*_: object) -> None:
    """The preview is temporary: it does not go into the file."""
    global _saving
    _saving = live._scene if live.running else 0
    if live.running:
        live.stop()


@persistent
def _after_save(*_: object) -> None:
    scene = find_by_uid(bpy.data.scenes, _saving)
    if scene is not None:
        live.start(scene)


_HANDLERS = (
    ("undo_post", _on_undo),
    ("redo_post", _on_undo),
    ("load_post", _on_load),
    ("save_pre", _before_save),
    ("save_post", _after_save),
    ("save_post_fail", _after_save),
)


def register() -> None:
    for name, handler in _HANDLERS:
        getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    live.stop()
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    for name, handler in _HANDLERS:
        getattr(bpy.app.handlers, name).remove(handler)
