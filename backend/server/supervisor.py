"""The process that the client talks to: it relays to the worker, watches it, and can kill it.

A C extension can hold Python's lock for a second, and no thread of its process can answer then.
The supervisor has no such work, so it can keep the promises of the protocol at any moment: a
cancelled request is answered after :data:`GRACE_SECONDS` even if its stage cannot be interrupted,
and the end of stdin ends everything.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, cast

from ..failures import describe_failure
from ..protocol.errors import BadRequest, Cancelled, ProtocolError
from ..protocol.framing import MAX_RELAYED, read_frame, write_frame
from ..protocol.jsonrpc import (
    ErrorResponse,
    Id,
    InvalidMessage,
    Message,
    Notification,
    Request,
    Response,
    dump_message,
    parse_message,
)
from ..protocol.messages import CancelParams, InitializeResult
from ..protocol.schema import decode
from .result_folder import remove_folder
from .stdio import MessageWriter

log = logging.getLogger(__name__)

GRACE_SECONDS = 0.1
"""How long a cancelled job may take to answer by itself."""
_END_SECONDS = 0.5
"""How long the worker may take to end by itself when the client has gone."""
_PARENT_SECONDS = 0.25
"""How often to look whether the parent process still lives."""


class Supervisor:
    """Relays between a client's two pipes and a worker process.

    Args:
        requests, answers: the client's ends.
        command: starts the worker, which talks on its own stdin and stdout.
    """

    def __init__(self, requests: BinaryIO, answers: BinaryIO, command: Sequence[str]) -> None:
        self._requests = requests
        self._client = MessageWriter(answers)
        self._command = list(command)
        self._lock = threading.Lock()
        # The worker sees our ids, never the client's, which may use one again as soon as it has
        # an answer, while an abandoned job still runs.
        self._ids = itertools.count(1)
        self._ours: dict[Id, int] = {}
        self._theirs: dict[int, Id] = {}
        self._initializing: set[Id] = set()
        self._results: Path | None = None
        self._ending = threading.Lock()

    def run(self) -> int:
        """Relay until one side ends; the exit code."""
        self._worker = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment()
        )
        for target in (self._watch_parent, self._relay_answers):
            threading.Thread(target=target, daemon=True).start()
        try:
            code = self._relay_requests()
        except (KeyboardInterrupt, SystemExit) as stop:
            code = 130 if isinstance(stop, KeyboardInterrupt) else 143
        return self._end(code)

    # --- client to worker -------------------------------------------------------------------

    def _relay_requests(self) -> int:
        try:
            while (body := read_frame(self._requests)) is not None:
                self._from_client(body)
        except ProtocolError as error:
            self._client.send(ErrorResponse(None, error))
            return 1
        return 0

    def _from_client(self, body: bytes) -> None:
        try:
            message = parse_message(body)
        except ProtocolError as error:
            id = error.id if isinstance(error, InvalidMessage) else None
            self._client.send(ErrorResponse(id, error))
            return
        match message:
            case Request(id, method, params):
                ours = self._open(id)
                if ours is None:
                    error = InvalidMessage(f"The id {id!r} belongs to a request that still runs.")
                    self._client.send(ErrorResponse(None, error))
                    return
                if method == "initialize":
                    self._initializing.add(ours)
                try:
                    self._to_worker(Request(ours, method, params))
                except Exception as error:  # every request is answered
                    log.exception("The request %r could not be passed on", id)
                    self._close(ours)
                    self._client.send(ErrorResponse(id, describe_failure(error)))
            case Notification("$/cancel", params):
                self._cancel(params)
            case Notification(method):
                log.warning("Ignored the notification %.60r", method)
            case _:
                log.warning("Ignored an answer to a question that was never asked")

    def _cancel(self, params: Mapping[str, object]) -> None:
        try:
            id = decode(CancelParams, params, "$/cancel").id
        except BadRequest as error:
            log.warning("%s", error)
            return
        with self._lock:
            ours = self._ours.get(id)
        if ours is not None:
            self._to_worker(Notification("$/cancel", {"id": ours}))
            timer = threading.Timer(GRACE_SECONDS, self._abandon, [ours])
            timer.daemon = True
            timer.start()

    def _to_worker(self, message: Message) -> None:
        pipe = cast(BinaryIO, self._worker.stdin)
        with contextlib.suppress(OSError, ValueError):  # it ended: _relay_answers says so
            write_frame(pipe, dump_message(message), MAX_RELAYED)

    def _abandon(self, ours: int) -> None:
        """Answer for a job that has not stopped yet; what it says later goes nowhere."""
        id = self._close(ours)
        if id is not None:
            self._client.send(ErrorResponse(id, Cancelled()))

    def _open(self, id: Id) -> int | None:
        """Our id for a new request; None when the client's is in use."""
        with self._lock:
            if id in self._ours:
                return None
            ours = self._ours[id] = next(self._ids)
            self._theirs[ours] = id
            return ours

    def _close(self, ours: object) -> Id | None:
        """Forget a request; the client's id, or None when it was answered before."""
        with self._lock:
            id = self._theirs.pop(ours, None) if isinstance(ours, int) else None
            if id is not None:
                del self._ours[id]
        return id

    # --- worker to client -------------------------------------------------------------------

    def _relay_answers(self) -> None:
        pipe = cast(BinaryIO, self._worker.stdout)
        try:
            while (body := read_frame(pipe)) is not None:
                message = self._from_worker(parse_message(body))
                if message is not None:
                    self._client.send(message)
        except Exception:
            log.exception("The worker wrote something that is not understood")
            self._worker.kill()
        code = _describe_end(self._worker.wait())
        os._exit(self._end(code))

    def _from_worker(self, message: Message) -> Message | None:
        """The message with the client's id; None when the client does not wait for it."""
        match message:
            case Response(ours, result):
                if ours in self._initializing:
                    self._results = Path(decode(InitializeResult, result).session_folder)
                id = self._close(ours)
                return None if id is None else Response(id, result)
            case ErrorResponse(ours, error) if ours is not None:
                id = self._close(ours)
                return None if id is None else ErrorResponse(id, error)
            case Notification("$/progress", params):
                with self._lock:
                    id = self._theirs.get(cast(int, params["id"]))
                return None if id is None else Notification("$/progress", {**params, "id": id})
        return message

    # --- the end -----------------------------------------------------------------------------

    def _watch_parent(self) -> None:
        """End when the parent does, even if someone else still holds our stdin open."""
        if sys.platform == "win32":
            return  # a parent's id does not change there; the end of stdin has to do
        parent = os.getppid()
        while os.getppid() == parent:
            time.sleep(_PARENT_SECONDS)
        os._exit(self._end(1))

    def _end(self, code: int) -> int:
        """End the worker, remove the folder of results and return ``code``; once."""
        self._ending.acquire()
        pipe = cast(BinaryIO, self._worker.stdin)
        with contextlib.suppress(OSError, ValueError):
            pipe.close()
        try:
            self._worker.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._worker.kill()
            self._worker.wait()
        if self._results is not None:
            remove_folder(self._results)
        return code


def end_on_sigterm() -> None:
    """Make SIGTERM raise SystemExit in the main thread, which waits in a read."""

    def stop(*_: object) -> None:
        raise SystemExit(143)

    signal.signal(signal.SIGTERM, stop)


def _environment() -> Mapping[str, str]:
    """Ours, with this very package first on the path of the worker."""
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return os.environ | {"PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}


def _describe_end(code: int) -> int:
    """Log why the worker ended, and give the exit code that says the same."""
    if code < 0:
        name = signal.Signals(-code).name
        log.error("The backend's worker was killed by %s", name)
        return 128 - code
    return code
