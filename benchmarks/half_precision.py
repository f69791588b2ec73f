"""Why the grid is read in single precision: its gradients, summed in half precision.

    python benchmarks/half_precision.py [--size N] [--samples N] [--mean M] [--json]

The paper's grid under one picture of the paper's size: uniform samples along the rays that meet
the ball, a gradient at each of them from a normal distribution of standard deviation 1 about the
mean: with 1 neighbours agree, as those of one surface may; with 0 they do not. Each vertex sums
those of the samples around it, one after the other, as a GPU's atomic additions do. Error of a
level: the root mean square of the difference from the sums in double precision, in percent of the
sums' own; and the share of the vertices whose sum is half of what it should be, or less.
"""

from __future__ import annotations

import argparse
import json

import torch
from jaxtyping import Float
from torch import Tensor

from backend.model.config import ModelConfig
from backend.rendering.cameras import CameraConfig, intersect_ball, sample_cameras

MODEL = ModelConfig()
DTYPES = (torch.float32, torch.float16, torch.bfloat16)


def ray_samples(size: int, samples: int) -> Float[Tensor, "points 3"]:
    """Places along the rays of one picture by A13's cameras, in [-1, 1]^3."""
    generator = torch.Generator().manual_seed(0)
    cameras = sample_cameras(1, CameraConfig(), generator)
    origins, directions = cameras.rays(size)
    near, far = intersect_ball(origins, directions, MODEL.bound)
    through = far - near > 1e-6
    origins, directions = origins.expand_as(directions)[through], directions[through]
    near, far = near[through], far[through]
    places = (torch.arange(samples) + torch.rand(len(near), samples, generator=generator)) / samples
    along = near[:, None] + (far - near)[:, None] * places
    points = origins[:, None] + directions[:, None] * along[..., None]
    return points.flatten(0, 1) / MODEL.bound


def vertex_sums(
    resolution: int,
    points: Float[Tensor, "points 3"],
    gradient: Float[Tensor, "points features"],
    dtype: torch.dtype,
) -> Float[Tensor, "vertices features"]:
    """What one level's vertices sum of the points' gradients, in ``dtype``."""
    place = (points.double() * 0.5 + 0.5) * (resolution - 1)
    low = place.floor().clamp(0, resolution - 2)
    indices, parts = [], []
    for corner in range(8):
        high = torch.tensor([corner >> 2 & 1, corner >> 1 & 1, corner & 1])
        weight = torch.where(high.bool(), place - low, 1.0 - (place - low)).prod(-1)
        x, y, z = (low.long() + high).unbind(-1)
        indices.append((x * resolution + y) * resolution + z)
        parts.append((weight[:, None] * gradient.double()).to(dtype))
    index, order = torch.cat(indices).sort(stable=True)
    part = torch.cat(parts)[order]
    counts = index.bincount(minlength=resolution**3)
    turn = torch.arange(len(index)) - (counts.cumsum(0) - counts)[index]
    sums = torch.zeros(resolution**3, gradient.shape[1], dtype=dtype)
    # A turn adds at most one number to a vertex, and rounds.
    by_turn = turn.argsort(stable=True).split(turn.bincount().tolist())
    for chosen in by_turn:
        sums[index[chosen]] += part[chosen]
    return sums


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--mean", type=float, default=1.0, help="of the gradients")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options = parser.parse_args()
    torch.set_num_threads(1)
    points = ray_samples(options.size, options.samples)
    generator = torch.Generator().manual_seed(1)
    gradient = options.mean + torch.randn(len(points), MODEL.grid.features, generator=generator)
    result: dict[str, dict[str, dict[str, float]]] = {}
    for resolution in MODEL.grid.resolutions:
        true = vertex_sums(resolution, points, gradient, torch.float64)
        for dtype in DTYPES:
            sums = vertex_sums(resolution, points, gradient, dtype).double()
            error = (sums - true).square().mean().sqrt() / true.square().mean().sqrt()
            lost = (sums.abs() <= 0.5 * true.abs())[true != 0.0].double().mean()
            result.setdefault(str(resolution), {})[str(dtype).removeprefix("torch.")] = {
                "error_pct": 100.0 * error.item(),
                "halved_pct": 100.0 * lost.item(),
            }
    if options.json:
        print(json.dumps({"points": len(points), "levels": result}))
        return
    print(f"{len(points)} samples; error of the sums in percent (vertices with half or less)")
    for resolution, found in result.items():
        row = "".join(
            f"{name:>12} {value['error_pct']:7.3f} ({value['halved_pct']:.2f})"
            for name, value in found.items()
        )
        print(f"  {resolution:>3} vertices an axis{row}")


if __name__ == "__main__":
    main()
