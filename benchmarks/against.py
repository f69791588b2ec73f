"""This checkout's prompt to mesh against another commit's, in one process, in turns.

    python benchmarks/against.py COMMIT [--rounds N] [--faces N] [--json FILE]

On a machine with other work to do seconds mean little; the ratio of two programs that take turns on
it does. Printed are processor seconds (all threads added, which is what both cores together have to
do), seconds by the clock, seconds by the clock a stage, and how many points of the field were read:
the floor of a stage is its points times one read. What is said to the libraries below numpy
(``backend/process_tuning.py``) holds for both.
"""

from __future__ import annotations

import argparse
import importlib
import io
import json
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CHECKPOINT = ROOT / "checkpoints" / "toybox.safetensors"
PROMPTS = 4


@dataclass
class Program:
    """One commit's backend, with its checkpoint loaded."""

    engine: Any
    options: Any
    points: Counter[str]
    processor: list[float] = field(default_factory=list)
    clock: list[float] = field(default_factory=list)
    stages: list[dict[str, float]] = field(default_factory=list)

    def run(self, prompt: str) -> None:
        processor, clock = time.process_time(), time.perf_counter()
        made = self.engine.generate(prompt, self.options)
        self.clock.append(time.perf_counter() - clock)
        self.processor.append(time.process_time() - processor)
        self.stages.append(made.timings)

    def report(self) -> dict[str, Any]:
        turns = len(self.clock)
        return {
            "processor_s": statistics.median(self.processor),
            "clock_s": statistics.median(self.clock),
            "stages_s": {
                name: statistics.median(timings[name] for timings in self.stages)
                for name in self.stages[0]
            },
            "points": {name: count // turns for name, count in self.points.items()},
        }


@contextmanager
def commit_folder(commit: str) -> Iterator[Path]:
    """A folder with a commit's backend, while it is needed.

    Raises:
        CalledProcessError: git does not know the commit.
    """
    archive = subprocess.run(
        ["git", "archive", commit, "backend"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(folder, filter="data")
        yield Path(folder)


def load(folder: Path, checkpoint: Path, faces: int) -> Program:
    """The backend in a folder, beside one of the same name that is loaded already."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "backend"]:
        del sys.modules[name]
    sys.path.insert(0, str(folder))
    try:
        modules: dict[str, ModuleType] = {
            name: importlib.import_module(f"backend.{name}")
            for name in ("engine", "protocol.options", "mesh_pipeline", "inference.field")
        }
    finally:
        sys.path.remove(str(folder))
    points = count_points(modules["inference.field"].NumpyField)
    options = modules["protocol.options"].MeshOptions(faces=faces)
    return Program(modules["engine"].Engine(checkpoint, "cpu"), options, points)


def count_points(kind: Any) -> Counter[str]:
    """Counts what is read of fields of a class: its methods are wrapped."""
    counted: Counter[str] = Counter()

    def wrap(name: str) -> None:
        original = getattr(kind, name)

        def read(self: Any, points: Any) -> Any:
            counted[name] += len(points)
            return original(self, points)

        setattr(kind, name, read)

    wrap("pre_density")
    wrap("sample")
    return counted


def compare(commit: str, rounds: int, faces: int) -> dict[str, Any]:
    """Medians of both, and the ratio of this checkout's processor seconds to the other's."""
    with commit_folder(commit) as folder:
        programs = [load(folder, CHECKPOINT, faces), load(ROOT, CHECKPOINT, faces)]
        known = programs[1].engine.checkpoint.metadata
        prompts = [*known.unseen[: PROMPTS // 2], *known.prompts[: PROMPTS // 2]]
        for program in programs:  # the first warms up
            program.engine.generate(prompts[0], program.options)
            program.points.clear()
        for turn in range(rounds):
            for program in programs if turn % 2 else reversed(programs):
                program.run(prompts[turn % len(prompts)])
    other, this = programs
    pairs = zip(this.processor, other.processor, strict=True)
    return {
        commit: other.report(),
        "this": this.report(),
        "ratio": statistics.median(mine / theirs for mine, theirs in pairs),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("commit", help="what git calls the other one")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--faces", type=int, default=8000)
    parser.add_argument("--json", type=Path, help="every figure")
    arguments = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    importlib.import_module("backend.process_tuning").tune()
    try:
        result = compare(arguments.commit, max(1, arguments.rounds), arguments.faces)
    except subprocess.CalledProcessError as error:
        print(error.stderr.decode(errors="replace").strip(), file=sys.stderr)
        return 2
    for name in (arguments.commit, "this"):
        about = result[name]
        stages = "  ".join(f"{stage} {s:.3f}" for stage, s in about["stages_s"].items())
        print(f"{name}: processor {about['processor_s']:.3f} s, clock {about['clock_s']:.3f} s")
        print(f"  {stages}\n  points read: {about['points']}")
    print(f"processor seconds, this / {arguments.commit}: {result['ratio']:.2f}")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
