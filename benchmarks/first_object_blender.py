"""The part of the benchmark that runs inside Blender: one round. ``first_object.py`` starts it."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))
from inside_blender import backend_facts, enable, install, session


def main(job_file: Path) -> None:
    job = json.loads(job_file.read_text(encoding="utf-8"))
    (install if job["zip"] else enable)(job)
    seconds = []
    for prompt in job["prompts"]:
        started = time.perf_counter()
        bpy.ops.att3d.generate(prompt=prompt)
        seconds.append(time.perf_counter() - started)
    report = {
        "first": seconds[0],
        "next": seconds[1:],
        "memory_mb": peak_megabytes(session().pid),
        "backend": backend_facts(),
    }
    Path(job["report"]).write_text(json.dumps(report), encoding="utf-8")


def peak_megabytes(process: int) -> float | None:
    """The most memory that a running process and those below it have had in use, added; None where
    the system does not say it. What two of them share is counted twice."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    except OSError:
        return None
    lists = Path(f"/proc/{process}/task").glob("*/children")  # each thread has its own
    children = " ".join(path.read_text(encoding="utf-8") for path in lists)
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    below = [peak_megabytes(int(child)) or 0.0 for child in children.split()]
    return int(peak.split()[1]) * 1024 / 1e6 + sum(below)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
