"""From prompt to textured mesh: our pipeline in numpy and in torch, and the straightforward one.

    python benchmarks/prompt_to_mesh.py [--prompts ...] [--checkpoint FILE] [--json FILE]

The straightforward pipeline evaluates the whole 128^3 grid at points (eight corners a level, as the
paper's tables are read), runs PyMCubes, unwraps the raw mesh with xatlas, and evaluates the color
of every texel. ``grid_sample`` is the same with that kernel of torch's for the reads; ``decimated``
also decimates to the face budget before it unwraps, which is what takes xatlas most of its time.
``ours`` is what a processor runs (numpy); ``torch`` is the same pipeline with fields that torch
computes there. All start from the loaded model and are measured warm, ours in turns, as the median
of several runs. Chamfer distances
are to a 256^3 extraction of the same field, in millimetres and as a share of its bounding box's
diagonal; the straightforward mesh keeps every face of marching cubes, ours has the face budget.
``chamfer_ratio`` is ours divided by the straightforward one's: at most 1 is equal or better. Ours
drops floating specks on purpose; ``whole`` compares with everything that is in the grid, ``object``
after dropping the specks from the reference and from the straightforward mesh too.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from backend.process_tuning import tune

tune()  # before numpy

import fast_simplification  # noqa: E402
import mcubes  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
import xatlas  # noqa: E402

from backend.accelerator import TorchModel  # noqa: E402
from backend.atlas.rasterize import affine, rasterise  # noqa: E402
from backend.engine import Engine  # noqa: E402
from backend.loading import text_encoder  # noqa: E402
from backend.model import grid  # noqa: E402
from backend.model.field import Field  # noqa: E402
from backend.progress import CancelToken  # noqa: E402
from backend.protocol.options import MeshOptions  # noqa: E402
from backend.surface.clean import CleanConfig, drop_specks_and_cavities  # noqa: E402
from backend.surface.geometry import face_areas  # noqa: E402
from backend.textured_mesh import GeneratedMesh  # noqa: E402
from benchmarks.chamfer import chamfer  # noqa: E402

Mesh = tuple[np.ndarray, np.ndarray]

RESOLUTION, REFERENCE, TEXTURE = 128, 256, 1024


@torch.inference_mode()
def read(
    source: TorchModel, field: Field, points: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pre-density and color at points the way training reads them."""
    model = source.checkpoint.model
    objects = model.objects_of_latent(field.latent[None])
    parts = [model.sample(objects, part[None].to(field.device)) for part in points.split(1 << 17)]
    density, color = (torch.cat([part[i][0] for part in parts]).cpu() for i in range(2))
    return density, color


def straightforward(
    source: TorchModel, embedding: torch.Tensor, *, corners: bool, budget: int | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, float]]:
    """Vertices, faces and texture without any of our shortcuts, and seconds by stage.

    Args:
        budget: Decimate to this many faces.
    """
    with mock.patch.object(grid, "POINTS_WORTH", 0 if corners else math.inf):
        return _straightforward(source, embedding, budget)


def _straightforward(
    model: TorchModel, embedding: torch.Tensor, budget: int | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, float]]:
    timings: dict[str, float] = {}
    clock = time.perf_counter()

    def lap(stage: str) -> None:
        nonlocal clock
        now = time.perf_counter()
        timings[stage], clock = now - clock, now

    field = model.checkpoint.field(embedding)
    lap("grid")
    line = torch.linspace(-field.bound, field.bound, RESOLUTION)
    points = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), -1).reshape(-1, 3)
    values = read(model, field, points)[0].numpy()
    lap("density")
    vertices, faces = extract(values.reshape((RESOLUTION,) * 3), field)
    lap("contour")
    if budget is not None:
        vertices, faces, *_ = fast_simplification.simplify(
            vertices.astype(np.float64), faces.astype(np.int32), target_count=budget
        )
        lap("decimate")
    atlas = xatlas.Atlas()
    atlas.add_mesh(vertices.astype(np.float32), faces.astype(np.uint32))
    options = xatlas.PackOptions()
    options.resolution, options.padding = TEXTURE, 4
    atlas.generate(xatlas.ChartOptions(), options)
    source, indices, uvs = atlas[0]
    lap("uv")
    pixels = uvs[indices].astype(np.float64) * TEXTURE
    triangle, row, column = rasterise(pixels, TEXTURE)
    base, slopes = affine(pixels, vertices[source][indices])
    offset = np.stack([column + 0.5, row + 0.5], 1) - pixels[triangle, 0]
    position = np.zeros((TEXTURE, TEXTURE, 3), dtype=np.float32)
    position[row, column] = base[triangle] + (offset[:, :, None] * slopes[triangle]).sum(1)
    color = read(model, field, torch.from_numpy(position.reshape(-1, 3)))[1]
    texture = (color.cpu().numpy().reshape(TEXTURE, TEXTURE, 3) * 255).astype(np.uint8)
    lap("bake")
    return vertices, faces, texture, timings


def extract(values: np.ndarray, field: Field) -> tuple[np.ndarray, np.ndarray]:
    """Marching cubes in metres."""
    vertices, faces = mcubes.marching_cubes(values, field.level)
    return vertices * (2 * field.bound / (len(values) - 1)) - field.bound, faces


def compare(engine: Engine, prompt: str, options: MeshOptions, rounds: int) -> dict[str, Any]:
    """All pipelines on one prompt."""
    models = {"ours": engine.checkpoint, "torch": TorchModel(engine.checkpoint.path)}
    source = models["torch"]
    assert isinstance(source, TorchModel)
    runs: dict[str, list[GeneratedMesh]] = {name: [] for name in models}
    totals: dict[str, list[float]] = {name: [] for name in models}
    for turn in range(rounds + 1):
        for name, model in models.items():
            engine.checkpoint = model
            started = time.perf_counter()
            made = engine.generate(prompt, options)
            if turn:  # the first warms up
                runs[name].append(made)
                totals[name].append(time.perf_counter() - started)
    engine.checkpoint = models["ours"]
    ours = runs["ours"][0]
    embedding = torch.from_numpy(text_encoder(source)[1]([prompt])[0])
    vertices, faces, _, slow = straightforward(source, embedding, corners=True)
    *_, sampled = straightforward(source, embedding, corners=False)
    _, fewer, _, decimated = straightforward(source, embedding, corners=False, budget=options.faces)
    field = source.checkpoint.field(embedding)
    reference = extract(field.dense(REFERENCE).cpu().numpy(), field)
    used = np.unique(reference[1])
    diagonal = float(np.linalg.norm(np.ptp(reference[0][used], axis=0)))
    distances = {
        "whole": against(reference, ours, (vertices, faces)),
        "object": against(without_specks(reference), ours, without_specks((vertices, faces))),
    }
    seconds = {
        name: {
            stage: statistics.median(run.timings[stage] for run in runs[name])
            for stage in ours.timings
        }
        | {"total": statistics.median(totals[name])}
        for name in models
    }
    total = seconds["ours"]["total"]
    return {
        "prompt": prompt,
        "torch": {"seconds": seconds["torch"], "faces": len(runs["torch"][0].faces)},
        "ours": {
            "seconds": seconds["ours"],
            "faces": len(ours.faces),
            "area_m2": float(face_areas(ours.vertices, ours.faces).sum()),
            "notes": ours.notes,
        },
        "straightforward": {
            "seconds": slow | {"total": sum(slow.values())},
            "faces": len(faces),
        },
        "grid_sample": {
            "seconds": sampled | {"total": sum(sampled.values())},
            "faces": len(faces),
        },
        "decimated": {
            "seconds": decimated | {"total": sum(decimated.values())},
            "faces": len(fewer),
        },
        "ratio": sum(slow.values()) / total,
        "ratio_grid_sample": sum(sampled.values()) / total,
        "ratio_decimated": sum(decimated.values()) / total,
        "diagonal_mm": 1000 * diagonal,
        "distances": distances,
    }


def without_specks(mesh: Mesh) -> Mesh:
    """What our pipeline would keep of it."""
    return drop_specks_and_cavities(*mesh, CleanConfig(), CancelToken())[:2]


def against(
    reference: Mesh, ours: GeneratedMesh, straightforward_mesh: Mesh
) -> dict[str, dict[str, float]]:
    """Chamfer distances and 95th percentiles of both meshes in millimetres, and their ratio."""
    mine = chamfer((ours.vertices, ours.faces), reference)
    other = chamfer(straightforward_mesh, reference)
    return {
        "chamfer_mm": {"ours": 1000 * mine.mean, "straightforward": 1000 * other.mean},
        "p95_mm": {"ours": 1000 * mine.p95, "straightforward": 1000 * other.p95},
        "chamfer_ratio": {"ours": mine.mean / other.mean},
    }


def table(results: list[dict[str, Any]]) -> str:
    """For a person to read."""
    lines = []
    for result in results:
        lines.append(result["prompt"])
        for name in ("ours", "torch", "straightforward", "grid_sample", "decimated"):
            seconds = result[name]["seconds"]
            stages = "  ".join(f"{k} {v:.2f}" for k, v in seconds.items() if k != "total")
            lines.append(
                f"  {name:<16} {seconds['total']:7.2f} s   "
                f"{result[name]['faces']:>6} faces   {stages}"
            )
        lines.append(
            f"  {result['ratio']:.1f} times faster, {result['ratio_grid_sample']:.1f} times with"
            f" grid_sample, {result['ratio_decimated']:.1f} times if decimated, too"
        )
        for what, distance in result["distances"].items():
            numbers = "  ".join(
                f"{name} {distance['chamfer_mm'][name]:.3f} mm "
                f"({100 * distance['chamfer_mm'][name] / result['diagonal_mm']:.4f}%), "
                f"p95 {distance['p95_mm'][name]:.2f} mm"
                for name in ("ours", "straightforward")
            )
            ratio = distance["chamfer_ratio"]["ours"]
            lines.append(f"  Chamfer, {what:<7} {numbers}  ratio {ratio:.2f}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--prompts", nargs="+", help="default: two of the checkpoint's")
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--faces", type=int, default=8000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    arguments = parser.parse_args()
    engine = Engine(arguments.checkpoint, "cpu")
    known = engine.checkpoint.metadata
    prompts = arguments.prompts or [*known.prompts[:1], *known.unseen[:1]]
    options = MeshOptions(faces=arguments.faces, texture_size=TEXTURE, resolution=RESOLUTION)
    results = [compare(engine, prompt, options, arguments.rounds) for prompt in prompts]
    print(table(results))
    if arguments.json:
        machine = {"cores": os.cpu_count(), "torch_threads": torch.get_num_threads()}
        content = {"machine": machine, "checkpoint": known.name, "results": results}
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
