"""Run every check in this Blender and write one JSON line for each to the report.

python run.py JOB.json      {"zip", "python", "checkpoint", "folder", "report", "checks", "seeds"}

Checks that need no real backend come first, so that the real one is started seldom.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[2]))

from harness import Bench

SCRIPTED = {
    "checks_bake", "checks_chain", "checks_chain_errors", "checks_chain_slider", "checks_random",
    "checks_robust", "checks_setup", "checks_translations",
}  # fmt: skip
"""Modules whose checks choose the scripted backend by themselves."""


def find(name: str) -> Callable[[Bench], None]:
    module, _, function = name.partition("::")
    return getattr(importlib.import_module(module), function)


def needs_real_backend(name: str) -> bool:
    return name.partition("::")[0] not in SCRIPTED and not hasattr(find(name), "quick")


def main(job_file: Path) -> None:
    job = json.loads(job_file.read_text(encoding="utf-8"))
    bench = Bench(
        Path(job["zip"]), job["python"], Path(job["checkpoint"]), Path(job["folder"]),
        tuple(job["seeds"]),
    )  # fmt: skip
    with Path(job["report"]).open("w", encoding="utf-8") as report:

        def say(**line: object) -> None:
            report.write(json.dumps(line) + "\n")
            report.flush()

        say(blender=bpy.app.version_string, python=sys.version.split()[0])
        bench.reset()
        for name in sorted(job["checks"], key=needs_real_backend):
            check = find(name)
            started = time.monotonic()
            error = None
            try:
                bench.reset(quick=hasattr(check, "quick"))
                check(bench)
            except Exception:
                error = traceback.format_exc()
            say(check=name, error=error, seconds=time.monotonic() - started)
        # The process that is running now must end with this one, though nothing unregisters.
        bench.reset()
        bench.generate()
        say(left_running=bench.session.pid)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
