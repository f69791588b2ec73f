"""The two pipes: stdin and stdout taken for messages, everything else sent to stderr."""

from __future__ import annotations

import os
import sys
import threading
from typing import BinaryIO

from ..protocol.errors import ProtocolError
from ..protocol.framing import write_frame
from ..protocol.jsonrpc import ErrorResponse, Message, Response, dump_message


def claim_stdio() -> tuple[BinaryIO, BinaryIO]:
    """Take stdin and stdout for the protocol; call it before anything else is imported.

    Afterwards file descriptor 1 and ``sys.stdout`` are stderr, so that a print from any library,
    in Python or in C, cannot end up between two messages; and stdin reads as empty.
    """
    sys.stdout.flush()
    requests = os.fdopen(os.dup(0), "rb")  # os.dup: not inherited by child processes
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    if sys.platform == "win32":
        import msvcrt

        for stream in (requests, answers):
            msvcrt.setmode(stream.fileno(), os.O_BINARY)
    sys.stdout = sys.stderr
    return requests, answers


class MessageWriter:
    """Writes whole messages from any thread. When the other side is gone, writes nothing."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        """Write a message. A result that is too large for a frame is answered with an error."""
        try:
            self.send_body(dump_message(message))
        except ProtocolError as error:
            if not isinstance(message, Response):
                raise
            self.send_body(dump_message(ErrorResponse(message.id, error)))

    def send_body(self, body: bytes) -> None:
        with self._lock:
            try:
                write_frame(self._stream, body)
            except (OSError, ValueError):
                # The reader is gone; the end of stdin, which comes with it, ends the process.
                return
