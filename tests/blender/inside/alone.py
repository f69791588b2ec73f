"""Generate one object in a Blender of its own, export it, and crash while the backend works.

python alone.py JOB.json      writes toy.glb, and the backend's process id to ``pid``
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))

from harness import Bench


def main(job_file: Path) -> None:
    job = json.loads(job_file.read_text(encoding="utf-8"))
    bench = Bench(Path(job["zip"]), job["python"], Path(job["checkpoint"]), Path(job["folder"]))
    bench.reset()
    bench.generate()
    bpy.ops.export_scene.gltf(
        filepath=str(bench.folder / "toy.glb"), use_selection=True, export_extras=True
    )
    making = bench.module("generate.result_operator")
    params = making.GenerateParams(
        prompt="a lion", checkpoint=str(bench.checkpoint), resolution=512, texture_size=8192
    )
    job = bench.session.submit(bench.preferences.launch, "generate", params)
    while not job.progress[0]:
        time.sleep(0.005)
    assert not job.done()
    (bench.folder / "pid").write_text(str(bench.session.pid))
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
