"""Messages as bytes on a stream: the base protocol of the language servers.

A frame is ``Content-Length: N\\r\\n``, any other header lines, an empty line, and N bytes. A stream
whose framing is broken cannot be trusted any further, so every error here ends the connection.
"""

from __future__ import annotations

import re
from typing import BinaryIO

from .errors import ProtocolError

MAX_HEADER = 4096
"""Bytes of a frame's header lines together."""
MAX_BODY = 16 * 1024 * 1024
"""Bytes of a frame's body. Arrays travel in files, so a message is small."""
MAX_RELAYED = 8 * MAX_BODY
"""Bytes of a body between supervisor and worker: the same values may take more as we write them."""
_CHUNK = 1024 * 1024
_NAME = re.compile(rb"[A-Za-z0-9-]+")


def read_frame(stream: BinaryIO, max_body: int = MAX_BODY) -> bytes | None:
    """Read one frame's body; None when the stream ends cleanly, between two frames.

    Raises:
        ProtocolError: the header is malformed or too long, the length is missing, not a number or
            above ``max_body``, or the stream ends inside the frame.
    """
    length = _read_header(stream, max_body)
    if length is None:
        return None
    chunks: list[bytes] = []
    missing = length
    while missing:
        chunk = stream.read(min(missing, _CHUNK))
        if not chunk:
            raise ProtocolError(
                f"The stream ended inside a message: {length - missing} of {length} bytes came."
            )
        chunks.append(chunk)
        missing -= len(chunk)
    return b"".join(chunks)


def write_frame(stream: BinaryIO, body: bytes, max_body: int = MAX_BODY) -> None:
    """Write one frame and flush it.

    Raises:
        ProtocolError: the body is larger than the other side would accept.
        OSError: the stream is closed or broken.
    """
    if len(body) > max_body:
        raise ProtocolError(
            f"A message of {len(body)} bytes is larger than the limit of {max_body} bytes."
        )
    data = memoryview(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    while data:  # a raw pipe may take only a part
        data = data[stream.write(data) :]
    stream.flush()


def _read_header(stream: BinaryIO, max_body: int) -> int | None:
    length: int | None = None
    room = MAX_HEADER
    first = True
    while True:
        line = stream.readline(room)
        room -= len(line)
        if not line and first:
            return None
        if not line.endswith(b"\n"):
            if room <= 0:
                raise ProtocolError(f"A message's header is longer than {MAX_HEADER} bytes.")
            raise ProtocolError("The stream ended inside a message's header.")
        if not line.endswith(b"\r\n"):
            raise ProtocolError(f"A header line does not end with CR LF: {_show(line)}.")
        first = False
        if line == b"\r\n":
            break
        name, colon, value = line[:-2].partition(b":")
        if not colon or not _NAME.fullmatch(name):
            raise ProtocolError(f"A header line is not 'Name: value': {_show(line)}.")
        if name.lower() == b"content-length":
            if length is not None:
                raise ProtocolError("A message has two Content-Length lines.")
            length = _parse_length(value.strip(), max_body)
    if length is None:
        raise ProtocolError("A message has no Content-Length line.")
    return length


def _parse_length(text: bytes, max_body: int) -> int:
    if not text.isdigit():  # ASCII digits only: this is bytes
        raise ProtocolError(f"Content-Length is not a number: {_show(text)}.")
    if len(text) > 20 or int(text) > max_body:
        raise ProtocolError(
            f"A message announces {_show(text)} bytes; the limit is {max_body} bytes."
        )
    return int(text)


def _show(data: bytes) -> str:
    return repr(data[:60])[1:]
