"""Engines by checkpoint, loaded when they are first needed."""

from __future__ import annotations

import os
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ..progress import CancelToken, ProgressCallback

if TYPE_CHECKING:
    from ..model.field import Field

_KEPT = 2
"""Engines kept in memory: enough to switch between two checkpoints without loading again."""


@runtime_checkable
class EngineLike(Protocol):
    """What the server needs of :class:`backend.engine.Engine`."""

    def generate(
        self,
        prompt: str,
        options: Any,
        progress: ProgressCallback | None = None,
        cancel: CancelToken | None = None,
    ) -> Any: ...

    def between(
        self,
        prompts: Sequence[str],
        alpha: float,
        options: Any,
        progress: ProgressCallback | None = None,
        cancel: CancelToken | None = None,
    ) -> Any: ...

    def field(self, prompt: str) -> tuple[Field, list[str]]: ...

    def interpolate(
        self,
        prompts: Sequence[str],
        options: Any,
        progress: ProgressCallback | None = None,
        cancel: CancelToken | None = None,
    ) -> Any: ...

    def preview(self, prompts: Sequence[str], alpha: float, resolution: int) -> Any: ...

    def warm_up(self) -> None: ...

    def info(self) -> Mapping[str, object]: ...


EngineFactory = Callable[[Path | None, str], EngineLike]
"""Makes an engine from a checkpoint's path (None: the bundled default) and a device."""


def real_engine(checkpoint: Path | None, device: str) -> EngineLike:
    """The engine. Importing it imports torch, so this is the only place that does."""
    from ..engine import Engine

    return Engine(checkpoint, device=device)


class EngineShelf:
    """Keeps the engines that were used last. Used by the worker thread only.

    Args:
        make: makes an engine.
        on_loading: called with the checkpoint's path before a slow load.
    """

    def __init__(self, make: EngineFactory, on_loading: Callable[[str], None]) -> None:
        self._make = make
        self._on_loading = on_loading
        self._engines: OrderedDict[tuple[object, ...], EngineLike] = OrderedDict()

    def get(self, checkpoint: str | None, device: str) -> EngineLike:
        """The engine for a checkpoint, warmed up; a file that has changed is loaded again."""
        key = (device, checkpoint, *_stamp(checkpoint))
        if key in self._engines:
            self._engines.move_to_end(key)
            return self._engines[key]
        self._on_loading(checkpoint or "")
        while len(self._engines) >= _KEPT:
            self._engines.popitem(last=False)
        engine = self._make(Path(checkpoint) if checkpoint else None, device)
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
