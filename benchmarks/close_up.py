"""How near the mesh comes to the field when one looks at it from 30 cm.

    python benchmarks/close_up.py [COMMIT] [--prompt P] [--json FILE] [--picture docs/images/x.jpg]

Face, hat and hand, each in a picture of its own: the field, the mesh of another commit if one is
named, and the meshes of two presets, with their textures. The figures are those of
``benchmarks/pictures.py``.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # see backend/process_tuning.py

import numpy as np

from backend.field_reader import Reader
from backend.progress import CancelToken
from backend.protocol.presets import PRESETS
from benchmarks.against import CHECKPOINT, ROOT, commit_folder, load
from benchmarks.pictures import (
    SIZE,
    Camera,
    compare,
    finer_near,
    of_field,
    of_mesh,
    over_white,
    surface_of,
    write,
)

DISTANCE, FINE, NEAR = 0.3, 288, 0.25
"""Metres from the eye; samples along each axis of the surface that stands for the field's, and the
metres around what is looked at within which its faces are a quarter as large."""
FACES = 8000
SHOWN = ("STANDARD", "DETAILED")


def places(vertices: np.ndarray) -> dict[str, np.ndarray]:
    """What is looked at: points of the surface, from the front, by where they are in the object."""
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    height = high[2] - low[2]
    middle = np.abs(vertices[:, 0] - np.median(vertices[:, 0])) < 0.05 * height

    def front(chosen: np.ndarray) -> np.ndarray:
        return vertices[chosen][vertices[chosen][:, 1].argmin()]

    level = (vertices[:, 2] - low[2]) / height
    hand = (level > 0.3) & (level < 0.55)
    return {
        "face": front(middle & (np.abs(level - 0.66) < 0.04)),
        "hat": front(middle & (level > 0.88)),
        "hand": vertices[hand][vertices[hand][:, 0].argmax()],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("commit", nargs="?", help="compare with what git calls this")
    parser.add_argument("--prompt", default="a pig holding a book wearing a tophat")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path)
    arguments = parser.parse_args()
    meshes = {}
    if arguments.commit:
        with commit_folder(arguments.commit) as folder:
            before = load(folder, CHECKPOINT, FACES)
            meshes[arguments.commit] = before.engine.generate(arguments.prompt, before.options)
    engine = load(ROOT, CHECKPOINT, FACES).engine
    meshes |= {name: engine.generate(arguments.prompt, PRESETS[name].options) for name in SHOWN}
    reader = Reader(engine.field(arguments.prompt)[0], CancelToken())
    surface = surface_of(reader, FINE)
    found: dict[str, dict[str, dict[str, float]]] = {}
    rows = []
    for what, place in places(surface[0]).items():
        camera = Camera(place - np.array([0.0, DISTANCE, 0.0]), place.astype(np.float64))
        truth = of_field(reader, finer_near(reader, surface, place, NEAR), camera)
        found[what] = {name: compare(reader, truth, mesh, camera) for name, mesh in meshes.items()}
        pictures = [truth, *(of_mesh(mesh, camera) for mesh in meshes.values())]
        rows.append(np.concatenate([over_white(p).reshape(SIZE, SIZE, 3) for p in pictures], 1))
        for name, scores in found[what].items():
            print(f"{what:5} {name:9}", "  ".join(f"{k} {v:.4g}" for k, v in scores.items()))
    write(arguments.json, found, arguments.picture, rows)


if __name__ == "__main__":
    main()
