"""Named stages of a job: how long each took, how far it is, whether it should stop."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from ..progress import CancelToken, ProgressCallback

SHARES = {
    "text": 0.05,
    "grid": 0.05,
    "density": 0.25,
    "contour": 0.05,
    "clean": 0.05,
    "decimate": 0.1,
    "uv": 0.15,
    "bake": 0.3,
}
"""Rough share of the time of each stage, in order; they add up to 1."""


class Stages:
    """Times stages, reports progress and checks the cancel token at their borders."""

    def __init__(
        self, progress: ProgressCallback | None = None, cancel: CancelToken | None = None
    ) -> None:
        self.timings: dict[str, float] = {}
        self.cancel = cancel or CancelToken()
        self._progress = progress

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Run one stage of :data:`SHARES`. Raises Cancelled before or after it if asked to."""
        self.cancel.check()
        self._report(sum(share for other, share in SHARES.items() if _before(other, name)), name)
        started = time.perf_counter()
        yield
        self.timings[name] = time.perf_counter() - started
        self.cancel.check()

    def done(self) -> None:
        """Report that all is finished."""
        self._report(1.0, "done")

    def _report(self, fraction: float, name: str) -> None:
        if self._progress is not None:
            self._progress(fraction, name)


def _before(one: str, other: str) -> bool:
    order = list(SHARES)
    return order.index(one) < order.index(other)
