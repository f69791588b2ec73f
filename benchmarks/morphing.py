"""How a morph looks on its way: smoothness of the path, plausibility of what is between.

    python benchmarks/morphing.py [--pairs 50] [--out out/morphing]

Random pairs of the checkpoint's prompts, half of one character and half of different ones, are
tracked with the usual options. Each is shown at evenly spaced frames from eight sides, and so is
the true object there, read from the field without any mesh in common. Every result is added to
``results.jsonl`` in the output folder, and a run goes on where the last one stopped.

Smoothness is the step from one frame to the next, its mean and its largest over the path:
``picture`` the root mean square difference of the pictures, in [0, 1]; ``clip`` one minus the
cosine of their features in the scoring CLIP's space (:mod:`training.clip.scoring`).
Plausibility is the R-probability of the nearer end (A34): the probability that the scoring CLIP
gives to the nearer prompt, among both ends and 100 other prompts of the checkpoint.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from backend.engine import Engine
from backend.progress import CancelToken
from backend.protocol.options import ChainOptions
from backend.shapes import Float
from backend.tracking.appearance import FRAME, Camera, mesh_picture, object_picture
from backend.tracking.chain_reader import ChainReader
from backend.tracking.solids import extract
from backend.tracking.tracked_mesh import TrackedMesh
from backend.tracking.visibility import directions
from benchmarks.tracking import random_pairs
from training.clip.scoring import BUNDLED, Scorer, load_scorer

ROOT = Path(__file__).resolve().parents[1]
VIEWS = 8
SIZE = 128
OTHERS = 100
"""Prompts beside the two ends that a picture is scored against."""
PLAYED = 48
"""Frames from prompt to prompt of an animation; what a frame costs is shared by these."""

Pictures = Float[np.ndarray, "views size size 3"]


def cameras(mesh: TrackedMesh) -> list[Camera]:
    """The same for all frames, so that what stays stays in the pictures."""
    low, high = mesh.positions.min(axis=(0, 1)), mesh.positions.max(axis=(0, 1))
    centre = (0.5 * (low + high)).astype(np.float64)
    radius = FRAME * float(np.linalg.norm(mesh.positions - centre, axis=-1).max())
    return [Camera(direction, centre, radius, SIZE) for direction in directions(VIEWS)]


def tracked(mesh: TrackedMesh, alphas: Sequence[float]) -> Iterator[Pictures]:
    """The tracked mesh at each alpha."""
    for alpha in alphas:
        positions, texture = mesh.at(alpha), mesh.texture_at(alpha)
        yield np.stack(
            [
                mesh_picture(positions, mesh.faces, mesh.uvs, texture, camera)[1]
                for camera in cameras(mesh)
            ]
        )


def fresh(engine: Engine, mesh: TrackedMesh, alphas: Sequence[float]) -> Iterator[Pictures]:
    """The true object at each alpha."""
    source = ChainReader(engine.chain(mesh.prompts), 128, CancelToken())
    for alpha in alphas:
        reader, surface = source.reader(alpha), extract(source.solid(alpha), source.cancel)
        yield np.stack([object_picture(reader, surface, camera)[1] for camera in cameras(mesh)])


def path(
    frames: Iterator[Pictures],
    alphas: Sequence[float],
    features: Callable[[Tensor], Tensor],
    queries: Tensor,
    logit_scale: float,
) -> dict[str, float]:
    """Steps between neighbouring frames, and the R-probability of the nearer end.

    Args:
        features: Of pictures; unit vectors.
        queries: Features of the first prompt, the second, and others.
    """
    steps, turns, plausible = [], [], []
    before: tuple[Pictures, Tensor] | None = None
    for alpha, pictures in zip(alphas, frames, strict=True):
        seen = features(torch.from_numpy(pictures).float())
        probability = (logit_scale * seen @ queries.T).softmax(-1)
        plausible.append(float(probability[:, round(alpha)].mean()))
        if before is not None:
            steps.append(float(np.sqrt(((pictures - before[0]) ** 2).mean())))
            turns.append(float(1.0 - (seen * before[1]).sum(-1).mean()))
        before = pictures, seen
    return {
        "picture_mean": float(np.mean(steps)),
        "picture_largest": float(np.max(steps)),
        "clip_mean": float(np.mean(turns)),
        "clip_largest": float(np.max(turns)),
        "plausible_mean": float(np.mean(plausible)),
        "plausible_least": float(np.min(plausible)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--frames", type=int, default=24, help="shown from prompt to prompt")
    parser.add_argument("--scoring", default=BUNDLED, help="the CLIP that scores")
    parser.add_argument("--checkpoint", type=Path, default=None)
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "morphing")
    parser.add_argument("--fresh", action="store_true", help="forget earlier results")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    log = options.out / "results.jsonl"
    if options.fresh:
        log.unlink(missing_ok=True)
    lines = [json.loads(text) for text in log.read_text().splitlines()] if log.exists() else []
    done = {tuple(line["prompts"]) for line in lines}
    engine = Engine(options.checkpoint)
    scorer: Scorer = load_scorer(options.scoring)
    prompts = [p for p in engine.checkpoint.metadata.prompts if not scorer.unknown_words([p])]
    others = np.random.default_rng(0).permutation(prompts)[:OTHERS].tolist()
    alphas = np.linspace(0.0, 1.0, options.frames + 1).tolist()
    for kind, *pair in random_pairs(prompts, options.pairs, options.seed):
        if tuple(pair) in done:
            continue
        wall, cpu = time.perf_counter(), time.process_time()
        mesh = engine.interpolate(pair, ChainOptions())
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        queries = scorer.text_features([*pair, *(other for other in others if other not in pair)])
        shared = (alphas, scorer.image_features, queries, scorer.logit_scale)
        line = {
            "kind": kind,
            "prompts": pair,
            "seconds_a_frame": wall / PLAYED,
            "cpu_seconds_a_frame": cpu / PLAYED,
            "keys": len(mesh.alphas),
            "tracked": path(tracked(mesh, alphas), *shared),
            "true": path(fresh(engine, mesh, alphas), *shared),
        }
        lines.append(line)
        with log.open("a") as file:
            file.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)
    report(lines)


def report(lines: Sequence[dict]) -> None:
    """Means over the pairs, as docs/morphing.md has them."""
    print(f"\n{len(lines)} pairs")
    for name in ("seconds_a_frame", "cpu_seconds_a_frame"):
        print(f"{name} {np.mean([x[name] for x in lines]):.2f}")
    for who in ("tracked", "true"):
        names = lines[0][who]
        means = (f"{name} {np.mean([x[who][name] for x in lines]):.4f}" for name in names)
        print(f"{who}: {', '.join(means)}")


if __name__ == "__main__":
    main()
