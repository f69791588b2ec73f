"""The answer to a request, and what the backend is doing, as Blender looks at them. No bpy."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

from ...backend.protocol.messages import State

T = TypeVar("T")


@dataclass(frozen=True)
class Status:
    """What the backend is doing."""

    state: State | None = None
    """None: no process runs."""
    device: str = ""
    checkpoint: str = ""
    memory_bytes: int | None = None
    message: str = ""
    """For ``failed``: why."""
    remedy: str = ""


class Reply:
    """The answer to one request, when it comes."""

    def __init__(self, method: str) -> None:
        self.method = method
        self._future: Future[object] = Future()
        self._progress: tuple[float, str] = (0.0, "starting")
        self._cancel: Callable[[Reply], None] = lambda _: None

    def done(self) -> bool:
        return self._future.done()

    @property
    def progress(self) -> tuple[float, str]:
        """Fraction done, in [0, 1], and the stage that is running."""
        return self._progress

    def result(self, kind: type[T], timeout: float | None = None) -> T:
        """Wait for the answer.

        Args:
            kind: the method's result class.
            timeout: seconds; None: as long as it takes.

        Raises:
            Att3dError: what the backend said; Cancelled; BackendDied when the process ended.
            TimeoutError: it took longer than ``timeout``.
        """
        answer = self._future.result(timeout)
        if not isinstance(answer, kind):
            raise TypeError(f"{self.method} answers with {type(answer).__name__}")
        return answer

    def cancel(self) -> None:
        """Ask the backend to stop; :meth:`result` then raises Cancelled, or returns if done."""
        if not self.done():
            self._cancel(self)

    def when_done(self, call: Callable[[Reply], None]) -> None:
        """Call with this reply when the answer is there; in another thread."""
        self._future.add_done_callback(lambda _: call(self))

    def _finish(self, outcome: object) -> None:
        with contextlib.suppress(Exception):  # already answered
            if isinstance(outcome, BaseException):
                self._future.set_exception(outcome)
            else:
                self._future.set_result(outcome)
