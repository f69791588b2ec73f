"""Pictures of many objects against those of their fields: another commit's meshes, and this one's.

    python benchmarks/fidelity.py COMMIT [--prompts 20] [--views 4] [--json FILE]

Prompts are drawn by seed from those that the checkpoint was trained on and those that it was not,
half and half; every object is seen whole, from all sides, alternately from above and from below.
Printed are the mean of all pictures and the worst of them, of the figures that
``benchmarks/pictures.py`` explains, and how many pictures became worse by more than 0.1 dB.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # see backend/process_tuning.py

import numpy as np

from backend.field_reader import Reader
from backend.progress import CancelToken
from benchmarks.against import CHECKPOINT, ROOT, commit_folder, load
from benchmarks.pictures import around, compare, of_field, surface_of

FINE = 192
"""Samples along each axis of the surface that stands for the field's."""


def measure(commit: str, count: int, views: int, faces: int) -> list[dict[str, Any]]:
    """A row a picture: prompt, view, and both programs' figures."""
    with commit_folder(commit) as folder:
        other = load(folder, CHECKPOINT, faces)
        known = other.engine.checkpoint.metadata
        draw = random.Random(0)
        prompts = [*draw.sample(list(known.prompts), count - count // 2)]
        prompts += draw.sample(list(known.unseen), count // 2)
        before = [other.engine.generate(prompt, other.options) for prompt in prompts]
    this = load(ROOT, CHECKPOINT, faces)
    rows: list[dict[str, Any]] = []
    for prompt, old in zip(prompts, before, strict=True):
        new = this.engine.generate(prompt, this.options)
        reader = Reader(this.engine.field(prompt)[0], CancelToken())
        surface = surface_of(reader, FINE)
        for view, camera in enumerate(around(surface, views)):
            truth = of_field(reader, surface, camera)
            scores = {
                name: compare(reader, truth, mesh, camera)
                for name, mesh in ((commit, old), ("this", new))
            }
            rows.append({"prompt": prompt, "view": view, **scores})
        print(".", end="", flush=True, file=sys.stderr)
    print(file=sys.stderr)
    return rows


def summary(rows: list[dict[str, Any]], name: str) -> dict[str, dict[str, float]]:
    """Mean and worst of every figure."""
    scores = [row[name] for row in rows]
    found: dict[str, dict[str, float]] = {}
    for figure in ("psnr", "texture", "outline"):
        values = np.array([score[figure] for score in scores])
        worst = values.max() if figure == "outline" else values.min()
        found[figure] = {"mean": float(values.mean()), "worst": float(worst)}
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("commit", help="what git calls the other one")
    parser.add_argument("--prompts", type=int, default=20)
    parser.add_argument("--views", type=int, default=4)
    parser.add_argument("--faces", type=int, default=8000)
    parser.add_argument("--json", type=Path, help="every figure")
    arguments = parser.parse_args()
    rows = measure(arguments.commit, arguments.prompts, arguments.views, arguments.faces)
    result = {name: summary(rows, name) for name in (arguments.commit, "this")}
    for name, figures in result.items():
        print(
            f"{name:9}",
            "  ".join(f"{k} {v['mean']:.4g} (worst {v['worst']:.4g})" for k, v in figures.items()),
        )
    change = np.array([row["this"]["psnr"] - row[arguments.commit]["psnr"] for row in rows])
    print(f"{len(rows)} pictures: {change.mean():+.2f} dB, worst {change.min():+.2f} dB,", end=" ")
    print(f"{int((change < -0.1).sum())} worse by more than 0.1 dB")
    if arguments.json:
        arguments.json.write_text(json.dumps({**result, "pictures": rows}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
