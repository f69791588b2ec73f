"""What each measure for unseen prompts is worth: trainings on one library, and their table.

    python -m training library PACKS/quaternius-real-time-strategy -o LIB
    python benchmarks/library_measures.py LIB --run runs/measures [--models 40] [--steps 400]

Each training is the preset's but for one thing:

``preset``          nothing
``no attributes``   no recolored and stretched copies (``--assets.no-attributes``)
``word meanings``   new words begin with what they mean (``--word-meaning 0.5``)
``few components``  text is seen through a quarter of the principal components
``by the grid``     proportions are learnt by the grid, like colors (``--model.proportions 0``)
``own points``      no points near the other models of the batch (``--references.other-share 0``)
``models alone``    no copies, whose words are known all the same (``--prompts models``)

All are asked for the same prompts, seen and unseen: models, recolored and stretched ones. Those
that ``no attributes`` never saw count as for the others, by the same split. Measured at points,
which takes a hundredth of the time of pictures, so that every row is a mean over many prompts: how
far insides overlap (intersection over union) at 8,192 points about 5 cm from the surface, where
about half are inside, and the PSNR of colors at 2,048 points on it. Fields are what the mapping
network says of a whole prompt, or with ``--drawn`` what is drawn of it
(``training/amortized/drawn.py``): a copy is its model, recolored and stretched.

A training that was stopped goes on, and one that is done is not repeated: its figures are in
``FOLDER/NAME.json`` (``NAME.drawn.json``). Sizes are options, so that the table can be had in
minutes on a coarse grid.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from tqdm import tqdm

from backend.model.checkpoint import load_checkpoint
from backend.model.field import Field
from backend.protocol.errors import TrainingError
from training.amortized.config import TrainConfig
from training.amortized.drawn import DrawnPrompts
from training.amortized.evaluation import evenly, psnr
from training.amortized.run import train
from training.assets import LibraryConfig
from training.assets.library import LibraryCollection
from training.library.storage import INDEX, MODELS, read_index, write_index
from training.presets import library_preset
from training.prompts import PromptMix

SETS = ("models", "recolored", "stretched")
NEAR, ON = 8192, 2048
SPREAD = 0.05
"""Points about so far from the surface, metres, and on it."""
Figures = dict[str, dict[str, dict[str, float]]]
"""By set, then overlap or color, then seen or unseen."""


def variants(start: TrainConfig) -> dict[str, TrainConfig]:
    """The trainings by name."""
    model = dataclasses.replace(start.model, components=max(start.model.components // 4, 1))
    grid = dataclasses.replace(start.model, proportions=0)
    alone = dataclasses.replace(start.references, other_share=0.0)
    assets = dataclasses.replace(start.assets, attributes=False)  # pyright: ignore[reportCallIssue]
    changed: dict[str, dict[str, object]] = {
        "preset": {},
        "no attributes": {"assets": assets},
        "word meanings": {"word_meaning": 0.5},
        "few components": {"model": model},
        "by the grid": {"model": grid},
        "own points": {"references": alone},
        "models alone": {"prompts": "models"},
    }
    return {name: dataclasses.replace(start, **made) for name, made in changed.items()}  # pyright: ignore[reportArgumentType]


def some_models(library: Path, models: int, seed: int, target: Path) -> Path:
    """A library of some of the models, drawn by a seed; their files are linked or copied."""
    if (target / INDEX).is_file():
        return target
    index = read_index(library)
    if models >= len(index.entries):
        return library
    chosen = set(random.Random(seed).sample(range(len(index.entries)), models))
    entries = [entry for number, entry in enumerate(index.entries) if number in chosen]
    target.mkdir(parents=True, exist_ok=True)
    shutil.copytree(library / MODELS, target / MODELS, dirs_exist_ok=True)
    write_index(target, dataclasses.replace(index, entries=entries))
    return target


def measured(config: TrainConfig, library: Path, count: int, *, drawn: bool) -> Figures:
    """Train, or go on, and measure."""
    checkpoint = load_checkpoint(train(config))
    encoder = checkpoint.encoder()
    if drawn:
        field = DrawnPrompts(checkpoint, encoder).field
        return figures_of(field, LibraryConfig(str(library)).open(), count, SETS)

    def field_of(prompt: str) -> Field:
        return checkpoint.field(encoder.encode([prompt])[0])

    return figures_of(field_of, LibraryConfig(str(library)).open(), count, SETS)


def figures_of(
    field_of: Callable[[str], Field],
    collection: LibraryCollection,
    count: int,
    sets: Sequence[str],
) -> Figures:
    """What prompts' fields are worth: at most ``count`` seen and unseen ones of each set."""
    found: Figures = {}
    for name in sets:
        prompts = collection.prompt_set(name)
        found[name] = {"overlap": {}, "color": {}}
        for group, indices in (("seen", prompts.seen), ("unseen", prompts.unseen)):
            chosen = [prompts.prompts[index] for index in evenly(indices, count)]
            if not chosen:
                continue
            assets = collection.references(chosen, torch.device("cpu"), compiled=False)
            overlaps, colors = [], []
            for place, prompt in enumerate(chosen):
                truth = assets.assets_at(PromptMix.plain([place]))
                generator = torch.Generator().manual_seed(place)
                near = truth.near_points(NEAR, SPREAD, generator)
                on = truth.near_points(ON, 0.0, generator)
                field = field_of(prompt)
                inside = field.sample(near[0])[0] > field.level
                wanted = truth.query(near)[0][0] < 0
                both, any_ = (inside & wanted).sum(), (inside | wanted).sum()
                overlaps.append((both / any_.clamp_min(1)).item())
                colors.append(psnr(field.sample(on[0])[1], truth.query(on)[1][0]))
            found[name]["overlap"][group] = sum(overlaps) / len(overlaps)
            found[name]["color"][group] = sum(colors) / len(colors)
    return found


def cells(figures: Figures, sets: Sequence[str]) -> list[str]:
    """A row's figures: overlap and color of each set, seen and unseen."""
    return [
        f"{figures[one]['overlap'][group]:.2f}, {figures[one]['color'][group]:.1f} dB"
        if group in figures[one]["color"]
        else "-"
        for one in sets
        for group in ("seen", "unseen")
    ]


def table(found: dict[str, Figures]) -> str:
    """Markdown: a row a training; overlap and color, seen and unseen, of each set."""
    head = [f"{name}: {group}" for name in SETS for group in ("seen", "unseen")]
    lines = [f"| | {' | '.join(head)} |", "|---" * (len(head) + 1) + "|"]
    for name, figures in found.items():
        lines.append(f"| {name} | {' | '.join(cells(figures, SETS))} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="What each measure for unseen prompts is worth.")
    parser.add_argument("library", type=Path)
    parser.add_argument("--run", type=Path, default=Path("runs/library-measures"))
    parser.add_argument("--models", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=0, help="0: the preset's")
    parser.add_argument("--batch", type=int, default=0, help="0: the preset's")
    parser.add_argument("--points", type=int, default=0, help="0: the preset's")
    parser.add_argument("--rays", type=int, default=-1, help="-1: the preset's")
    parser.add_argument("--resolutions", type=int, nargs="*", default=[], help="of the grid")
    parser.add_argument("--count", type=int, default=40, help="prompts measured of each kind")
    parser.add_argument("--only", nargs="*", default=[], help="names of trainings; else all")
    parser.add_argument("--drawn", action="store_true", help="measure what is drawn of a prompt")
    options = parser.parse_args()
    library = some_models(options.library, options.models, options.seed, options.run / "library")
    start = library_preset(str(library))
    grid, references = start.model.grid, start.references
    if options.resolutions:
        grid = dataclasses.replace(grid, resolutions=tuple(options.resolutions))
    references = dataclasses.replace(
        references,
        points=options.points or references.points,
        rays=options.rays if options.rays >= 0 else references.rays,
    )
    start = dataclasses.replace(
        start,
        model=dataclasses.replace(start.model, grid=grid),
        references=references,
        batch=options.batch or start.batch,
        steps=options.steps or start.steps,
        save_every=50,
        sheet_every=100_000,
        watched=1,
        scoring="none",
    )
    found: dict[str, Figures] = {}
    for name, config in tqdm(variants(start).items(), desc="trainings"):
        if options.only and name not in options.only:
            continue
        folder = options.run / name.replace(" ", "-")
        kept = folder.with_suffix(".drawn.json" if options.drawn else ".json")
        if not kept.is_file():
            config = dataclasses.replace(config, run=folder)
            figures = measured(config, library, options.count, drawn=options.drawn)
            kept.write_text(json.dumps(figures, indent=1), encoding="utf-8")
        found[name] = json.loads(kept.read_text(encoding="utf-8"))
    print(table(found))


if __name__ == "__main__":
    try:
        main()
    except TrainingError as error:
        raise SystemExit(f"{error.message}\n{error.remedy}") from error
