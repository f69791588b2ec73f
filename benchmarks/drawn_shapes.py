"""What it is worth to draw faint parts whole, and to read attributes apart.

    python benchmarks/drawn_shapes.py checkpoints/props.safetensors --library LIB [--count 30]

Of the models of a library that a checkpoint knows, and of their recolored and stretched copies, in
four ways: the field of the whole prompt; with faint parts (``backend/faint_parts.py``), by the
checkpoint's ``faint`` or by ``--faint``; of the known thing in the prompt, recolored and stretched
as its words say (``backend/prompts/attributes.py``); and with both, which is what is drawn. Each is
measured by how far insides overlap (intersection over union) at 8,192 points about 5 cm from the
model's surface, of which half are inside, about; by which share of the points on that surface have
something within 2 cm that is inside, which is what a twig in crumbs has little of; and by the PSNR
of colors at these points, dB. Means over the prompts.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import sys
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from backend.field_reader import Field, Points
from backend.inference.model import NumpyModel
from backend.progress import Stages
from backend.prompt_reader import PromptReader
from training.amortized.evaluation import evenly
from training.assets import LibraryConfig, ReferenceBatch
from training.prompts import PromptMix

SETS = ("models", "recolored", "stretched")
NEAR, ON = 8192, 2048
SPREAD, TOUCH = 0.05, 0.02
"""Metres."""
_AROUND = np.array([[x, y, z] for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1)])


def reader(model: NumpyModel, faint: float, *, apart: bool) -> PromptReader:
    """Prompts as the checkpoint would draw them if its file said so."""
    about = model.metadata
    changed = dataclasses.replace(about, config=dataclasses.replace(about.config, faint=faint))
    if not apart:
        changed = dataclasses.replace(changed, tints={}, proportions={})
    other = copy.copy(model)
    other.metadata = changed
    return PromptReader(other)


def overlap(field: Field, points: Points, inside: np.ndarray) -> float:
    found = field.pre_density(points) > field.level
    return float((found & inside).sum() / max((found | inside).sum(), 1))


def covered(field: Field, points: Points) -> float:
    """The share of points that have something inside near them."""
    around = (points[:, None] + np.float32(TOUCH / np.sqrt(3.0)) * _AROUND).astype(np.float32)
    found = field.pre_density(around.reshape(-1, 3)) > field.level
    return float(found.reshape(len(points), -1).any(axis=1).mean())


def likeness(field: Field, points: Points, colors: np.ndarray) -> float:
    """The PSNR of a field's colors, dB."""
    return float(-10.0 * np.log10(((field.sample(points)[1] - colors) ** 2).mean()))


def measured(fields: list[Field], truth: ReferenceBatch, seed: int) -> list[list[float]]:
    """Overlap, what is covered, and likeness, of each field."""
    generator = torch.Generator().manual_seed(seed)
    near = truth.near_points(NEAR, SPREAD, generator)
    inside = (truth.query(near)[0][0] < 0).numpy()
    on = truth.near_points(ON, 0.0, generator)
    colors = truth.query(on)[1][0].numpy()
    points, on = near[0].numpy(), on[0].numpy()
    return [
        [overlap(field, points, inside), covered(field, on), likeness(field, on, colors)]
        for field in fields
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--library", type=Path, required=True)
    parser.add_argument("--count", type=int, default=30, help="prompts of each kind")
    parser.add_argument("--faint", type=float, default=None, help="in place of the checkpoint's")
    options = parser.parse_args()
    model = NumpyModel(options.checkpoint)
    faint = model.config.faint if options.faint is None else options.faint
    ways = {
        "whole prompt": reader(model, 0.0, apart=False),
        "faint parts": reader(model, faint, apart=False),
        "attributes apart": reader(model, 0.0, apart=True),
        "both": reader(model, faint, apart=True),
    }
    collection = LibraryConfig(str(options.library)).open()
    known = {*model.metadata.prompts, *model.metadata.unseen}
    print(f"| | prompts | {' | '.join(ways)} |")
    print("|---" * (2 + len(ways)) + "|")
    for name in SETS:
        prompts = [prompt for prompt in collection.prompt_set(name).prompts if prompt in known]
        chosen = [prompts[index] for index in evenly(tuple(range(len(prompts))), options.count)]
        if not chosen:
            continue
        assets = collection.references(chosen, torch.device("cpu"), compiled=False)
        rows = []
        for place, prompt in enumerate(tqdm(chosen, desc=name)):
            fields = [way.field(prompt, Stages(), None, None)[0] for way in ways.values()]
            truth = assets.assets_at(PromptMix.plain([place]))
            rows.append(measured(fields, truth, place))
        cells = [f"{o:.3f}, {c:.3f}, {color:.1f} dB" for o, c, color in np.mean(rows, axis=0)]
        print(f"| {name} | {len(chosen)} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
