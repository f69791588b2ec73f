"""A backend process on real pipes, driven frame by frame."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

from backend.protocol import jsonrpc as rpc
from backend.protocol import messages as m
from backend.protocol.framing import read_frame, write_frame

ROOT = Path(__file__).resolve().parents[2]
SCRIPTED = Path(__file__).with_name("scripted_backend.py")
FAKE = [sys.executable, str(SCRIPTED), "--device", "fake"]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Ours, with the repository on the path and one thread."""
    return (
        os.environ
        | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"}
        | dict(extra or {})
    )


class Pipes:
    """Starts the backend; a thread collects what it says, with the time at which it came."""

    def __init__(
        self, command: list[str] | None = None, extra: Mapping[str, str] | None = None
    ) -> None:
        self.stderr = tempfile.TemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(
            command or FAKE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.stderr,
            env=environment(extra),
        )
        self.stdin = cast(BinaryIO, self.process.stdin)
        self._stdout = cast(BinaryIO, self.process.stdout)
        self._said: queue.Queue[tuple[float, rpc.Message | Exception | None]] = queue.Queue()
        self.kept: list[rpc.Message] = []
        """Messages that :meth:`until` passed over."""
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def __enter__(self) -> Pipes:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                self.stdin.close()
        try:
            self.process.wait(60)
        finally:
            self.process.kill()
            self.process.wait()
            self._thread.join(2)
            self._stdout.close()
            self.stderr.close()

    def _collect(self) -> None:
        try:
            while (body := read_frame(self._stdout)) is not None:
                self._said.put((time.monotonic(), rpc.parse_message(body)))
            self._said.put((time.monotonic(), None))
        except Exception as error:
            self._said.put((time.monotonic(), error))

    # --- sending ---

    def raw(self, data: bytes) -> None:
        self.stdin.write(data)
        self.stdin.flush()

    def body(self, body: bytes) -> None:
        write_frame(self.stdin, body)

    def request(self, id: int | str, method: str, **params: Any) -> None:
        self.body(rpc.dump_message(rpc.Request(id, method, params)))

    def notify(self, method: str, **params: Any) -> None:
        self.body(rpc.dump_message(rpc.Notification(method, params)))

    def shake(self, **params: Any) -> Mapping[str, Any]:
        """The handshake; the result."""
        defaults = {"protocol_version": m.PROTOCOL_VERSION, "client": "test"}
        self.request(0, "initialize", **(defaults | params))
        return self.result(0)

    # --- receiving ---

    def next(self, timeout: float = 120) -> tuple[float, rpc.Message | None]:
        """What came next, and when; None for the end of the stream."""
        at, message = self._said.get(timeout=timeout)
        if isinstance(message, Exception):
            raise message
        return at, message

    def answer(self, id: int | str | None) -> tuple[float, rpc.Response | rpc.ErrorResponse]:
        """Wait for the answer to a request; everything before it goes to ``kept``."""
        while True:
            at, message = self.next()
            assert message is not None, f"the stream ended before the answer to {id}"
            if isinstance(message, rpc.Response | rpc.ErrorResponse) and message.id == id:
                return at, message
            self.kept.append(message)

    def result(self, id: int | str) -> Mapping[str, Any]:
        _, answer = self.answer(id)
        assert isinstance(answer, rpc.Response), cast(rpc.ErrorResponse, answer).error.to_dict()
        return answer.result

    def error(self, id: int | str | None) -> Any:
        _, answer = self.answer(id)
        assert isinstance(answer, rpc.ErrorResponse)
        return answer.error

    def notification(self, method: str, **wanted: Any) -> Mapping[str, Any]:
        """Wait for a notification with these values."""
        while True:
            _, message = self.next()
            assert message is not None, f"the stream ended before {method}"
            if (
                isinstance(message, rpc.Notification)
                and message.method == method
                and all(message.params.get(key) == value for key, value in wanted.items())
            ):
                return message.params
            self.kept.append(message)

    def progress(self, id: int | str) -> list[tuple[float, str]]:
        """What was reported so far about a request."""
        return [
            (cast(float, message.params["fraction"]), cast(str, message.params["stage"]))
            for message in self.kept
            if isinstance(message, rpc.Notification)
            and message.method == "$/progress"
            and message.params["id"] == id
        ]

    def log(self) -> str:
        self.stderr.seek(0)
        return self.stderr.read().decode(errors="replace")

    def seconds_to_end(self) -> float:
        start = time.monotonic()
        self.process.wait(120)
        return time.monotonic() - start
