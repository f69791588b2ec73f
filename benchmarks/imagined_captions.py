"""How well a caption's v is guessed from captions that share its words: kernel ridge regression.

    python benchmarks/imagined_captions.py CHECKPOINT [--held-out 80] [--noise .01 .1 1]

Of the models that a library's checkpoint learnt, some are held out whose captions the others let
one imagine (``training/prompts/imagined.py``). For each ridge, the error of their grids is printed
as a share of what a guess of the mean leaves: 1 says nothing, 0 says all.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from random import Random

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from backend.model.checkpoint import load_checkpoint
from training.prompts.imagined import imagined_captions, shares_of


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--held-out", type=int, default=80)
    parser.add_argument("--noise", type=float, nargs="+", default=[0.01, 0.03, 0.1, 0.3, 1.0])
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    checkpoint = load_checkpoint(arguments.checkpoint)
    learnt = set(checkpoint.metadata.prompts)
    models = [model["prompt"] for model in checkpoint.metadata.recipe["assets"]["models"]]
    captions = [caption for caption in dict.fromkeys(models) if caption in learnt]
    encoder = checkpoint.encoder()
    with torch.no_grad():
        parts = [captions[first : first + 256] for first in range(0, len(captions), 256)]
        latents = [checkpoint.model.mapping.latent(encoder.encode(part)) for part in parts]
        decode = checkpoint.model.mapping.plain_weights()["decode.weight"]
    values = torch.cat(latents).double().numpy()
    metric = (decode.T @ decode).double().numpy()
    place = {caption: i for i, caption in enumerate(captions)}
    drawn = Random(arguments.seed).sample(captions, min(4 * arguments.held_out, len(captions)))
    rest = [caption for caption in captions if caption not in set(drawn)]
    imagined = set(imagined_captions(rest, 20 * len(rest)))
    held = [caption for caption in drawn if caption in imagined][: arguments.held_out]
    known = [caption for caption in captions if caption not in set(held)]
    told = values[[place[caption] for caption in known]]
    truth = values[[place[caption] for caption in held]]

    def left(guess: np.ndarray) -> float:
        wrong = guess - truth
        return float(((wrong @ metric) * wrong).sum())

    mean = left(told.mean(axis=0))
    print(f"{len(held)} of {len(captions)} captions held out")
    for noise in arguments.noise:
        print(f"ridge {noise:g}: {left(shares_of(held, known, noise) @ told) / mean:.3f}")


if __name__ == "__main__":
    main()
