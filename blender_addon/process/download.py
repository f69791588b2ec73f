"""A result file brought over the wire, from a backend that does not share our disk. No bpy."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...backend.protocol.errors import OutputError, ProtocolError
from ...backend.protocol.messages import FetchResult

MAX_BYTES = 2 * 1024**3
"""Larger files are refused."""


class Download:
    """Collects a file part by part, then hands on the result with the local path in it.

    Args:
        finish: takes the result, or the error.
        result: a dataclass whose field ``field`` is the file's path on the backend's machine.
        folder: where the file goes here.
    """

    method = "fetch"

    def __init__(
        self, finish: Callable[[object], None], result: Any, field: str, folder: Path
    ) -> None:
        self.remote_path: str = getattr(result, field)
        self.offset = 0
        self._finish_reply = finish
        self._result = result
        self._field = field
        suffix = ".png" if self.remote_path.endswith(".png") else ".safetensors"
        self._path = folder / f"{uuid.uuid4().hex}{suffix}"

    def add(self, part: FetchResult) -> bool:
        """Take the next part; true when there is more to fetch."""
        try:
            data = base64.b64decode(part.data, validate=True)
        except binascii.Error as error:
            raise ProtocolError(f"A part of a file is not base64: {error}.") from error
        end = self.offset + len(data)
        if part.size > MAX_BYTES or end > part.size or (not data and end < part.size):
            raise ProtocolError("The parts of a file do not fit together.")
        try:
            with self._path.open("ab") as file:
                file.write(data)
        except OSError as error:
            self._finish(OutputError(f"A result could not be written to {self._path}: {error}."))
            return False
        self.offset = end
        if end < part.size:
            return True
        self._finish(dataclasses.replace(self._result, **{self._field: str(self._path)}))
        return False

    def _finish(self, outcome: object) -> None:
        self._finish_reply(outcome)
