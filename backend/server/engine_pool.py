"""Engines by checkpoint, loaded when they are first needed."""

from __future__ import annotations

import os
import sys
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from ..engine import Engine

_KEPT = 2
"""Engines kept in memory: enough to switch between two checkpoints without loading again."""


EngineFactory: TypeAlias = "Callable[[Path | None, str, str], Engine]"
"""Makes an engine from a checkpoint's path (None: the bundled default), a device and an
accelerator."""


def real_engine(checkpoint: Path | None, device: str, accelerator: str) -> Engine:
    """The engine. Importing it imports numpy and scipy, so this is the only place that does."""
    from ..engine import Engine

    return Engine(checkpoint, device, accelerator)


class EnginePool:
    """Keeps the engines that were used last. Used by the worker thread only.

    Args:
        make: makes an engine.
        accelerator: what computes the engines.
        on_loading: called with the checkpoint's path before a slow load.
    """

    def __init__(
        self, make: EngineFactory, accelerator: str, on_loading: Callable[[str], None]
    ) -> None:
        self._make = make
        self._accelerator = accelerator
        self._on_loading = on_loading
        self._engines: OrderedDict[tuple[object, ...], Engine] = OrderedDict()

    def get(self, checkpoint: str | None, device: str) -> Engine:
        """The engine for a checkpoint, warmed up; a file that has changed is loaded again."""
        key = (device, checkpoint, *_stamp(checkpoint))
        if key in self._engines:
            self._engines.move_to_end(key)
            return self._engines[key]
        self._on_loading(checkpoint or "")
        while len(self._engines) >= _KEPT:
            self._engines.popitem(last=False)
        engine = self._make(Path(checkpoint) if checkpoint else None, device, self._accelerator)
        engine.warm_up()
        self._engines[key] = engine
        return engine


def _stamp(checkpoint: str | None) -> tuple[int, int]:
    if checkpoint is None:
        return (0, 0)
    try:
        status = os.stat(checkpoint)
    except OSError:
        return (0, 0)  # loading it will say what is wrong
    return (status.st_mtime_ns, status.st_size)


def resident_bytes() -> int | None:
    """Resident memory of this process; None where the system does not say it simply."""
    if sys.platform == "linux":
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return None
