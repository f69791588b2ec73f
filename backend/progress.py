"""How long work reports progress and learns that it should stop."""

from __future__ import annotations

import threading
from collections.abc import Callable

from .protocol.errors import Cancelled

ProgressCallback = Callable[[float, str], None]
"""Called with the fraction done, in [0, 1], and the name of the stage that is running."""


class CancelToken:
    """A thread-safe flag. Work checks it often (every 100 ms or so); anyone may raise it."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask the work to stop. Calling it again changes nothing."""
        self._event.set()

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()

    def check(self) -> None:
        """Return at once, or raise :class:`Cancelled` when :meth:`cancel` was called."""
        if self._event.is_set():
            raise Cancelled

    def wait(self, seconds: float) -> bool:
        """Sleep for ``seconds`` or until cancelled; true when cancelled."""
        return self._event.wait(seconds)
