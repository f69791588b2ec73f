"""The set-up that is running, seen from Blender: started, listened to, cancelled. No bpy.

Nothing here blocks; a thread owns the worker's pipes.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import threading
from pathlib import Path
from typing import BinaryIO, cast

from ...backend.protocol.errors import Att3dError, BackendDied, Cancelled, InternalError
from ..process import child
from .plan import Plan

WORKER = Path(__file__).with_name("worker.py")
_END_SECONDS = 3.0
"""How long a cancelled worker may take to end by itself."""


class SetupRun:
    """One run of the worker.

    Args:
        plan: what to do.
        python: runs the worker; any Python from 3.11.

    Raises:
        BackendDied: the worker cannot be started.
    """

    def __init__(self, plan: Plan, python: str | None = None) -> None:
        self.plan = plan
        self.fraction = 0.0
        self.step = "python"
        self.text = ""
        self.error: Att3dError | None = None
        """Why it failed; Cancelled when it was cancelled."""
        self.succeeded = False
        self._cancelled = False
        command = [python or worker_python(), "-I", "-B", str(WORKER)]
        try:
            self.process = child.start(command, _environment())
        except OSError as error:
            raise BackendDied(
                f"The set-up could not be started: {error}.", "Start Blender again, and try again."
            ) from error
        self._drain = child.Drain(cast(BinaryIO, self.process.stderr), None)
        self._thread = threading.Thread(target=self._follow, name="att3d setup", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def cancel(self) -> None:
        """End it and what it started; returns at once. What it has done so far is kept."""
        self._cancelled = True
        if sys.platform == "win32":  # the end of its stdin makes the worker end its children
            with contextlib.suppress(OSError, ValueError):
                cast(BinaryIO, self.process.stdin).close()
            threading.Thread(target=self._insist, name="att3d setup end", daemon=True).start()
        elif self.running:
            child.kill(self.process)

    def close(self) -> None:
        """Cancel it and wait until nothing of it runs."""
        if self.running:
            self.cancel()
            self._thread.join(_END_SECONDS + 5.0)

    def _insist(self) -> None:
        self._thread.join(_END_SECONDS)
        if self._thread.is_alive():
            child.kill(self.process)

    def _follow(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            pipe = cast(BinaryIO, self.process.stdin)
            pipe.write(self.plan.to_json().encode() + b"\n")
        finished = False
        with contextlib.suppress(OSError, ValueError), cast(BinaryIO, self.process.stdout) as pipe:
            pending = b""
            while chunk := pipe.read(65536):
                *lines, pending = (pending + chunk).split(b"\n")
                for line in lines:
                    finished = self._heard(line) or finished
        if not finished and not self._cancelled:
            child.kill(self.process)  # whatever it started must not go on without it
        code = self.process.wait()
        with contextlib.suppress(OSError, ValueError):
            cast(BinaryIO, self.process.stdin).close()
        if self._cancelled:
            self.error, self.succeeded = Cancelled("The set-up was cancelled."), False
        elif not finished:
            self._drain.join(0.5)
            words = " | ".join(self._drain.last_lines())
            self.error = BackendDied(
                f"The set-up ended: {child.describe_exit(code)}. {words}", "Continue the set-up."
            )

    def _heard(self, line: bytes) -> bool:
        """Take one line; true when it is the last."""
        try:
            said = json.loads(line)
            if "fraction" in said:
                self.fraction = min(max(float(said["fraction"]), self.fraction), 1.0)
                self.step, self.text = str(said["step"]), str(said["text"])
                return False
            if "error" in said:
                self.error = Att3dError.from_dict(said["error"])
            else:
                self.succeeded = bool(said["done"])
        except (ValueError, KeyError, TypeError):
            self.error = InternalError(f"The set-up said something strange: {line[:80]!r}.")
        return True


def worker_python() -> str:
    """A Python that can run the worker: Blender's own program, which is only run, never changed."""
    for path in (sys.executable, getattr(sys, "_base_executable", "")):
        if path and "python" in Path(path).name.lower():
            return path
    return shutil.which("python3") or shutil.which("python") or sys.executable


def _environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")} | {
        "PYTHONUTF8": "1"
    }
