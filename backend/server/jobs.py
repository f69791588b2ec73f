"""A queue of jobs and the one thread that works through it.

Other threads submit and cancel. Until the queue is closed every job is answered exactly once; a job
that is cancelled while it waits is answered at once and never starts.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from ..failures import describe_failure
from ..progress import CancelToken, ProgressCallback
from ..protocol.errors import Att3dError, Cancelled
from ..protocol.jsonrpc import (
    ErrorResponse,
    Id,
    Message,
    Notification,
    Response,
)
from ..protocol.messages import ProgressParams
from ..protocol.schema import encode

Work = Callable[[CancelToken, ProgressCallback], object]
"""Does a job and returns its result: a dataclass of :mod:`backend.protocol.messages`."""

_PROGRESS_INTERVAL = 0.03
"""Seconds between two progress messages of the same stage."""

log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Job:
    id: Id | None
    work: Work
    discard: Callable[[object], None]
    kind: str | None
    token: CancelToken = field(default_factory=CancelToken)


class JobQueue:
    """Runs jobs in the order in which they came.

    Args:
        send: takes every answer and progress message; called from any thread.
        on_idle: called when the last job has been answered.
    """

    def __init__(
        self, send: Callable[[Message], None], on_idle: Callable[[], None] = lambda: None
    ) -> None:
        self._send = send
        self._on_idle = on_idle
        self._changed = threading.Condition()
        self._waiting: deque[_Job] = deque()
        self._running: _Job | None = None
        self._closed = False

    def __len__(self) -> int:
        """Jobs that wait or run."""
        with self._changed:
            return len(self._waiting) + (self._running is not None)

    def submit(
        self,
        id: Id | None,
        work: Work,
        discard: Callable[[object], None] = lambda _: None,
        latest: str | None = None,
    ) -> None:
        """Queue a job.

        A job with the id None is one that nobody asked for: it is not answered.
        ``discard`` gets the result of a job that was cancelled too late to stop.
        Of the jobs that wait with the same ``latest``, only the last stays, in the place of the
        first; the others are answered with ``cancelled``. One that runs is left to finish.
        """
        job = _Job(id, work, discard, latest)
        with self._changed:
            places = [
                place
                for place, other in enumerate(self._waiting)
                if latest is not None and other.kind == latest
            ]
            superseded = [self._waiting[place] for place in places]
            if places:
                self._waiting[places[0]] = job
            else:
                self._waiting.append(job)
            self._changed.notify()
        for other in superseded:
            self._send(ErrorResponse(other.id, Cancelled("A newer request took its place.")))

    def cancel(self, id: Id) -> None:
        """Stop the job: now if it waits, at its next check if it runs. Unknown ids are ignored."""
        with self._changed:
            if self._running is not None and self._running.id == id:
                self._running.token.cancel()
                return
            dropped = [job for job in self._waiting if job.id == id]
            for job in dropped:
                self._waiting.remove(job)
        for job in dropped:
            self._send(ErrorResponse(job.id, Cancelled()))

    def close(self) -> None:
        """Stop everything, unanswered; :meth:`run` returns when the running job has stopped."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            if self._running is not None:
                self._running.token.cancel()
            self._changed.notify_all()

    def run(self) -> None:
        """Work until :meth:`close`. Call it from the one thread that may touch the model."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._waiting)
                if self._closed:
                    return
                job = self._running = self._waiting.popleft()
            answer = self._work(job)
            with self._changed:
                self._running = None
                idle = not self._waiting
            if answer is not None and not self._closed:
                self._send(answer)
            if idle:
                self._on_idle()

    def _work(self, job: _Job) -> Response | ErrorResponse | None:
        try:
            result = job.work(job.token, ProgressReporter(job.id, job.token, self._send))
            if job.token.cancelled:
                job.discard(result)
                raise Cancelled
            return None if job.id is None else Response(job.id, encode(result))
        except Att3dError as error:
            failure = error
        except Exception as error:
            log.exception("The job %s failed", job.id)
            failure = describe_failure(error)
        return None if job.id is None else ErrorResponse(job.id, failure)


class ProgressReporter:
    """Turns what a job reports into messages: never backwards, and not too many.

    Args:
        id: the request's; None: nobody asked, and nothing is sent.
        token: is checked at every report.
        clock: gives seconds.
    """

    def __init__(
        self,
        id: Id | None,
        token: CancelToken,
        send: Callable[[Message], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._id = id
        self._token = token
        self._send = send
        self._fraction = 0.0
        self._stage = ""
        self._last = -math.inf

    def __call__(self, fraction: float, stage: str) -> None:
        self._token.check()
        if self._id is None:
            return
        fraction = min(max(self._fraction, float(fraction)), 1.0)  # max keeps its first for a NaN
        now = self._clock()
        if stage == self._stage and fraction < 1.0 and now - self._last < _PROGRESS_INTERVAL:
            return
        self._fraction, self._stage, self._last = fraction, stage, now
        params = ProgressParams(id=self._id, fraction=fraction, stage=stage)
        self._send(Notification("$/progress", encode(params)))
