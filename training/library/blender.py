""".fbx and .blend files, through Blender as a child process that writes .glb.

The child is the Python that ATT3D_BPY_PYTHON names, or this one with bpy, or a Blender on the
PATH. One child serves many files; one that ends or hangs is replaced, and its file is left out.
Scripts in .blend files are not run.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend.export.blend import PYTHON_VARIABLE

from .surfaces import Unreadable

SECONDS = 240.0
"""Most time for one file."""
MARK = "ATT3D-REPLY "
_SCRIPT = Path(__file__).parents[2] / "blender_addon" / "scene" / "glb.py"
"""A script of its own: it runs where nothing of ours but the standard library is."""


@dataclass
class Exported:
    """A model that Blender wrote as .glb."""

    path: Path
    name: str
    """Name of the asset, or empty for a file's only model."""
    description: str = ""
    tags: list[str] = field(default_factory=list)
    author: str = ""
    licence: str = ""
    warnings: list[str] = field(default_factory=list)


def export(path: Path, folder: Path) -> list[Exported]:
    """The models of a .fbx or .blend: its assets where it has some, else everything as one.

    Raises Unreadable: there is no Blender, or it cannot open the file.
    """
    reply = _blender().ask({"path": str(path.resolve()), "folder": str(folder)})
    if reply.get("error"):
        raise Unreadable(f"Blender cannot open it ({str(reply['error'])[:120]})")
    return [Exported(**{**item, "path": Path(item["path"])}) for item in reply["models"]]


class _Child:
    """A Blender that answers one JSON line with one marked line."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str | None] = queue.Queue()

    def ask(self, request: dict[str, str]) -> dict[str, Any]:
        process = self._start()
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            while True:
                line = self._lines.get(timeout=SECONDS)
                if line is None:
                    raise Unreadable("Blender ended while it read it")
                if line.startswith(MARK):
                    return json.loads(line.removeprefix(MARK))
        except queue.Empty:
            self.end()
            raise Unreadable(f"Blender did not finish in {SECONDS:.0f} s") from None
        except (OSError, ValueError) as error:
            self.end()
            raise Unreadable("Blender ended while it read it") from error
        except Unreadable:
            self.end()
            raise

    def _start(self) -> subprocess.Popen[str]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._lines = queue.Queue()
        self._process = subprocess.Popen(
            _command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        )
        lines, stream = self._lines, self._process.stdout
        assert stream is not None

        def read() -> None:
            for line in stream:
                lines.put(line)
            lines.put(None)

        threading.Thread(target=read, daemon=True).start()
        return self._process

    def end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(OSError):
            process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


_child = _Child()
atexit.register(_child.end)


def _blender() -> _Child:
    return _child


def _command() -> list[str]:
    chosen = os.environ.get(PYTHON_VARIABLE)
    if chosen or importlib.util.find_spec("bpy") is not None:
        return [chosen or sys.executable, str(_SCRIPT)]
    found = shutil.which("blender")
    if found is None:
        raise Unreadable("it needs Blender: pip install bpy, or put blender on the PATH")
    return [found, "--background", "--factory-startup", "--python", str(_SCRIPT)]
