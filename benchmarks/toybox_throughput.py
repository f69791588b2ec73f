"""Pictures and points a second of the toybox: ``python benchmarks/toybox_throughput.py``.

Compiled and eager, on random compositions of the toybox prompt set seen by random cameras.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch

from backend.rendering.cameras import CameraConfig, sample_cameras
from training.prompts import prompt_set, spec_of
from training.toybox import build, near_surface_points, query, render, signed_distance, stack

CAMERAS = CameraConfig(distance=(2.8, 3.2), focal=(1.2, 1.4))


def seconds(job: Callable[[], object], repeats: int, device: torch.device) -> float:
    """Median time of ``job`` after one warm-up call."""
    job()
    times = []
    for _ in range(repeats):
        if device.type == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        job()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]


def main() -> None:
    """Print one line a measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--points", type=int, default=8192, help="points an asset")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    device = torch.device(options.device)
    generator = torch.Generator().manual_seed(0)
    prompts = prompt_set("toybox").prompts
    picks = torch.randperm(len(prompts), generator=generator)[: options.batch].tolist()
    batch = stack([build(spec_of(prompts[pick])) for pick in picks]).to(device)
    cameras = sample_cameras(options.batch, CAMERAS, generator).to(device)
    points = near_surface_points(batch, options.points, 0.02, generator, compiled=False)
    total = options.batch * options.points
    print(
        f"{options.batch} toys, {options.size} x {options.size}, {total} points,"
        f" {torch.get_num_threads()} threads, {device}"
    )
    for compiled in (True, False):
        repeats = options.repeats if compiled else 2

        def measure(job: Callable[[], object], repeats: int = repeats) -> float:
            return seconds(job, repeats, device)

        name = "compiled" if compiled else "eager"
        took = measure(
            lambda compiled=compiled: render(batch, cameras, options.size, compiled=compiled)
        )
        print(f"{name:9} render                {options.batch / took:12,.0f} images/s")
        took = measure(lambda compiled=compiled: signed_distance(batch, points, compiled=compiled))
        print(f"{name:9} signed_distance       {total / took:12,.0f} points/s")
        took = measure(lambda compiled=compiled: query(batch, points, compiled=compiled))
        print(f"{name:9} query                 {total / took:12,.0f} points/s")
        took = measure(
            lambda compiled=compiled: near_surface_points(
                batch, options.points, 0.02, generator, compiled=compiled
            )
        )
        print(f"{name:9} near_surface_points   {total / took:12,.0f} points/s")


if __name__ == "__main__":
    main()
