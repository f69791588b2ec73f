"""Find again which v fits each prompt of a checkpoint best, by its library.

    python scripts/find_latents.py CHECKPOINT --library LIB -o V.safetensors

Grid and MLP stay as they are (``training/amortized/frozen_latents.py``): first v of the models,
then of their copies, which begin where their models went. ``scripts/refit_mapping.py`` fits the
mapping network to what is found. Prints the losses every fifty steps, averaged.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from backend.model.checkpoint import load_checkpoint
from training.amortized.frozen_latents import LEAST, find_latents
from training.assets import LibraryConfig
from training.guidance.references import ReferenceGuidance
from training.presets import library_preset

EVERY = 50
"""Steps between lines, and losses in each line's mean."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--library", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--visits", type=int, default=40, help="of each model")
    parser.add_argument("--copies", type=int, default=10, help="visits of each copy")
    parser.add_argument("--rate", type=float, default=0.05)
    arguments = parser.parse_args()
    checkpoint = load_checkpoint(arguments.checkpoint)
    model, encoder = checkpoint.model, checkpoint.encoder()
    prompts = checkpoint.metadata.prompts
    collection = LibraryConfig(folder=str(arguments.library)).open()
    missing = [prompt for prompt in prompts if not collection.has(prompt)]
    if missing:
        raise SystemExit(
            f"{arguments.library} has not the models of {arguments.checkpoint}: {missing[0]!r} is"
            f" one of {len(missing)} that it has no model for"
        )
    preset = library_preset(str(arguments.library))
    with torch.no_grad():
        parts = [prompts[first : first + 256] for first in range(0, len(prompts), 256)]
        v = torch.cat([model.mapping.latent(encoder.encode(part)) for part in parts])
    shown = collection.shown(prompts)
    models = [i for i, each in enumerate(shown) if each.as_it_is]
    copies = [i for i, each in enumerate(shown) if not each.as_it_is]

    def found(rows: list[int], visits: int) -> Tensor:
        assets = collection.references(
            [prompts[i] for i in rows], torch.device("cpu"), compiled=False
        )
        guidance = ReferenceGuidance(assets, preset.references, preset.cameras)
        return find_latents(
            model,
            v[rows],
            guidance,
            visits=visits,
            batch=preset.batch,
            rate=arguments.rate,
            watch=_Means(),
        )

    if models and arguments.visits:
        before = v[models]
        v[models] = found(models, arguments.visits)
        moved = dict(zip([shown[i].asset for i in models], v[models] - before, strict=True))
        for i in copies:
            if shown[i].asset in moved:
                v[i] = (v[i] + moved[shown[i].asset]).clamp_min(LEAST)
    save_file({"latents": v.contiguous()}, arguments.output)
    if copies and arguments.copies:
        v[copies] = found(copies, arguments.copies)
    save_file({"latents": v.contiguous()}, arguments.output)


class _Means:
    """Prints the means of losses every :data:`EVERY` steps."""

    def __init__(self) -> None:
        self._sums: dict[str, list[float]] = defaultdict(list)

    def __call__(self, index: int, steps: int, losses: dict[str, float]) -> None:
        for name, value in losses.items():
            self._sums[name].append(value)
        if (index + 1) % EVERY == 0 or index + 1 == steps:
            said = [f"{name} {sum(all_) / len(all_):.4f}" for name, all_ in self._sums.items()]
            print(f"{index + 1} of {steps}: {', '.join(said)}", flush=True)
            self._sums.clear()


if __name__ == "__main__":
    main()
