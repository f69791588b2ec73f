"""Our unwrapper against xatlas, over objects of the bundled checkpoints, in one run.

    python benchmarks/unwrap.py [--objects 50] [--seed 0] [--json FILE]

Every object has the default 8,000 faces and is unwrapped by each, one after the other, for a
texture of 1024 x 1024 texels. ``coverage`` is the share of texels whose centre a face covers.
``distortion`` is conformal: the larger singular value of the map from a face to the texture over
the smaller one, 1 where angles are kept; its mean is weighted by area. ``stretch`` is the 95th
percentile over the 5th of the texture's area a surface's, over the area: 1 where detail is even, as
it is asked for here; for the pipeline's layouts see ``benchmarks/texel_density.py``.
``seams`` is the length of the charts' borders, each counted once, in diagonals of the object.
``overlap`` is the share of covered texels that more than one face covers. Seconds include the child
process in which xatlas runs so that it can be cancelled. ``xatlas`` is what ``--unwrap xatlas``
gives, its charts in our packing; ``xatlas alone`` is packed by xatlas, which mirrors some charts.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from backend.atlas.charts import neighbour_faces
from backend.atlas.rasterize import rasterise
from backend.atlas.unwrap import PADDING, Unwrapped, unwrap
from backend.atlas.xatlas_charts import xatlas_layout
from backend.engine import Engine
from backend.field_reader import Reader
from backend.mesh_pipeline import PipelineConfig, surface
from backend.progress import CancelToken, Stages
from backend.protocol.options import MeshOptions
from backend.surface.geometry import face_areas

ROOT = Path(__file__).resolve().parent.parent
CHECKPOINTS = ("toybox", "tree-seasons", "cottage-tudor", "baby-dragon", "vehicles")
TEXTURE = 1024
COLUMNS = {
    "charts": 0, "coverage": 3, "distortion": 3, "distortion_p95": 3, "stretch": 2, "seams": 1,
    "overlap": 5, "seconds": 3,
}  # fmt: skip


def distortions(
    vertices: np.ndarray, faces: np.ndarray, uvs: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Ratio of the singular values, and texture area an area of surface, of each face's map."""
    corners = vertices[faces].astype(np.float64)
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    length = np.maximum(np.linalg.norm(a, axis=1), 1e-12)
    x = a / length[:, None]
    along = (b * x).sum(1)
    height = np.maximum(np.linalg.norm(b - along[:, None] * x, axis=1), 1e-12)
    u = (uvs[:, 1] - uvs[:, 0]).astype(np.float64) / length[:, None]
    v = ((uvs[:, 2] - uvs[:, 0]) - along[:, None] * u) / height[:, None]
    total = (u * u).sum(1) + (v * v).sum(1)
    area = np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])
    root = np.sqrt(np.maximum(total**2 - 4 * area**2, 0.0))
    ratio = np.sqrt((total + root) / np.maximum(total - root, 1e-12 * total + 1e-30))
    return ratio, area


def weighted(values: np.ndarray, weights: np.ndarray, share: float) -> float:
    """The value below which this share of the weight lies."""
    order = np.argsort(values)
    below = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][np.searchsorted(below, share).clip(0, len(order) - 1)])


def figures(vertices: np.ndarray, faces: np.ndarray, made: Unwrapped) -> dict[str, float]:
    """All columns of the table but the seconds."""
    area = face_areas(vertices.astype(np.float64), faces)
    sound = area > 1e-4 * area.mean()
    ratio, density = distortions(vertices, faces, made.uvs)
    face, row, column = rasterise(made.uvs.astype(np.float64) * TEXTURE, TEXTURE)
    covered = np.unique(row * TEXTURE + column)
    near = neighbour_faces(faces)
    seam = (near < 0) | (made.chart_of_face[near] != made.chart_of_face[:, None])
    edges = np.linalg.norm(vertices[np.roll(faces, -1, axis=1)] - vertices[faces], axis=2)
    diagonal = float(np.linalg.norm(np.ptp(vertices, axis=0)))
    weights = area[sound]
    return {
        "charts": len(np.unique(made.chart_of_face)),
        "coverage": len(covered) / TEXTURE**2,
        "distortion": float(np.average(ratio[sound], weights=weights)),
        "distortion_p95": weighted(ratio[sound], weights, 0.95),
        "stretch": weighted(density[sound], weights, 0.95)
        / max(weighted(density[sound], weights, 0.05), 1e-12),
        "seams": 0.5 * float(edges[seam].sum()) / diagonal,
        "overlap": 1.0 - len(covered) / max(len(face), 1),
    }


def objects(count: int, seed: int) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Prompts drawn from the bundled checkpoints in turn, and their meshes before unwrapping."""
    generator = np.random.default_rng(seed)
    found = []
    engines = [Engine(ROOT / "checkpoints" / f"{name}.safetensors") for name in CHECKPOINTS]
    for number in range(count):
        engine = engines[number % len(engines)]
        prompts = engine.checkpoint.metadata.prompts
        prompt = prompts[int(generator.integers(len(prompts)))]
        field, _ = engine.field(prompt)
        reader = Reader(field, CancelToken())
        vertices, faces, _ = surface(reader, MeshOptions(), PipelineConfig(), Stages())
        found.append((prompt, vertices, faces))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--objects", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    options = parser.parse_args()
    ways: dict[str, Callable[[np.ndarray, np.ndarray], Unwrapped]] = {
        "own": lambda *mesh: unwrap(*mesh, TEXTURE, CancelToken()),
        "xatlas": lambda *mesh: unwrap(*mesh, TEXTURE, CancelToken(), "xatlas"),
        "xatlas alone": lambda *mesh: Unwrapped(
            *xatlas_layout(*mesh, TEXTURE, round(2 * PADDING), CancelToken())
        ),
    }
    rows = []
    for prompt, vertices, faces in objects(options.objects, options.seed):
        row: dict[str, object] = {"prompt": prompt, "faces": len(faces)}
        for name, way in ways.items():
            started = time.perf_counter()
            made = way(vertices, faces)
            seconds = time.perf_counter() - started
            row[name] = figures(vertices, faces, made) | {"seconds": seconds}
        rows.append(row)
    means = {
        name: {column: float(np.mean([row[name][column] for row in rows])) for column in COLUMNS}
        for name in ways
    }
    print(f"| {len(rows)} objects | {' | '.join(COLUMNS)} |")
    print("|---" * (len(COLUMNS) + 1) + "|")
    for name, values in means.items():
        cells = (f"{values[column]:.{digits}f}" for column, digits in COLUMNS.items())
        print(f"| {name} | {' | '.join(cells)} |")
    ratios = (
        means["own"][column] / means["xatlas"][column] if means["xatlas"][column] else float("nan")
        for column in COLUMNS
    )
    print(f"| own / xatlas | {' | '.join(f'{ratio:.2f}' for ratio in ratios)} |")
    if options.json:
        machine = {"cores": os.cpu_count(), "load": os.getloadavg()[0]}
        content = {"machine": machine, "seed": options.seed, "means": means, "objects": rows}
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
