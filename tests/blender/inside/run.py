"""Run every check in this Blender and write one JSON line for each to the report.

python run.py JOB.json      {"zip", "python", "checkpoint", "folder", "report", "checks"}
"""

from __future__ import annotations

import importlib
import json
import sys
import time
import traceback
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))

from harness import Bench


def main(job_file: Path) -> None:
    job = json.loads(job_file.read_text(encoding="utf-8"))
    bench = Bench(Path(job["zip"]), job["python"], Path(job["checkpoint"]), Path(job["folder"]))
    with Path(job["report"]).open("w", encoding="utf-8") as report:

        def say(**line: object) -> None:
            report.write(json.dumps(line) + "\n")
            report.flush()

        say(blender=bpy.app.version_string, python=sys.version.split()[0])
        for name in job["checks"]:
            module, _, function = name.partition("::")
            started = time.monotonic()
            error = None
            try:
                bench.reset()
                getattr(importlib.import_module(module), function)(bench)
            except Exception:
                error = traceback.format_exc()
            say(check=name, error=error, seconds=time.monotonic() - started)
        # The process that is running now must end with this one, though nothing unregisters.
        bench.reset()
        bench.generate()
        say(left_running=bench.session.pid)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
