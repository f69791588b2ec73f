"""How wide v must be for the toybox, by the toys themselves: a table.

    python benchmarks/latent_width.py [--prompts 400] [--points 4000]

A linear mapping network (A4) makes every grid a sum of v's columns. So toys are looked at as
vectors (truncated distances at points near the surfaces of some of them, and colors where a toy's
own surface is within two centimetres), and compared with their best approximation by so many
principal components: as many as v has numbers. Of colors only what is near a surface is known; the
rest is filled in by the approximation, in turns. What the MLP makes of sums is left out, and that
text must say them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from training.assets.toybox import ToyboxCollection
from training.guidance.references import ReferencesConfig
from training.prompts import PromptMix, prompt_set

WIDTHS = (16, 32, 64, 96, 128, 192)
NEAR = 0.02
"""Metres from a surface within which colors count."""
ROUNDS = 12
"""Turns of filling in and approximating again."""
TOGETHER = 50
"""Toys that are asked at once."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--prompts", type=int, default=400)
    parser.add_argument("--points", type=int, default=4000)
    arguments = parser.parse_args()
    generator = torch.Generator().manual_seed(0)
    known = prompt_set("toybox").prompts
    drawn = torch.randperm(len(known), generator=generator)[: arguments.prompts]
    prompts = [known[index] for index in drawn.tolist()]
    toys = ToyboxCollection().references(prompts, torch.device("cpu"), compiled=False)
    some = toys.assets_at(PromptMix.plain(range(min(100, len(prompts)))))
    each = -(-arguments.points // min(100, len(prompts)))
    points = some.near_points(each, 0.005, generator).flatten(0, 1)[: arguments.points]
    answers = []
    for first in range(0, len(prompts), TOGETHER):
        rows = range(first, min(first + TOGETHER, len(prompts)))
        batch = toys.assets_at(PromptMix.plain(rows))
        answers.append(batch.query(points.expand(len(rows), -1, -1).contiguous()))
    distance = torch.cat([part for part, _ in answers])
    color = torch.cat([part for _, part in answers]).flatten(1)
    config = ReferencesConfig()
    height = (-config.slope * distance / config.truncation).clamp(-1.0, 1.0)
    surface = (distance.abs() < NEAR).repeat_interleave(3, dim=1)
    print(f"{len(prompts)} toys at {len(points)} points\n")
    print("| numbers of v | variance of distances that is left | colors on surfaces, dB |")
    print("|---|---|---|")
    away = height - height.mean(0)
    for width in WIDTHS:
        if width < len(prompts):
            left = (away - approximated(away, width)).square().sum() / away.square().sum()
            print(f"| {width} | {left:.2%} | {decibels(color, surface, width):.1f} |")


def approximated(rows: Float[Tensor, "toys numbers"], width: int) -> Float[Tensor, "toys numbers"]:
    """The nearest rows that are sums of ``width`` ones."""
    left, sizes, right = torch.linalg.svd(rows, full_matrices=False)
    return (left[:, :width] * sizes[:width]) @ right[:width]


def decibels(
    color: Float[Tensor, "toys numbers"], known: Bool[Tensor, "toys numbers"], width: int
) -> float:
    """PSNR of the known colors, approximated by ``width`` components beside their mean."""
    mean = (color * known).sum(0) / known.sum(0).clamp_min(1)
    away = (color - mean) * known
    near = approximated(away, width)
    for _ in range(ROUNDS):
        near = approximated(torch.where(known, away, near), width)
    error = ((near - away) * known).square().sum() / known.sum()
    return -10.0 * torch.log10(error).item()


if __name__ == "__main__":
    main()
