"""A person's first minutes with a zip that carries wheels: install, a prompt, the object.

Started by ``scripts/fresh_blender.py``, in a new profile.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "scripts"))
from inside_blender import backend_facts, install


def main(job_file: Path) -> None:
    job = json.loads(job_file.read_text(encoding="utf-8"))
    install(job)
    bpy.context.scene.att3d.faces = job["faces"]
    bpy.ops.att3d.generate(prompt=job["prompt"])
    ob = bpy.context.active_object
    image = next(image for image in bpy.data.images if image.packed_file)
    report = {
        "blender": bpy.app.version_string,
        "online": bpy.app.online_access,
        "object": ob.name,
        "faces": len(ob.data.polygons),
        "texture": list(image.size),
        "backend": backend_facts(),
    }
    Path(job["report"]).write_text(json.dumps(report), encoding="utf-8")
    if bpy.app.version_string.startswith("4.2.0"):
        os._exit(0)  # this bpy crashes where it is unloaded, whatever was done in it


if __name__ == "__main__":
    main(Path(sys.argv[1]))
