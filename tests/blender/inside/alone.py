"""Generate one object in a Blender of its own, then do what the second argument names.

python alone.py JOB.json export      write toy.glb
python alone.py JOB.json die         write the backend's process id to ``pid``; end as by a crash
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))

from harness import Bench


def main(job_file: Path, action: str) -> None:
    job = json.loads(job_file.read_text(encoding="utf-8"))
    bench = Bench(Path(job["zip"]), job["python"], Path(job["checkpoint"]), Path(job["folder"]))
    bench.reset()
    bench.generate()
    if action == "export":
        bpy.ops.export_scene.gltf(
            filepath=str(bench.folder / "toy.glb"), use_selection=True, export_extras=True
        )
    else:
        (bench.folder / "pid").write_text(str(bench.session.pid))
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
