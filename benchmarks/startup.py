"""From starting a process to ready: the help text, the engine, and the first mesh.

    python benchmarks/startup.py [--checkpoint FILE] [--rounds N]

Run it twice: the first run fills the disk cache.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

READY = """
import sys
from backend.engine import Engine
engine = Engine(sys.argv[1] or None, "cpu")
"""
FIRST_MESH = (
    READY
    + """
known = engine.checkpoint.metadata.prompts
engine.generate(known[0] if known else "an object")
"""
)


def seconds(command: list[str], rounds: int) -> tuple[float, float]:
    """Fastest and median of several fresh processes."""
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        subprocess.run(command, cwd=ROOT, env=dict(os.environ), check=True, capture_output=True)
        taken.append(time.perf_counter() - started)
    return min(taken), statistics.median(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    chosen = str(arguments.checkpoint.resolve()) if arguments.checkpoint else ""
    cases = {
        "att3d --help": ["-m", "backend", "--help"],
        "import torch alone": ["-c", "import torch"],
        "ready (model loaded)": ["-c", READY, chosen],
        "first mesh made": ["-c", FIRST_MESH, chosen],
    }
    for name, arguments_of in cases.items():
        best, median = seconds([sys.executable, *arguments_of], arguments.rounds)
        print(f"{name:<22} {median:6.2f} s median, {best:6.2f} s best of {arguments.rounds}")


if __name__ == "__main__":
    main()
