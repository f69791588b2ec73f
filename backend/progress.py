"""How work reports its progress, stage by stage, and learns that it should stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

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


SHARES = {
    "text": 0.005,
    "grid": 0.01,
    "density": 0.13,
    "contour": 0.01,
    "clean": 0.01,
    "decimate": 0.255,
    "uv": 0.225,
    "bake": 0.355,
}
"""Share of the time of each stage, in order; they add up to 1. Measured: means over four prompts of
the bundled checkpoint with the default options on one core (the stages that `att3d generate --json`
prints)."""


class Stages:
    """Times stages, reports progress and checks the cancel token at their borders.

    Args:
        shares: Rough share of the time of each stage, in order; they add up to 1.
    """

    def __init__(
        self,
        progress: ProgressCallback | None = None,
        cancel: CancelToken | None = None,
        shares: Mapping[str, float] = SHARES,
    ) -> None:
        self.timings: dict[str, float] = {}
        self.cancel = cancel or CancelToken()
        self._progress = progress
        self._shares = dict(shares)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Run one stage. Raises Cancelled before or after it if asked to."""
        self.within(name, 0.0)
        started = time.perf_counter()
        yield
        self.timings[name] = time.perf_counter() - started
        self.cancel.check()

    def within(self, name: str, fraction: float) -> None:
        """Report that ``fraction`` of the stage is done. Raises Cancelled if asked to."""
        self.cancel.check()
        order = list(self._shares)
        before = sum(self._shares[other] for other in order[: order.index(name)])
        self._report(before + fraction * self._shares[name], name)

    def done(self) -> None:
        """Report that all is finished."""
        self._report(1.0, "done")

    def _report(self, fraction: float, name: str) -> None:
        if self._progress is not None:
            self._progress(fraction, name)
