"""A child process that talks on its pipes: started, listened to, described, ended. No bpy."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

LOG_BYTES = 2 * 1024 * 1024
"""Size at which a log file becomes ``<name>.old`` and a new one begins."""
_TAIL_LINES = 6
_TAIL_BYTES = 4000
_ROUTINE = re.compile(r"^[\d:, -]+(INFO|DEBUG) ")
"""Log lines of the backend that report no trouble."""


def start(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a process with three pipes, in a group of its own, without a console window.

    Raises:
        OSError: there is no such program, or it may not be run.
    """
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    return subprocess.Popen(
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        env=dict(environment),
        creationflags=flags,
        start_new_session=True,  # Ctrl-C in Blender's terminal is not for the backend
    )


def kill(process: subprocess.Popen[bytes], *, gently: bool = False) -> None:
    """End a process that has not been waited for, and whatever it started."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        if sys.platform == "win32":
            # Windows has no groups to kill; its own tool ends a whole tree.
            subprocess.Popen(
                ["taskkill", "/T", "/F", "/PID", str(process.pid)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                creationflags=subprocess.CREATE_NO_WINDOW,
            ).wait(5.0)
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGTERM if gently else signal.SIGKILL)


def describe_exit(code: int) -> str:
    """How a process ended: ``exit code 1``, ``killed by SIGKILL (perhaps out of memory)``."""
    number = -code if code < 0 else code - 128 if 128 < code < 160 else 0
    if number and sys.platform != "win32":  # a shell or ssh reports a signal as 128 + number
        with contextlib.suppress(ValueError):
            name = signal.Signals(number).name
            return f"killed by {name}" + (" (perhaps out of memory)" if name == "SIGKILL" else "")
    return f"exit code {code}"


class Drain:
    """Reads a pipe to its end in a thread, into a log file of limited size.

    A pipe that nobody reads fills up and stalls the process. When the file cannot be written the
    pipe is read all the same.
    """

    def __init__(self, pipe: BinaryIO, path: Path | None) -> None:
        self._pipe = pipe
        self._path = path
        self._tail: deque[bytes] = deque(maxlen=2)
        self._thread = threading.Thread(target=self._run, name="att3d stderr", daemon=True)
        self._thread.start()

    def last_lines(self) -> list[str]:
        """The end of what was written, for an error message; not what is only for the log."""
        text = b"".join(self._tail)[-_TAIL_BYTES:].decode(errors="replace")
        lines = [line.strip()[:300] for line in text.splitlines()]
        return [line for line in lines if line and not _ROUTINE.search(line)][-_TAIL_LINES:]

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)

    def _run(self) -> None:
        file: BinaryIO | None = None
        size = 0
        with contextlib.suppress(OSError):
            if self._path is not None:
                file, size = _open_log(self._path)
        with contextlib.suppress(OSError, ValueError), self._pipe:
            while chunk := self._pipe.read(65536):
                self._tail.append(chunk)
                if file is None or self._path is None:
                    continue
                try:
                    if size + len(chunk) > LOG_BYTES:
                        file.close()
                        file, size = _open_log(self._path, fresh=True)
                    size += file.write(chunk)
                except OSError:
                    file = None
        if file is not None:
            with contextlib.suppress(OSError):
                file.close()


def _open_log(path: Path, *, fresh: bool = False) -> tuple[BinaryIO, int]:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and (fresh or path.stat().st_size > LOG_BYTES):
        path.replace(path.with_name(path.name + ".old"))
    file = path.open("ab", buffering=0)
    return file, file.tell()
