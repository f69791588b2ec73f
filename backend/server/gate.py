"""The process that the client talks to: a small relay in front of the one that holds the model.

A C extension can hold Python's lock for a second, and no thread of its process can answer then.
The gate has no such work, so it can keep the promises of the protocol at any moment: a cancelled
request is answered after :data:`GRACE_SECONDS` even if its stage cannot be interrupted, and the
end of stdin ends everything.
"""

from __future__ import annotations

import contextlib
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

from ..protocol.errors import BadRequest, Cancelled, ProtocolError
from ..protocol.framing import read_frame, write_frame
from ..protocol.messages import (
    CancelParams,
    ErrorResponse,
    Id,
    InitializeResult,
    Message,
    Notification,
    ProgressParams,
    Request,
    Response,
    parse_message,
)
from ..protocol.schema import decode
from .session import remove_session
from .stdio import MessageWriter

log = logging.getLogger(__name__)

GRACE_SECONDS = 0.1
"""How long a cancelled job may take to answer by itself."""
_END_SECONDS = 0.5
"""How long the service may take to end by itself when the client has gone."""
_PARENT_SECONDS = 0.25
"""How often to look whether the parent process still lives."""


class Gate:
    """Relays between a client's two pipes and a service process.

    Args:
        requests, answers: the client's ends.
        command: starts the service, which talks on its own stdin and stdout.
    """

    def __init__(self, requests: BinaryIO, answers: BinaryIO, command: Sequence[str]) -> None:
        self._requests = requests
        self._client = MessageWriter(answers)
        self._command = list(command)
        self._lock = threading.Lock()
        self._open: set[Id] = set()
        self._abandoned: set[Id] = set()
        self._initialize: Id | None = None
        self._session: Path | None = None
        self._ending = threading.Lock()

    def run(self) -> int:
        """Relay until one side ends; the exit code."""
        self._service = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment()
        )
        for target in (self._watch_parent, self._relay_answers):
            threading.Thread(target=target, daemon=True).start()
        try:
            code = self._relay_requests()
        except (KeyboardInterrupt, SystemExit) as stop:
            code = 130 if isinstance(stop, KeyboardInterrupt) else 143
        return self._end(code)

    # --- client to service -------------------------------------------------------------------

    def _relay_requests(self) -> int:
        try:
            while (body := read_frame(self._requests)) is not None:
                self._note_request(body)
                self._to_service(body)
        except ProtocolError as error:
            self._client.send(ErrorResponse(None, error))
            return 1
        return 0

    def _note_request(self, body: bytes) -> None:
        try:
            message = parse_message(body)
        except ProtocolError:
            return  # the service says what is wrong with it
        if isinstance(message, Request):
            with self._lock:
                if message.id not in self._abandoned:
                    self._open.add(message.id)
                if message.method == "initialize":
                    self._initialize = message.id
        elif isinstance(message, Notification) and message.method == "$/cancel":
            with contextlib.suppress(BadRequest):
                id = decode(CancelParams, message.params).id
                timer = threading.Timer(GRACE_SECONDS, self._abandon, [id])
                timer.daemon = True
                timer.start()

    def _to_service(self, body: bytes) -> None:
        pipe = cast(BinaryIO, self._service.stdin)
        with contextlib.suppress(OSError, ValueError):  # it ended: _relay_answers says so
            write_frame(pipe, body)

    def _abandon(self, id: Id) -> None:
        with self._lock:
            if id not in self._open:
                return
            self._open.remove(id)
            self._abandoned.add(id)
        self._client.send(ErrorResponse(id, Cancelled()))

    # --- service to client -------------------------------------------------------------------

    def _relay_answers(self) -> None:
        pipe = cast(BinaryIO, self._service.stdout)
        try:
            while (body := read_frame(pipe)) is not None:
                if self._wanted(parse_message(body)):
                    self._client.send_body(body)
        except ProtocolError as error:
            log.error("The service wrote something that is not a message: %s", error)
            self._service.kill()
        code = _describe_end(self._service.wait())
        os._exit(self._end(code))

    def _wanted(self, message: Message) -> bool:
        with self._lock:
            if isinstance(message, Response | ErrorResponse) and message.id is not None:
                if message.id in self._abandoned:
                    self._abandoned.remove(message.id)
                    return False
                self._open.discard(message.id)
                if message.id == self._initialize and isinstance(message, Response):
                    result = decode(InitializeResult, message.result)
                    self._session = Path(result.session_folder)
            elif isinstance(message, Notification) and message.method == "$/progress":
                return decode(ProgressParams, message.params).id not in self._abandoned
        return True

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
        """End the service, remove the session's folder and return ``code``; once."""
        self._ending.acquire()
        pipe = cast(BinaryIO, self._service.stdin)
        with contextlib.suppress(OSError, ValueError):
            pipe.close()
        try:
            self._service.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._service.kill()
            self._service.wait()
        if self._session is not None:
            remove_session(self._session)
        return code


def end_on_sigterm() -> None:
    """Make SIGTERM raise SystemExit in the main thread, which waits in a read."""

    def stop(*_: object) -> None:
        raise SystemExit(143)

    signal.signal(signal.SIGTERM, stop)


def _environment() -> Mapping[str, str]:
    """Ours, with this very package first on the path of the service."""
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return os.environ | {"PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}


def _describe_end(code: int) -> int:
    """Log why the service ended, and give the exit code that says the same."""
    if code < 0:
        name = signal.Signals(-code).name
        log.error("The backend's service was killed by %s", name)
        return 128 - code
    return code
