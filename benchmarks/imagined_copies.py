"""How well v of a copy is guessed from the copies that were seen: by what they show, and by words.

    python benchmarks/imagined_copies.py CHECKPOINT --library LIB [--share .1] [--seed 0]

Of the copies that a library's checkpoint learnt, a share is held out, and v of each is guessed from
all other prompts' v: by ``training/amortized/copies.py`` and by ``training/prompts/imagined.py``.
Printed is the error of their grids as a share of what the mean of all prompts leaves, for copies
in other colors, in other proportions, and in both.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from random import Random

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from backend.model.checkpoint import load_checkpoint
from training.amortized.copies import shares_of_copies
from training.assets import LibraryConfig, Shown
from training.prompts.imagined import shares_of

KINDS = ("recolored", "stretched", "both")


def kind_of(shown: Shown) -> str:
    return "both" if shown.paint and shown.stretch else KINDS[bool(shown.stretch)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--library", type=Path, required=True)
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    checkpoint = load_checkpoint(arguments.checkpoint)
    collection, encoder = LibraryConfig(str(arguments.library)).open(), checkpoint.encoder()
    prompts = [prompt for prompt in checkpoint.metadata.prompts if collection.has(prompt)]
    shown = collection.shown(prompts)
    with torch.no_grad():
        parts = [prompts[first : first + 256] for first in range(0, len(prompts), 256)]
        v = torch.cat([checkpoint.model.latent(encoder.encode(part)) for part in parts])
        decode = checkpoint.model.mapping.plain_weights()["decode.weight"]
    metric = decode.T @ decode
    copies = [i for i, each in enumerate(shown) if not each.as_it_is]
    drawn = Random(arguments.seed).sample(copies, int(arguments.share * len(copies)))
    known = sorted(set(range(len(prompts))) - set(drawn))
    expected = {
        "what they show": shares_of_copies(
            [shown[i] for i in drawn], [shown[i] for i in known], v[known], metric
        ),
        "words": torch.from_numpy(
            shares_of([prompts[i] for i in drawn], [prompts[i] for i in known])
        ),
    }

    def size(away: torch.Tensor) -> torch.Tensor:
        return ((away @ metric) * away).sum(1)

    spread = size(v - v.mean(0)).mean()
    print(f"{len(drawn)} of {len(copies)} copies held out, {len(known)} prompts known")
    for name, shares in expected.items():
        left = size(shares @ v[known] - v[drawn]) / spread
        means = {
            kind: left[[kind_of(shown[i]) == kind for i in drawn]].mean().item() for kind in KINDS
        }
        print(f"by {name}: " + ", ".join(f"{kind} {mean:.3f}" for kind, mean in means.items()))


if __name__ == "__main__":
    main()
