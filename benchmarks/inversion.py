"""How well unseen toys of the toybox are caught by inversion, beside what their prompts give.

python benchmarks/inversion.py [--count 8] [--checkpoint FILE] [--json]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from backend.inference.model import NumpyModel
from backend.inversion.colored_mesh import ColoredMesh, plain
from backend.inversion.invert import SHARES, evenly, invert
from backend.inversion.pictures import likeness
from backend.loading import text_encoder
from backend.paths import default_checkpoint
from backend.progress import CancelToken, Stages
from backend.srgb import srgb_to_linear
from backend.surface.marching import marching_cubes
from training.assets.protocol import ReferenceBatch
from training.assets.toybox import ToyboxCollection
from training.prompts import PromptMix

NODES = 160
"""Of the lattice from which a toy's mesh is made, along each axis."""
TOGETHER = 1 << 17


def toy_mesh(toy: ReferenceBatch) -> ColoredMesh:
    """A toy as a person's model would be: triangles with colors at their corners."""
    line = torch.linspace(-1.0, 1.0, NODES)
    nodes = torch.cartesian_prod(line, line, line).split(TOGETHER)
    distance = torch.cat([toy.query(part[None])[0][0] for part in nodes])
    values = -distance.view(NODES, NODES, NODES).numpy()
    vertices, faces = marching_cubes(values, 0.0)
    places = vertices * (2.0 / (NODES - 1)) - 1.0
    parts = torch.from_numpy(places).float().split(TOGETHER)
    color = np.concatenate([toy.query(part[None])[1][0].numpy() for part in parts])
    return plain(places, faces, (1.0, 1.0, 1.0), srgb_to_linear(color)[faces])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=8, help="unseen prompts, evenly chosen")
    parser.add_argument("--checkpoint", type=Path, default=None)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    model = NumpyModel(arguments.checkpoint or default_checkpoint())
    _, encode = text_encoder(model)
    prompts = evenly(model.metadata.unseen, arguments.count)
    toys = ToyboxCollection().references(prompts, torch.device("cpu"), compiled=False)
    rows = []
    for index, prompt in enumerate(prompts):
        mesh = toy_mesh(toys.assets_at(PromptMix.plain([index])))
        stages, started = Stages(shares=SHARES), time.perf_counter()
        found = invert(model, encode, mesh, stages)
        seconds = time.perf_counter() - started
        stands = mesh.moved(found.placement.apply(mesh.vertices))
        prompted = likeness(model.field(encode([prompt])[0]), mesh, CancelToken())
        rows.append(
            {
                "prompt": prompt,
                "seconds": seconds,
                "stages": stages.timings,
                "psnr": found.likeness.psnr,
                "iou": found.likeness.iou,
                "prompt_psnr": prompted.psnr,
                "prompt_iou": prompted.iou,
                "nearest": found.nearest,
                "moved": float(np.abs(stands.vertices - mesh.vertices).max()),
            }
        )
        if not arguments.json:
            print(
                f"{prompt}: {found.likeness.psnr:.1f} dB {found.likeness.iou:.3f}"
                f" (prompt {prompted.psnr:.1f} dB {prompted.iou:.3f}), {seconds:.1f} s",
                flush=True,
            )
    names = ("psnr", "iou", "prompt_psnr", "prompt_iou", "seconds")
    means = {name: float(np.mean([row[name] for row in rows])) for name in names}
    if arguments.json:
        print(json.dumps({"rows": rows, "means": means}, indent=2))
    else:
        print("mean: " + ", ".join(f"{name} {value:.3f}" for name, value in means.items()))


if __name__ == "__main__":
    main()
