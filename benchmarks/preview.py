"""Updates a second of the live slider: ``preview`` requests over the pipe, one after another.

    python benchmarks/preview.py [--updates 60] [--resolution 40]

A client drags from one prompt to another: it sends the next request when it has the last answer and
has read its arrays. Prints medians, the slowest update, and the processor time of the backend.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, BinaryIO, cast

from safetensors.numpy import load_file

from backend.protocol import jsonrpc as rpc
from backend.protocol import messages as m
from backend.protocol.framing import read_frame, write_frame

ROOT = Path(__file__).resolve().parents[1]
PROMPTS = ["a rabbit", "a pig wearing a tophat"]
WANTED = 10.0
"""Updates a second."""


class Backend:
    """The process that ships, one request at a time."""

    def __init__(self, arguments: list[str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "backend", "serve", *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._input = cast(BinaryIO, self.process.stdin)
        self._output = cast(BinaryIO, self.process.stdout)
        self._id = 0

    def request(self, method: str, **params: Any) -> dict[str, Any]:
        self._id += 1
        write_frame(self._input, rpc.dump_message(rpc.Request(self._id, method, params)))
        while body := read_frame(self._output):
            message = rpc.parse_message(body)
            if isinstance(message, rpc.ErrorResponse):
                raise message.error
            if isinstance(message, rpc.Response) and message.id == self._id:
                return dict(message.result)
        raise EOFError("the backend has gone")

    def close(self) -> None:
        self._input.close()
        self.process.wait(10)


def processor_seconds(parent: int) -> float:
    """Of the process and its children (Linux)."""
    ticks = os.sysconf("SC_CLK_TCK")
    total = 0.0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(entry.name) == parent or int(fields[1]) == parent:
                total += (int(fields[11]) + int(fields[12])) / ticks
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--updates", type=int, default=60)
    parser.add_argument("--resolution", type=int, default=40)
    parser.add_argument("--checkpoint", default=None)
    options = parser.parse_args()
    chosen = ["--checkpoint", options.checkpoint] if options.checkpoint else []
    backend = Backend(chosen)
    with tempfile.TemporaryDirectory(prefix="att3d-") as folder:
        (Path(folder) / "token").write_text("benchmark")
        backend.request(
            "initialize",
            protocol_version=m.PROTOCOL_VERSION,
            client="benchmark",
            session_folder=folder,
            session_token="benchmark",
        )

        def update(share: float) -> dict[str, Any]:
            answer = backend.request(
                "preview", prompts=PROMPTS, alpha=share, resolution=options.resolution
            )
            path = Path(answer["mesh"])
            load_file(path)
            path.unlink()
            return answer

        for warm in range(3):
            update(warm / 2)
        taken, parts, faces = [], [], []
        before = processor_seconds(backend.process.pid)
        for index in range(options.updates):
            start = time.perf_counter()
            answer = update(index / max(options.updates - 1, 1))
            taken.append(time.perf_counter() - start)
            parts.append(answer["timings"])
            faces.append(answer["faces"])
        used = processor_seconds(backend.process.pid) - before
        backend.close()
    median = statistics.median(taken)
    print(f"{options.resolution} samples an axis, {min(faces)} to {max(faces)} faces")
    for name in parts[0]:
        print(f"  {name:6} {1000 * statistics.median(part[name] for part in parts):6.1f} ms")
    print(f"  update {1000 * median:6.1f} ms, slowest {1000 * max(taken):.0f} ms")
    print(f"  processor {1000 * used / options.updates:.1f} ms an update")
    verdict = "" if 1.0 / median >= WANTED else f": MISSES {WANTED:.0f}"
    print(f"{1.0 / median:.1f} updates a second{verdict}")


if __name__ == "__main__":
    main()
