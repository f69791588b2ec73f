"""What reading a library costs by the number of its models: memory of every process, and time.

Runs ``python -m training library`` on some models of a folder, chosen by a seed, and looks at its
processes every second. Printed when 50, 100, 200 ... models have been read, and at the
end, with table and sheets written: the most memory (resident set, MiB) of the parent, of the
process that workers start from, and of the largest worker since the row before; and the processor
seconds a model so far, of all processes together. Memory is flat where the columns do not grow.

    python benchmarks/library_build.py PACKS --models 200 [--workers 1] [--json]
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from training.library.readers import SUFFIXES

LOOK_AGAIN = 1.0
MIB = 2**20


@dataclass(frozen=True)
class Row:
    """Peaks since the row before."""

    models: int
    parent: int
    starter: int
    worker: int
    seconds_a_model: float
    """Of processor time."""


class Peaks:
    """The most memory of each kind of process, and the processor time of all."""

    def __init__(self, parent: psutil.Process) -> None:
        self._parent = parent
        self._seconds: dict[int, float] = {}
        self.clear()

    def clear(self) -> None:
        self.parent = self.starter = self.worker = 0

    def look(self) -> None:
        try:
            self.parent = max(self.parent, self._resident(self._parent))
            for child in self._parent.children():
                # Workers are children of one process, which has read the readers once.
                self.starter = max(self.starter, self._resident(child))
                for worker in child.children(recursive=True):
                    self.worker = max(self.worker, self._resident(worker))
        except psutil.Error:  # one has just ended
            pass

    def row(self, models: int) -> Row:
        found = Row(
            models,
            self.parent // MIB,
            self.starter // MIB,
            self.worker // MIB,
            round(sum(self._seconds.values()) / max(models, 1), 2),
        )
        self.clear()
        return found

    def _resident(self, process: psutil.Process) -> int:
        with process.oneshot():
            times = process.cpu_times()
            self._seconds[process.pid] = times.user + times.system
            return process.memory_info().rss


def rows(folder: Path, models: int, seed: int, workers: int) -> Iterator[Row]:
    """A row at 50 models and at each doubling, and the last."""
    every = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    chosen = random.Random(seed).sample(every, min(models, len(every)))
    with tempfile.TemporaryDirectory() as temporary:
        output = Path(temporary) / "library"
        command = [sys.executable, "-m", "training", "library", *map(str, chosen)]
        process = subprocess.Popen(
            [*command, "-o", str(output), "--workers", str(workers)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        peaks, due = Peaks(psutil.Process(process.pid)), 50
        while process.poll() is None:
            peaks.look()
            done = _lines(output / "progress.jsonl")
            if done >= due:
                yield peaks.row(done)
                due *= 2
            time.sleep(LOOK_AGAIN)
        yield peaks.row(_lines(output / "progress.jsonl"))


def _lines(path: Path) -> int:
    return len(path.read_bytes().splitlines()) if path.is_file() else 0


def main() -> None:
    parser = argparse.ArgumentParser(description="What reading a library costs.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = []
    if not options.json:
        print("models  parent  starter  worker MiB  seconds a model", flush=True)
    for row in rows(options.folder, options.models, options.seed, options.workers):
        found.append(row)
        if not options.json:
            print(
                f"{row.models:6} {row.parent:7} {row.starter:8} {row.worker:7}"
                f" {row.seconds_a_model:14.2f}",
                flush=True,
            )
    if options.json:
        print(json.dumps([asdict(row) for row in found], indent=1))


if __name__ == "__main__":
    main()
