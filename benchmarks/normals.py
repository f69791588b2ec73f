"""Normals for shading: how far from the truth, and what they cost.

    python benchmarks/normals.py [--checkpoint FILE] [--toys N] [--repeats N]

Angles between the normals of a toybox checkpoint's objects and the toys' own, at points of the
toys' surfaces, in degrees. Cost: a forward and backward pass over those points, in seconds of
processor time of one thread, the fastest of the repeats.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from backend.model.att3d import Objects
from backend.model.checkpoint import load_checkpoint
from backend.paths import default_checkpoint
from training.prompts import spec_of
from training.rendering.config import RenderConfig
from training.rendering.renderer import TrainingRenderer
from training.toybox import AssetBatch, build, near_surface_points, signed_distance, stack

POINTS = 1024
"""Points a toy."""


def true_normals(
    toys: AssetBatch, points: Float[Tensor, "toys points 3"], h: float = 1e-3
) -> Float[Tensor, "toys points 3"]:
    """Central differences of the signed distance, a millimetre to each side."""
    around = [
        signed_distance(toys, points + h * axis, compiled=False)
        - signed_distance(toys, points - h * axis, compiled=False)
        for axis in torch.eye(3)
    ]
    return torch.nn.functional.normalize(torch.stack(around, dim=-1), dim=-1)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, default=None)
    parser.add_argument("--toys", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    checkpoint = load_checkpoint(options.checkpoint or default_checkpoint())
    prompts = checkpoint.metadata.prompts
    prompts = prompts[:: max(1, len(prompts) // options.toys)][: options.toys]
    toys = stack([build(spec_of(prompt)) for prompt in prompts])
    generator = torch.Generator().manual_seed(0)
    points = near_surface_points(toys, POINTS, 0.0, generator, compiled=False)
    truth = true_normals(toys, points).flatten(0, 1)
    on_surface = signed_distance(toys, points, compiled=False).abs().flatten() < 2e-3

    model = checkpoint.model.requires_grad_(False)
    objects = model.objects(checkpoint.encoder().encode(prompts))
    owner = torch.arange(len(prompts)).repeat_interleave(POINTS)
    flat = points.flatten(0, 1)
    cases = {"analytic": RenderConfig(normals="analytic")}
    for h in (0.005, 0.01, 0.02, 0.03, 0.05):
        cases[f"differences, step {h}"] = RenderConfig(normals="differences", normal_step=h)
    print(f"{len(prompts)} toys, {int(on_surface.sum())} points")
    print(f"{'':24}{'median':>8}{'mean':>8}{'90%':>8}{'s':>9}")
    for name, config in cases.items():
        renderer = TrainingRenderer(dataclasses.replace(config, background="random"))
        seconds = []
        for _ in range(options.repeats):
            values = objects.values.clone().requires_grad_()
            started = time.process_time()
            normals = renderer._normals(model, Objects(objects.latent, values), flat, owner)
            normals[:, 0].sum().backward()
            seconds.append(time.process_time() - started)
        cosine = (normals.detach() * truth).sum(-1)[on_surface].clamp(-1, 1)
        angle = torch.rad2deg(torch.acos(cosine))
        row = [angle.median(), angle.mean(), angle.quantile(0.9)]
        print(f"{name:24}" + "".join(f"{a.item():8.1f}" for a in row) + f"{min(seconds):9.4f}")


if __name__ == "__main__":
    main()
