"""Generate, write the backend's process id to ``pid``, and be killed as by a crash."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import bpy  # noqa: F401

sys.path.insert(0, str(Path(__file__).parent))

from harness import Bench

if __name__ == "__main__":
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    bench = Bench(Path(job["zip"]), job["python"], Path(job["checkpoint"]), Path(job["folder"]))
    bench.reset()
    bench.generate()
    (bench.folder / "pid").write_text(str(bench.session.pid))
    os.kill(os.getpid(), signal.SIGKILL)
