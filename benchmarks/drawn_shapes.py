"""What it is worth to draw faint parts whole, and to read attributes apart.

    python benchmarks/drawn_shapes.py checkpoints/props.safetensors --library LIB [--count 30]

Of the models of a library that a checkpoint knows, and of their recolored and stretched copies, in
four ways: the field of the whole prompt; with faint parts (``backend/faint_parts.py``), by the
checkpoint's ``faint`` or by ``--faint``; of the known thing in the prompt, stretched as its words
say (``backend/prompts/attributes.py``); and with both, which is what is drawn. Each is measured by
how far insides overlap (intersection over union) at 8,192 points about 5 cm from the model's
surface, of which half are inside, about; and by which share of the points on that surface have
something within 2 cm that is inside, which is what a twig in crumbs has little of. Means over the
prompts.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from backend.faint_parts import FaintParts
from backend.field_reader import Field, Points
from backend.inference.model import NumpyModel
from backend.loading import text_encoder
from backend.prompts.attributes import Attributes
from training.amortized.evaluation import evenly
from training.assets import LibraryConfig, ReferenceBatch
from training.prompts import PromptMix

SETS = ("models", "recolored", "stretched")
NEAR, ON = 8192, 2048
SPREAD, TOUCH = 0.05, 0.02
"""Metres."""
_AROUND = np.array([[x, y, z] for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1)])


def overlap(field: Field, points: Points, inside: np.ndarray) -> float:
    found = field.pre_density(points) > field.level
    return float((found & inside).sum() / max((found | inside).sum(), 1))


def covered(field: Field, points: Points) -> float:
    """The share of points that have something inside near them."""
    around = (points[:, None] + np.float32(TOUCH / np.sqrt(3.0)) * _AROUND).astype(np.float32)
    found = field.pre_density(around.reshape(-1, 3)) > field.level
    return float(found.reshape(len(points), -1).any(axis=1).mean())


def measured(fields: list[Field], truth: ReferenceBatch, seed: int) -> list[list[float]]:
    """Overlap and what is covered, of each field."""
    generator = torch.Generator().manual_seed(seed)
    near = truth.near_points(NEAR, SPREAD, generator)
    inside = (truth.query(near)[0][0] < 0).numpy()
    on = truth.near_points(ON, 0.0, generator)[0].numpy()
    points = near[0].numpy()
    return [[overlap(field, points, inside), covered(field, on)] for field in fields]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--library", type=Path, required=True)
    parser.add_argument("--count", type=int, default=30, help="prompts of each kind")
    parser.add_argument("--faint", type=float, default=None, help="in place of the checkpoint's")
    options = parser.parse_args()
    model = NumpyModel(options.checkpoint)
    config = model.metadata.config
    faint = config.faint if options.faint is None else options.faint
    finest = max(config.grid.levels)
    about = model.metadata
    attributes = Attributes(about.kinds, about.recolors, about.proportions)
    encode = text_encoder(model)[1]
    collection = LibraryConfig(str(options.library)).open()
    known = {*model.metadata.prompts, *model.metadata.unseen}
    ways = ("prompt", "faint parts", "attributes apart", "both")
    print(f"| | prompts | {' | '.join(f'{way}: overlap, covered' for way in ways)} |")
    print("|---" * (2 + len(ways)) + "|")
    for name in SETS:
        prompts = [prompt for prompt in collection.prompt_set(name).prompts if prompt in known]
        chosen = [prompts[index] for index in evenly(tuple(range(len(prompts))), options.count)]
        if not chosen:
            continue
        assets = collection.references(chosen, torch.device("cpu"), compiled=False)
        rows = []
        for place, prompt in enumerate(tqdm(chosen, desc=name)):
            described = attributes.of(prompt)
            whole, thing = encode([prompt, described.shape])
            factors = described.proportions
            said = model.proportions(thing) if factors is None else np.array(factors, np.float32)
            each = [model.field(whole), model.field(thing, None, said)]
            drawn = [FaintParts(field, faint, finest) for field in each]
            fields: list[Field] = [each[0], drawn[0], each[1], drawn[1]]
            truth = assets.assets_at(PromptMix.plain([place]))
            rows.append(measured(fields, truth, place))
        cells = [f"{over:.3f}, {on:.3f}" for over, on in np.mean(rows, axis=0)]
        print(f"| {name} | {len(chosen)} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
