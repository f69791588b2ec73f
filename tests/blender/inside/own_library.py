"""One's own models end to end in one Blender: twenty assets, a training, its model, an object.

python own_library.py JOB.json      writes done.json: what the panel and the object said
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))

from harness import Bench

NAMES = (
    "Anvil", "Kettle", "Bookcase", "Wardrobe", "Ladder", "Bucket", "Bathtub", "Piano", "Stove",
    "Fridge", "Sofa", "Mailbox", "Fountain", "Gravestone", "Signpost", "Bench", "Lantern",
    "Chimney", "Dumpster", "Vending Machine",
)  # fmt: skip
SMALL = (
    "--model.grid.resolutions 5 9 --references.points 256 --references.rays 16 --batch 4"
    " --latents.second 0 --steps 30 --sheet-every 30 --watched 1 --scoring none --device cpu"
)
"""Options that make the panel's command a matter of seconds."""


def make_assets() -> None:
    """Boxes of twenty proportions and colors."""
    for number, name in enumerate(NAMES):
        bpy.ops.mesh.primitive_cube_add(scale=(1.0, 1.0 + number % 3, 1.0 + number % 5))
        made = bpy.context.object
        made.name = name
        material = bpy.data.materials.new(name)
        material.use_nodes = True
        color = (number % 2, number % 3 / 2, number % 4 / 3, 1.0)
        material.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = color
        made.data.materials.append(material)
        made.asset_mark()
        made.asset_data.license = "CC0-1.0"


def run(command: str, python: str) -> None:
    """The panel's commands in the project's folder, by its Python, at a small size."""
    for part in f"{command} {SMALL}".split(" && "):
        words = shlex.split(part)
        done = subprocess.run(
            [python, *words[1:]],
            cwd=Path(__file__).parents[3],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout[-3000:]


def main(job_file: Path) -> None:
    job = json.loads(job_file.read_text(encoding="utf-8"))
    bench = Bench(Path(job["zip"]), job["python"], Path(job["checkpoint"]), Path(job["folder"]))
    bench.reset()
    bench.preferences.checkpoint_folder = str(bench.folder / "models")
    settings = bpy.context.scene.att3d
    settings.checkpoint = ""
    make_assets()
    assert bpy.ops.att3d.export_library(directory=str(bench.folder / "workshop")) == {"FINISHED"}
    awaited = bench.module("library.awaited").awaited
    (training,) = awaited.trainings
    run(training.command, bench.python)
    awaited.look()
    (finished,) = awaited.finished
    bpy.ops.att3d.add_checkpoint(filepath=str(finished.checkpoint), automatic=True)
    awaited.look()
    assert bpy.ops.att3d.generate(prompt="a kettle") == {"FINISHED"}
    made = bpy.context.object
    known = bench.module("checkpoints.catalog").metadata(finished.checkpoint)
    said = {
        "awaited": len(awaited.trainings),
        "models": [Path(each["source"]).stem for each in known["recipe"]["assets"]["models"]],
        "licence": known["licence"],
        "chosen": settings.checkpoint,
        "answered": made["att3d_checkpoint"],
        "faces": len(made.data.polygons),
        "notes": list(bench.session.notes),
    }
    (bench.folder / "done.json").write_text(json.dumps(said), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
