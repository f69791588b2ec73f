"""The real server around an engine that makes a square: ``python -m tests.wire.fake_backend``.

The prompt says what the engine should do, so that tests can meet every situation.
"""

from __future__ import annotations

import ctypes
import logging
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from backend.progress import CancelToken, ProgressCallback
from backend.prompts.materials import PLAIN, Finish
from backend.protocol.errors import BadPrompt, CheckpointError
from backend.protocol.options import MeshOptions
from backend.server import main


@dataclass
class FakeMesh:
    """The fields of the engine's GeneratedMesh."""

    prompt: str
    texture_size: int
    with_normals: bool
    checkpoint_hash: str = "0" * 64
    timings: dict[str, float] = field(default_factory=lambda: {"text": 0.01, "bake": 0.02})
    notes: list[str] = field(default_factory=lambda: ["a note"])
    finish: Finish = PLAIN
    finish_map: None = None

    def __post_init__(self) -> None:
        self.vertices = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
        self.faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
        self.uvs = self.vertices[self.faces][..., :2].copy()
        self.texture = np.full((self.texture_size, self.texture_size, 3), 128, np.uint8)
        self.normal_map = self.texture.copy() if self.with_normals else None


class FakeEngine:
    def __init__(self, checkpoint: Path | None, device: str, accelerator: str) -> None:
        self.checkpoint = str(checkpoint or "default.safetensors")
        if "broken" in self.checkpoint:
            raise CheckpointError("that file is broken")
        time.sleep(float(os.environ.get("FAKE_LOAD_SECONDS", "0")))

    def warm_up(self) -> None:
        pass

    def info(self) -> dict[str, object]:
        return {"device": "fake", "checkpoint": self.checkpoint, "checkpoint_hash": "0" * 64}

    def field(self, prompt: str, conditions: object = None) -> NoReturn:
        raise BadPrompt("this engine has no pictures")

    def between(self, *_: Any, **__: Any) -> NoReturn:
        raise BadPrompt("this engine has no chains")

    interpolate = preview = between

    def generate(
        self,
        prompt: str,
        options: MeshOptions,
        progress: ProgressCallback | None = None,
        cancel: CancelToken | None = None,
        conditions: object = None,
        objects: object = None,
    ) -> FakeMesh:
        assert progress is not None
        assert cancel is not None
        word, _, argument = prompt.partition(" ")
        if word in _DEEDS:
            _DEEDS[word](argument, progress, cancel)
        return FakeMesh(prompt, options.texture_size, options.normal_map)


def _work(argument: str, progress: ProgressCallback, cancel: CancelToken) -> None:
    """As a good engine does: small steps, a look at the token between them."""
    steps = int(float(argument) / 0.01)
    for step in range(steps):
        progress(step / steps, "first half" if 2 * step < steps else "second half")
        cancel.check()
        time.sleep(0.01)


def _sleep(argument: str, progress: ProgressCallback, cancel: CancelToken) -> None:
    """A stage that looks at nothing."""
    time.sleep(float(argument))


def _hold(argument: str, progress: ProgressCallback, cancel: CancelToken) -> None:
    """A C extension that keeps Python's lock: PyDLL calls do not let go of it."""
    ctypes.PyDLL(None).usleep(int(float(argument) * 1e6))


def _wobble(argument: str, progress: ProgressCallback, cancel: CancelToken) -> None:
    """Progress as a bad engine reports it."""
    for fraction in (0.1, 0.5, 0.3, float("nan"), -1.0, 0.6, 7.0, 0.2):
        progress(fraction, f"stage {fraction}")


def _print(argument: str, progress: ProgressCallback, cancel: CancelToken) -> None:
    """Everything that libraries do to stdout."""
    print("printed by Python")  # noqa: T201
    sys.stdout.write("written by Python\n")
    sys.stdout.flush()
    os.write(1, b"written to descriptor 1\n")
    libc = ctypes.CDLL(None)
    libc.puts(b"put by C")
    libc.fflush(None)
    os.system("echo echoed by a child process")


def _flood(argument: str, progress: ProgressCallback, cancel: CancelToken) -> None:
    block = (b"x" * 99 + b"\n") * 10_000
    for _ in range(int(argument)):
        sys.stderr.buffer.write(block)
    sys.stderr.flush()


def _fail(argument: str, progress: ProgressCallback, cancel: CancelToken) -> None:
    match argument:
        case "prompt":
            raise BadPrompt("no such thing", "ask for another")
        case "memory":
            raise MemoryError
        case "disk":
            raise OSError(28, "No space left on device", "result.bin")
        case "module":
            raise ModuleNotFoundError("No module named 'xatlas'", name="xatlas")
        case "warning":
            logging.getLogger("backend.fake").warning("this is odd")
        case _:
            raise RuntimeError("first line\nsecond line")


def _die(argument: str, progress: ProgressCallback, cancel: CancelToken) -> None:
    sys.stderr.write("about to die\n")
    sys.stderr.flush()
    os.kill(os.getpid(), int(argument))
    time.sleep(10)


_DEEDS: dict[str, Callable[[str, ProgressCallback, CancelToken], None]] = {
    "work": _work,
    "sleep": _sleep,
    "hold": _hold,
    "wobble": _wobble,
    "print": _print,
    "flood": _flood,
    "fail": _fail,
    "die": _die,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], module=("-m", "tests.wire.fake_backend"), make_engine=FakeEngine))
