"""How far faces miss the surface by how it bends, and so how far outlines are off.

    python benchmarks/outlines.py COMMIT [--prompts 4] [--json FILE]

An outline runs over a point of the surface the more often, seen from all sides, the more the
surface bends there. So the distance between mesh and field, averaged over the mesh with its
curvature as weight, is how far outlines are off, seen from anywhere at any range: ``outline_mm``.
Beside it, the mean distance, and the means of places by curvature: the flattest quarter, the next
two, the next fifteen hundredths, the most curved tenth. Both programs; all faces of the contour
that they begin with; and the same steps from a contour of the field at 224 samples, which costs
many times as much: what one may hope for.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # see backend/process_tuning.py

import numpy as np

from backend.field_reader import Points, Reader
from backend.progress import CancelToken
from backend.surface.clean import CleanConfig, drop_specks_and_cavities
from backend.surface.contour import contour
from backend.surface.face_fit import fit_faces, slopes
from backend.surface.flips import flip_edges
from backend.surface.geometry import face_areas, normalise
from backend.surface.project import newton
from backend.surface.refine import finer_grid, near_surface
from backend.surface.simplify import decimate
from benchmarks.against import CHECKPOINT, ROOT, commit_folder, load
from benchmarks.pictures import surface_of

FINE, POINTS = 224, 20_000
REACH = 0.02
"""Metres from the mesh within which the surface is looked for."""
SPAN = 0.012
"""Metres on both sides over which curvature is measured."""
SHARPEST = 60.0
"""Curvature, 1/m, beyond which a place weighs no more: creases."""
PARTS = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)


def curvature(reader: Reader, points: Points, normals: np.ndarray) -> np.ndarray:
    """Mean of the absolute curvatures along two tangents, 1/m."""
    first = normalise(np.cross(normals, [0.3, 0.5, 0.8]))
    found = []
    for tangent in (first, np.cross(normals, first)):
        sides = [
            slopes(reader, newton(reader, (points + h * tangent).astype(np.float32), 2, REACH))[2]
            for h in (SPAN, -SPAN)
        ]
        found.append(np.abs(((sides[0] - sides[1]) * tangent).sum(axis=1)) / (2.0 * SPAN))
    return np.mean(found, axis=0)


def measure(reader: Reader, vertices: np.ndarray, faces: np.ndarray) -> dict[str, object]:
    """Distances of points of a mesh from the field's surface, millimetres."""
    draw = np.random.default_rng(0)
    area = face_areas(vertices, faces)
    face = draw.choice(len(faces), POINTS, p=area / area.sum())
    weights = draw.dirichlet(np.ones(3), POINTS)
    points = (vertices[faces[face]] * weights[:, :, None]).sum(axis=1).astype(np.float32)
    surface = newton(reader, points, 2, REACH)
    normals = slopes(reader, surface)[2]
    distance = 1000.0 * np.abs(((points - surface) * normals).sum(axis=1))
    bend = curvature(reader, surface, normals).clip(max=SHARPEST)
    edges = np.quantile(bend, PARTS)
    return {
        "faces": len(faces),
        "mean_mm": float(distance.mean()),
        "p99_mm": float(np.quantile(distance, 0.99)),
        "outline_mm": float(np.average(distance, weights=bend)),
        "by_curvature_mm": [
            float(distance[(bend >= low) & (bend <= high)].mean()) for low, high in pairwise(edges)
        ],
    }


def contour_of(reader: Reader, resolution: int) -> tuple[np.ndarray, np.ndarray]:
    """What the pipeline decimates, as marching cubes leave it."""
    grid = finer_grid(reader, near_surface(reader, resolution // 2, 48, 20.0), resolution)
    found = contour(grid, reader.field.level, reader.field.bound, reader.cancel)
    return drop_specks_and_cavities(*found, CleanConfig(), reader.cancel)[:2]


def hoped(reader: Reader, faces: int, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """A contour of ``FINE`` samples on the surface, decimated and fitted."""
    vertices, own = surface_of(reader, FINE)
    vertices, own = decimate(vertices, own, faces, reader.cancel)
    own = flip_edges(reader, vertices, own, 1)
    return fit_faces(reader, vertices, own, reach), own


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("commit", help="what git calls the other one")
    parser.add_argument("--prompts", type=int, default=4)
    parser.add_argument("--faces", type=int, default=8000)
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    arguments = parser.parse_args()
    with commit_folder(arguments.commit) as folder:
        other = load(folder, CHECKPOINT, arguments.faces)
        known = other.engine.checkpoint.metadata
        draw, half = random.Random(0), arguments.prompts // 2
        prompts = [*draw.sample(list(known.prompts), arguments.prompts - half)]
        prompts += draw.sample(list(known.unseen), half)
        before = [other.engine.generate(prompt, other.options) for prompt in prompts]
    this = load(ROOT, CHECKPOINT, arguments.faces)
    rows = []
    for prompt, old in zip(prompts, before, strict=True):
        new = this.engine.generate(prompt, this.options)
        reader = Reader(this.engine.field(prompt)[0], CancelToken())
        cell = 2.0 * reader.field.bound / (this.options.resolution - 1)
        meshes = {
            arguments.commit: (old.vertices, old.faces),
            "this": (new.vertices, new.faces),
            "its contour": contour_of(reader, this.options.resolution),
            "from a finer contour": hoped(reader, arguments.faces, cell),
        }
        rows.append({"prompt": prompt} | {k: measure(reader, *mesh) for k, mesh in meshes.items()})
        print(".", end="", flush=True, file=sys.stderr)
    print(file=sys.stderr)
    for name in list(rows[0])[1:]:
        means = {
            figure: np.mean([row[name][figure] for row in rows], axis=0)
            for figure in ("mean_mm", "p99_mm", "outline_mm", "by_curvature_mm")
        }
        print(f"{name:22}", "  ".join(f"{k} {np.round(v, 3)}" for k, v in means.items()))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
