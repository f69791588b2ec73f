"""Which checkpoints there are."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..failures import describe_failure
from ..protocol.errors import CheckpointError
from ..protocol.messages import CheckpointEntry, ConditionEntry


def list_checkpoints(folders: Sequence[str]) -> list[CheckpointEntry]:
    """The bundled checkpoints and those in ``folders``, broken ones with what is wrong."""
    from ..paths import bundled_checkpoints, default_checkpoint

    bundled = bundled_checkpoints()
    try:
        default = default_checkpoint()
    except CheckpointError:
        default = None
    entries = [_describe(path, bundled=True, default=path == default) for path in bundled]
    others = dict.fromkeys(_files(folders))
    known = {os.path.realpath(path) for path in bundled}
    entries += [
        _describe(path, bundled=False, default=False)
        for path in others
        if os.path.realpath(path) not in known
    ]
    return entries


def _files(folders: Iterable[str]) -> Iterator[Path]:
    for folder in folders:
        # RuntimeError: "~" without a home folder; OSError: a network drive that is not there now
        with contextlib.suppress(OSError, RuntimeError):
            yield from sorted(Path(folder).expanduser().glob("*.safetensors"))


def _describe(path: Path, *, bundled: bool, default: bool) -> CheckpointEntry:
    from ..model.checkpoint_file import read_metadata

    name, size, problem = path.stem, 0, ""
    conditions: list[ConditionEntry] = []
    try:
        size = path.stat().st_size
        metadata = read_metadata(path)
        name = metadata.name
        conditions = [
            ConditionEntry(
                name=condition.name,
                minimum=condition.low,
                maximum=condition.high,
                default=condition.default,
                logarithmic=condition.logarithmic,
            )
            for condition in metadata.config.conditions
        ]
    except Exception as error:  # one file that cannot be read does not hide the others
        problem = describe_failure(error).message
    return CheckpointEntry(
        path=str(path),
        name=name,
        bytes=size,
        bundled=bundled,
        default=default,
        problem=problem,
        conditions=conditions,
    )
