"""Time and memory a step of score distillation, from 100 to 100,000 prompts.

    python benchmarks/many_prompts.py [--counts 100 100000] [--steps 20] [--json]

Each count runs in a process of its own, on a prompt file written for it; the ratios to the first
count are what matters. Embeddings, of the mapping network's encoder and of the diffusion model's,
are made a step at a time.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "tests" / "data" / "pixel32"
COUNTS = (100, 1_000, 10_000, 100_000)
WARM_UP = 5


def write_prompts(path: Path, count: int) -> None:
    """So many different prompts, one a line."""
    animals = ["pig", "lion", "bear", "rabbit", "tiger", "raccoon", "squirrel", "monkey", "robot"]
    colors = ["red", "blue", "green", "golden", "wooden", "black", "white", "pink", "striped"]
    doing = ["holding a book", "riding a bike", "sitting on a chair", "playing the guitar"]
    words = itertools.product(range(1_000_000), colors, animals, doing)
    lines = (f"a {c} {a} {d} number {n}" for n, c, a, d in words)
    path.write_text("\n".join(itertools.islice(lines, count)) + "\n")


def measure(count: int, steps: int) -> dict[str, float]:
    """Seconds a step (median) and peak memory of this process, GiB."""
    import torch

    from backend.model.att3d import ATT3D
    from training.amortized.run import build_guidance, embedder, text_encoder
    from training.amortized.trainer import Trainer
    from training.presets import preset
    from training.prompts import prompt_set

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "prompts.txt"
        write_prompts(path, count)
        config = dataclasses.replace(
            preset("toybox-sds"),
            prompts=str(path),
            run=Path(folder) / "run",
            diffusion_model=str(MODEL),
            device="cpu",
        )
        started = time.perf_counter()
        prompts = prompt_set(config.prompts)
        encoder = text_encoder(config, prompts, config.assets.open())
        device = torch.device("cpu")
        trainer = Trainer(
            config=config,
            model=ATT3D(config.model),
            embed=embedder(prompts, encoder),
            guidance=build_guidance(config, prompts, encoder, None, device),
            seen=prompts.seen,
            device=device,
        )
        trainer.step(0)
        first = time.perf_counter() - started
        seconds = []
        for index in range(1, WARM_UP + steps):
            begun = time.perf_counter()
            trainer.step(index)
            seconds.append(time.perf_counter() - begun)
        settled = sorted(seconds[WARM_UP - 1 :])
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        return {"first_step": first, "step": settled[len(settled) // 2], "memory_gib": peak}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--counts", type=int, nargs="+", default=list(COUNTS))
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--alone", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        print(json.dumps(measure(options.alone, options.steps)))
        return
    rows = {}
    for count in options.counts:
        command = [sys.executable, __file__, "--alone", str(count), "--steps", str(options.steps)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        rows[count] = json.loads(done.stdout.splitlines()[-1])
    if options.json:
        print(json.dumps(rows))
        return
    base = rows[options.counts[0]]
    print("prompts   first step, s   step, s   ratio   peak memory, GiB   ratio")
    for count, row in rows.items():
        print(
            f"{count:7,}   {row['first_step']:13.1f}   {row['step']:7.3f}"
            f"   {row['step'] / base['step']:5.2f}   {row['memory_gib']:16.2f}"
            f"   {row['memory_gib'] / base['memory_gib']:5.2f}"
        )


if __name__ == "__main__":
    main()
