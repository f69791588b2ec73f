"""The answer to a request, and what the backend is doing, as Blender looks at them. No bpy."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass
from typing import Any, TypeVar

from ...backend.protocol.errors import Cancelled
from ...backend.protocol.messages import State

T = TypeVar("T")


@dataclass(frozen=True)
class Status:
    """What the backend is doing."""

    state: State | None = None
    """None: no process runs."""
    device: str = ""
    library: str = ""
    """What computes the checkpoint: ``numpy`` or ``torch``."""
    reason: str = ""
    """Why that library computes."""
    broken: str = ""
    """Why PyTorch, which is installed, cannot be loaded; else empty."""
    checkpoint: str = ""
    memory_bytes: int | None = None
    message: str = ""
    """Why the state is ``failed``; else empty."""
    remedy: str = ""


class Reply:
    """The answer to one request, when it comes. For any thread.

    Args:
        method: of the request.
        prepare: what to do with the answer before it is used, in a thread of its own: reading and
            encoding would hold up Blender's window. The reply is done when this is done; an error
            of it is the reply's.
    """

    def __init__(self, method: str, prepare: Callable[[Any], Any] | None = None) -> None:
        self.method = method
        self.prepared: Any = None
        """The value that ``prepare`` returned."""
        self.dropped = False
        """Whether nobody waits for it any more."""
        self._future: Future[object] = Future()
        self.began: dict[str, float] = {}
        """When each stage began, in seconds since the request was sent."""
        self._progress: tuple[float, str] = (0.0, "starting")
        self._cancel: Callable[[Reply], None] = lambda _: None
        self._prepare = prepare
        self._started = time.monotonic()

    def done(self) -> bool:
        return self.dropped or self._future.done()

    @property
    def progress(self) -> tuple[float, str]:
        """Fraction done, in [0, 1], and the stage that is running."""
        return self._progress

    def _goes_on(self, fraction: float, stage: str) -> None:
        """Take note of progress; fractions never go back."""
        self._progress = (max(fraction, self._progress[0]), stage)
        self.began.setdefault(stage, self.seconds)

    @property
    def seconds(self) -> float:
        """How long ago it was sent."""
        return time.monotonic() - self._started

    def result(self, kind: type[T], timeout: float | None = None) -> T:
        """Wait for the answer.

        Args:
            kind: the method's result class.
            timeout: seconds; None: as long as it takes.

        Raises:
            Att3dError: what the backend said; Cancelled; BackendDied when the process ended.
            TimeoutError: it took longer than ``timeout``.
        """
        if self.dropped:
            raise Cancelled
        answer = self._future.result(timeout)
        if not isinstance(answer, kind):
            raise TypeError(f"{self.method} answers with {type(answer).__name__}")
        return answer

    def cancel(self) -> None:
        """Ask the backend to stop; :meth:`result` then raises Cancelled, or returns if done."""
        if not self.done():
            self._cancel(self)

    def drop(self) -> None:
        """Ask the backend to stop, and wait no longer: whatever comes, this is cancelled."""
        self.cancel()
        self.dropped = True

    def when_done(self, call: Callable[[Reply], None]) -> None:
        """Call with this reply when the answer is there; in another thread."""
        self._future.add_done_callback(lambda _: call(self))

    def _finish(self, outcome: object) -> None:
        if self._prepare is None or isinstance(outcome, BaseException) or self.done():
            self._set(outcome)
        else:
            name = f"att3d {self.method}"
            threading.Thread(target=self._use, args=(self._prepare, outcome), name=name).start()

    def _use(self, prepare: Callable[[Any], Any], answer: object) -> None:
        try:
            self.prepared = prepare(answer)
        except Exception as error:
            self._set(error)
        else:
            self._set(answer)

    def _set(self, outcome: object) -> None:
        with contextlib.suppress(InvalidStateError):  # already answered
            if isinstance(outcome, BaseException):
                self._future.set_exception(outcome)
            else:
                self._future.set_result(outcome)
