"""Which mapping network carries a library best, at equal time and file size: a table.

    python -m training library PACKS/kaykit-dungeon --table training/props/models.tsv -o LIB
    python benchmarks/mapping_networks.py LIB --run runs/mappings [--minutes 10] [--mebibytes 12]

``linear``       the paper's (A4), with the preset's width of v
``wide``         twice that width, on a coarser grid
``narrow``       a quarter of it, on a finer grid
``blurred text`` linear, which sees a quarter as many principal components of the text
``hash levels``  linear, whose finest two levels are hashed (A2), in tables that fill at most a half
``deep``         two hidden layers before v (A5)
``attention``    self-attention over the tokens, and a v a level (A6)
``own v``        linear, and every model learns a part of v; a deep network is fitted to the sums
                 at the end (``training/amortized/latents.py``): the preset
``experts``      four linear ones, each with a quarter of the time and of the size, for categories
                 of about as many models; a router sends a prompt to one by its words (naive Bayes
                 over the words of the seen prompts)

The dense levels of each grid are scaled so that the file has the size; text towers, of which the
experts would share one, do not count. Steps are as many as the time has room for: processor time of
everything between command and checkpoint, by two short trainings before. Rates, batch and
references are the preset's; stretched copies, which a network of their own says, are left out.
Figures are those of ``benchmarks/library_measures.py``, over models and recolored copies: how far
insides overlap near the surface, and PSNR of colors on it. A training that was stopped goes on; one
that is done is not repeated (``FOLDER/NAME.json``).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import shutil
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from library_measures import Figures, cells, figures_of
from tqdm import tqdm

from backend.model.att3d import ATT3D
from backend.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from backend.model.checkpoint_file import CheckpointMetadata
from backend.model.config import GridConfig, ModelConfig
from backend.model.field import Field
from backend.model.grid import FeatureGrid
from backend.protocol.errors import TrainingError
from backend.text.tokenizer import split_words
from training.amortized.config import TrainConfig
from training.amortized.latents import LatentsConfig, deep_config
from training.amortized.run import train
from training.assets import LibraryConfig
from training.assets.library import LibraryCollection
from training.presets import library_preset
from training.prompts import PromptSet

SETS = ("models", "recolored")
EXPERTS = 4
SHORT, LONGER = 4, 16
"""Steps of the two trainings that tell what a step costs, and what everything else does."""


def variants(start: TrainConfig) -> dict[str, TrainConfig]:
    """The trainings of one model each, by name; grids are not scaled yet."""
    linear = dataclasses.replace(start, latents=LatentsConfig(own=False))
    model = linear.model

    def changed(**values: object) -> TrainConfig:
        return dataclasses.replace(linear, model=dataclasses.replace(model, **values))  # pyright: ignore[reportArgumentType]

    grid = model.grid
    hashed = dataclasses.replace(grid, resolutions=grid.resolutions[:-1], hashed=(64, 96), table=14)
    return {
        "linear": linear,
        "wide": changed(latent=2 * model.latent, components=2 * model.components),
        "narrow": changed(latent=max(model.latent // 4, 1)),
        "blurred text": changed(components=max(model.components // 4, 1)),
        "hash levels": changed(grid=hashed),
        "deep": changed(mapping="deep", mapping_hidden=(256, 256)),
        "attention": changed(mapping="attention", latent=max(model.latent // 2, 1), components=0),
        "own v": start,
    }


def unstretched(collection: LibraryCollection) -> PromptSet:
    """Models and recolored copies: proportions are said by a network of their own."""
    every = collection.prompt_set("library")
    kept = [i for i, shown in enumerate(collection.shown(every.prompts)) if not shown.stretch]
    place = {index: row for row, index in enumerate(kept)}
    seen, unseen = (
        tuple(place[index] for index in group if index in place)
        for group in (every.seen, every.unseen)
    )
    return PromptSet("unstretched", tuple(every.prompts[i] for i in kept), seen, unseen)


def megabytes(config: ModelConfig, latents: LatentsConfig) -> float:
    """MiB of a checkpoint's weights, without a text tower."""
    kept = deep_config(config, latents) if latents.own else config
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "untrained.safetensors"
        save_checkpoint(path, ATT3D(kept), CheckpointMetadata("untrained", kept, {}))
        return path.stat().st_size / 2**20


def scaled(grid: GridConfig, factor: float) -> GridConfig:
    """Dense levels with ``factor`` times the vertices an axis, as far as levels stay apart."""
    resolutions: list[int] = []
    for resolution in grid.resolutions:
        least = resolutions[-1] + 1 if resolutions else 3
        resolutions.append(max(round(resolution * factor), least))
    return dataclasses.replace(grid, resolutions=tuple(resolutions))


def sized(config: TrainConfig, mebibytes: float) -> TrainConfig:
    """The finest grid, to within a percent of its vertices an axis, that the file has room for.

    Raises:
        TrainingError: what is no grid fills the file already.
    """
    low, high = 0.2, 4.0
    model = config.model
    while model.grid.hashed and _hashed_share(model, mebibytes) > 0.5:
        grid = dataclasses.replace(model.grid, table=model.grid.table - 1)
        model = dataclasses.replace(model, grid=grid)

    def with_grid(factor: float) -> ModelConfig:
        return dataclasses.replace(model, grid=scaled(model.grid, factor))

    if megabytes(with_grid(low), config.latents) > mebibytes:
        raise TrainingError(
            f"{mebibytes:g} MiB have no room for a mapping network of this library",
            "give more with --mebibytes",
        )
    while high / low > 1.01:
        middle = math.sqrt(low * high)
        tried = with_grid(middle)
        # A byte a number, about; what is far too large is not built.
        least = FeatureGrid(tried.grid).size * tried.latent / 2**20
        fits = least <= 2 * mebibytes and megabytes(tried, config.latents) <= mebibytes
        low, high = (middle, high) if fits else (low, middle)
    return dataclasses.replace(config, model=with_grid(low))


def _hashed_share(model: ModelConfig, mebibytes: float) -> float:
    """The part of a file that the hashed levels take, at a byte a number."""
    numbers = len(model.grid.hashed) * 2**model.grid.table * model.grid.features * model.latent
    return numbers / 2**20 / mebibytes


def timed(config: TrainConfig, prompts: PromptSet, folder: Path, steps: int) -> float:
    """Seconds of processor time of a training of so many steps, which is thrown away."""
    shutil.rmtree(folder, ignore_errors=True)
    began = time.process_time()
    train(dataclasses.replace(config, run=folder, steps=steps), prompts)
    taken = time.process_time() - began
    shutil.rmtree(folder)
    return taken


def steps_of(config: TrainConfig, prompts: PromptSet, folder: Path, seconds: float) -> int:
    """As many steps as there is processor time for."""
    short, longer = (timed(config, prompts, folder, steps) for steps in (SHORT, LONGER))
    step = max((longer - short) / (LONGER - SHORT), 1e-3)
    return max(int((seconds - short) / step) + SHORT, 1)


def trained(
    config: TrainConfig, prompts: PromptSet, run: Path, seconds: float, mebibytes: float
) -> tuple[Checkpoint, dict[str, float]]:
    """A model of that size and time, and what it took: kept in the folder ``run``."""
    planned = run.with_suffix(".plan.json")
    if not planned.is_file():
        fitting = sized(config, mebibytes)
        steps = steps_of(fitting, prompts, run.with_name("thrown-away"), seconds)
        grid = fitting.model.grid
        plan = {"resolutions": grid.resolutions, "table": grid.table, "steps": steps}
        planned.write_text(json.dumps(plan), encoding="utf-8")
    plan = json.loads(planned.read_text(encoding="utf-8"))
    grid = dataclasses.replace(
        config.model.grid, resolutions=tuple(plan["resolutions"]), table=plan["table"]
    )
    model = dataclasses.replace(config.model, grid=grid)
    config = dataclasses.replace(config, model=model, run=run, steps=plan["steps"])
    began = time.process_time()
    checkpoint = load_checkpoint(train(config, prompts))
    return checkpoint, {
        "MiB": megabytes(model, config.latents),
        "steps": plan["steps"],
        "minutes": (time.process_time() - began) / 60.0,
        "v": model.latent,
        "finest": max(grid.levels),
    }


def groups_of(collection: LibraryCollection, count: int) -> dict[str, int]:
    """The group of each category: the largest first, each to the group with the fewest models.

    Raises:
        TrainingError: the models have too few categories.
    """
    sizes = Counter(entry.kind for entry in collection.index.entries)
    if len(sizes) < count:
        raise TrainingError(
            f"the models of {collection.name} have {len(sizes)} categories, and {count} experts"
            " would share them",
            "make the library with --table training/props/models.tsv, or a table of your own",
        )
    filled = [0] * count
    found: dict[str, int] = {}
    for kind, models in sizes.most_common():
        found[kind] = filled.index(min(filled))
        filled[found[kind]] += models
    return found


class Router:
    """Sends a prompt to a group by its words: naive Bayes, every count raised by a half."""

    def __init__(self, prompts: Sequence[str], groups: Sequence[int], count: int) -> None:
        self._words: dict[str, Counter[int]] = defaultdict(Counter)
        self._prompts = Counter(groups)
        self._count = count
        for prompt, group in zip(prompts, groups, strict=True):
            for word in set(split_words(prompt)):
                self._words[word][group] += 1

    def __call__(self, prompt: str) -> int:
        def likelihood(group: int) -> float:
            total = self._prompts[group]
            said = math.log(total + 0.5)
            for word in set(split_words(prompt)):
                if word in self._words:
                    said += math.log((self._words[word][group] + 0.5) / (total + 1.0))
            return said

        return max(range(self._count), key=likelihood)


def experts(
    start: TrainConfig, collection: LibraryCollection, run: Path, options: argparse.Namespace
) -> tuple[Figures, dict[str, float]]:
    """Train them, route every measured prompt, and measure; with the share that is routed right."""
    of_kind = groups_of(collection, EXPERTS)
    prompts = unstretched(collection)
    kinds = [collection.index.entries[s.asset].kind for s in collection.shown(prompts.prompts)]
    group = [of_kind[kind] for kind in kinds]
    router = Router(
        [prompts.prompts[i] for i in prompts.seen], [group[i] for i in prompts.seen], EXPERTS
    )
    checkpoints: list[Checkpoint] = []
    took: Mapping[str, float] = {}
    for expert in range(EXPERTS):
        own = dataclasses.replace(
            prompts, seen=tuple(i for i in prompts.seen if group[i] == expert)
        )
        models = {collection.shown([prompts.prompts[i]])[0].asset for i in set(own.seen)}
        latent = max(math.ceil(start.model.latent * len(models) / len(collection.index.entries)), 4)
        model = dataclasses.replace(start.model, latent=latent, components=2 * latent)
        config = dataclasses.replace(start, model=model, latents=LatentsConfig(own=False))
        seconds, size = 60.0 * options.minutes / EXPERTS, options.mebibytes / EXPERTS
        checkpoint, each = trained(config, own, run / str(expert), seconds, size)
        checkpoints.append(checkpoint)
        took = {name: took.get(name, 0.0) + value for name, value in each.items()}
    encoders = [checkpoint.encoder() for checkpoint in checkpoints]

    def field_of(prompt: str) -> Field:
        chosen = router(prompt)
        return checkpoints[chosen].field(encoders[chosen].encode([prompt])[0])

    right = [router(prompts.prompts[i]) == group[i] for i in prompts.unseen]
    averages = {name: took[name] / EXPERTS for name in ("v", "finest")}
    routed = {"routed right": sum(right) / max(len(right), 1)}
    return figures_of(field_of, collection, options.count, SETS), {**took, **averages, **routed}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("library", type=Path)
    parser.add_argument("--run", type=Path, default=Path("runs/mappings"))
    parser.add_argument("--minutes", type=float, default=10.0, help="of processor time, each")
    parser.add_argument("--mebibytes", type=float, default=12.0, help="of each file")
    parser.add_argument("--count", type=int, default=40, help="prompts measured of each kind")
    parser.add_argument("--only", nargs="*", default=[], help="names of trainings; else all")
    options = parser.parse_args()
    collection = LibraryConfig(str(options.library)).open()
    start = library_preset(str(options.library))
    start = dataclasses.replace(
        start,
        model=dataclasses.replace(start.model, proportions=0),
        save_every=50,
        sheet_every=10**6,
        watched=1,
        scoring="none",
    )
    options.run.mkdir(parents=True, exist_ok=True)
    prompts = unstretched(collection)
    rows: list[str] = []
    for name in tqdm(options.only or [*variants(start), "experts"], desc="trainings"):
        run = options.run / name.replace(" ", "-")
        kept = run.with_suffix(".json")
        if not kept.is_file():
            if name == "experts":
                run.mkdir(exist_ok=True)
                figures, took = experts(start, collection, run, options)
            else:
                config = variants(start)[name]
                seconds = 60.0 * options.minutes
                checkpoint, took = trained(config, prompts, run, seconds, options.mebibytes)
                encoder = checkpoint.encoder()
                figures = figures_of(
                    lambda prompt, c=checkpoint, e=encoder: c.field(e.encode([prompt])[0]),
                    collection,
                    options.count,
                    SETS,
                )
            text = json.dumps({"took": took, "figures": figures}, indent=1)
            kept.write_text(text + "\n", encoding="utf-8")
        found = json.loads(kept.read_text(encoding="utf-8"))
        took = found["took"]
        size = f"{took['v']:.0f} | {took['finest']:.0f} | {took['MiB']:.1f}"
        spent = f"{took['steps']:.0f} | {took['minutes']:.1f}"
        rows.append(f"| {name} | {size} | {spent} | {' | '.join(cells(found['figures'], SETS))} |")
    head = [f"{one}: {group}" for one in SETS for group in ("seen", "unseen")]
    print(f"| | v | finest level | MiB | steps | min | {' | '.join(head)} |")
    print("|---" * (6 + len(head)) + "|")
    print("\n".join(rows))


if __name__ == "__main__":
    try:
        main()
    except TrainingError as error:
        raise SystemExit(f"{error.message}\n{error.remedy}") from error
