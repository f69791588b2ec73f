"""The history of this Blender, as the preferences say; and how a result gets into it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ...backend.protocol.errors import OutputError
from ..process.session import redraw
from ..ui.preferences import preferences
from .store import Entry, History

if TYPE_CHECKING:
    from ..scene.arrays import ChainArrays, MeshArrays
    from ..scene.provenance import Provenance

MEGABYTE = 2**20
problem: OutputError | None = None
"""Why the last result is not in the history; shown in its panel."""
_history: History | None = None


def history() -> History:
    """The history in the folder that the preferences name."""
    global _history
    chosen = preferences()
    folder, limit = chosen.history_folder_path, chosen.history_limit * MEGABYTE
    if _history is None or _history.folder != folder:
        _history = History(folder, limit, lambda _: _drawn())
    _history.limit = limit
    return _history


def keep(
    file: Path,
    arrays: MeshArrays | ChainArrays,
    origin: Provenance,
    *,
    choice: str,
    seconds: float,
    key_names: Sequence[str] = (),
) -> Entry | None:
    """Move a result's file into the history, or remove it when no history is kept.

    A history that cannot be written is said in its panel and stops nothing.

    Args:
        file: from the backend; gone afterwards.
        arrays: what it holds.
        origin: where it came from.
        choice: the checkpoint as the scene's setting says it.
        seconds: how long it took.
        key_names: the names of an animated object's keys.
    """
    global problem
    if not preferences().keep_history:
        file.unlink(missing_ok=True)
        return None
    entry = Entry(
        folder=Path(),
        prompt=origin.prompt,
        checkpoint=origin.checkpoint,
        checkpoint_hash=origin.checkpoint_hash,
        checkpoint_choice=choice,
        options=dict(origin.options),
        notes=origin.notes,
        title=origin.title,
        source=origin.source,
        key_names=tuple(key_names),
        extension_version=origin.extension_version,
        backend_version=origin.backend_version,
        faces=len(arrays.faces),
        seconds=seconds,
    )
    try:
        kept = history().keep(file, entry, arrays)
    except OutputError as error:
        problem = error
        return None
    problem = None
    return kept


def _drawn() -> None:
    """Ask the main thread to draw the panel again: a thread may not touch bpy's data."""
    if not bpy.app.background:
        bpy.app.timers.register(_redraw, first_interval=0.0)


def _redraw() -> None:
    redraw()


def unregister() -> None:
    """Let the last picture be drawn."""
    global _history
    if _history is not None:
        _history.wait()
    _history = None
