"""Trainings that Export Library has prepared, and which of them have finished.

A training may take a night, and the .blend that it began with may be closed by then. So what is
awaited is in a file of the person's own (``trainings.json``, a list of folders of exported models),
which all Blenders share. :func:`look` reads and compares; the panel draws what it found.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path

import bpy

from ...backend.files import atomic_write, check_source
from ...backend.protocol.errors import Att3dError, OutputError
from ...backend.protocol.foreign_text import parse_json
from ..checkpoints import catalog
from ..checkpoints.card import fingerprint
from ..process.session import redraw
from ..ui.preferences import preferences
from ..ui.user_folders import data_folder

LOOK_AGAIN = 2.0
"""Seconds between two looks at whether a training has finished."""
MOST = 8
"""Trainings that are awaited; the oldest is forgotten."""


@dataclass(frozen=True)
class Training:
    """A training on exported models: its command, and where its checkpoint will be."""

    folder: Path
    """The exported models. Library and run are in folders beside it."""

    @property
    def name(self) -> str:
        """What the checkpoint will be called."""
        return self.folder.name

    @property
    def checkpoint(self) -> Path:
        return self._run / "checkpoint.safetensors"

    @property
    def command(self) -> str:
        """What makes the checkpoint, ready for a terminal."""
        folder, library, run, name = (
            shlex.quote(str(each)) for each in (self.folder, self._library, self._run, self.name)
        )
        return (
            f"python -m training library {folder} -o {library} && python -m training train"
            f" --preset library --library {library} --run {run} --name {name}"
        )

    @property
    def _library(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}-library")

    @property
    def _run(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}-run")


class Awaited:
    """What the panel shows; :data:`awaited` is the only one."""

    def __init__(self) -> None:
        self.trainings: tuple[Training, ...] = ()
        self.finished: frozenset[Training] = frozenset()
        """Those whose checkpoint is there, and not yet among the models of this machine."""

    def add(self, training: Training) -> None:
        """Wait for a training, in this Blender and in later ones. Raises OutputError."""
        others = [one for one in _read() if one != training]
        self._write([*others, training][-MOST:])
        watch()

    def forget(self, training: Training) -> None:
        """Wait no longer. Raises OutputError."""
        self._write([one for one in _read() if one != training])

    def look(self) -> None:
        """Read what is awaited, and compare it with what is there.

        A training whose checkpoint is among the models of this machine, however it was added, is
        awaited no longer. Raises OutputError.
        """
        trainings = _read()
        there = [one for one in trainings if one.checkpoint.is_file()]
        added = [one for one in there if _is_added(one.checkpoint)]
        if added:
            self._write([one for one in trainings if one not in added])
        before = (self.trainings, self.finished)
        self.trainings = tuple(one for one in trainings if one not in added)
        self.finished = frozenset(there).difference(added)
        if before != (self.trainings, self.finished):
            redraw()

    def _write(self, trainings: list[Training]) -> None:
        file = _file()
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(file, json.dumps([str(one.folder) for one in trainings], indent=1))
        except OSError as error:
            raise OutputError(f"{file} cannot be written: {error}.") from error
        self.trainings = tuple(trainings)
        self.finished &= frozenset(trainings)


awaited = Awaited()


def _file() -> Path:
    return data_folder() / "trainings.json"


def _read() -> list[Training]:
    """What is awaited; nothing where the file cannot be read or holds something else."""
    try:
        said = parse_json(check_source(_file()).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    folders = [Path(one) for one in said if isinstance(one, str)] if isinstance(said, list) else []
    return [Training(folder) for folder in folders if folder.name][-MOST:]


def _is_added(checkpoint: Path) -> bool:
    size = _size(checkpoint)
    choices = catalog.choices(preferences().checkpoint_folder_path)
    alike = (choice.path for choice in choices if _size(choice.path) == size)
    return any(fingerprint(path) == fingerprint(checkpoint) for path in alike)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # a drive that is not there now
        return 0


def watch() -> None:
    """Look again and again while something is awaited."""
    if bpy.app.background:  # nothing runs timers there, and one that is left hangs the exit
        return
    if not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=LOOK_AGAIN, persistent=True)


def _tick() -> float | None:
    try:
        awaited.look()
    except Att3dError:  # the list cannot be written; what is shown is true all the same
        return None
    return LOOK_AGAIN if awaited.trainings else None


def unwatch() -> None:
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
