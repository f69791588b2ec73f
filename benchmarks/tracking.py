"""How well chains are tracked: random pairs of prompts, and the bundled chains.

    python benchmarks/tracking.py [--pairs 30] [--chains] [--out out/tracking]
    python benchmarks/tracking.py --models --checkpoint LIBRARY.safetensors [--pairs 10] [--shown 4]

Half of the pairs are of one character with other clothes and things, half of different ones; with
``--models`` they are of the models that a library's checkpoint learnt, as they are. Every
result is added to ``results.jsonl`` in the output folder, and a run goes on where the last one
stopped (``--fresh`` begins anew). Prints a table, marks what misses its target, and draws the worst
three: the true object above, the tracked mesh below, back faces in magenta.

Targets, means over the way where no worst alpha is named: of keys and alphas between, each by how
far its neighbours are. (Keys crowd where a way is hardest; were each worth the same, a mean would
grow with every key that helps.) One character: Chamfer
mean <= .30, 95th percentile <= 1.0, visible back faces <= .1%, drift <= .1. Different ones and
chains: mean <= .35, worst alpha <= .55, 95th percentile <= 3.2, back faces <= .5% at every alpha
but those where the topology changes. The worst alpha's 95th percentile is in brackets.
What a person sees (``far``, ``iou``, ``psnr``, ``extra``, the mean of the difference in ``color``
and its 95th percentile, ``bled``: see docs/interpolation.md) is the worst of the keys and the worst
of what is between them: 20 alphas (``--shown``) from prompt to prompt, and keys around a moment,
at which the object itself changes at once, so that they show what is about to go or has just come.
``cpu`` has the measuring of all keys in it, ``seconds`` has not.
Time: a pair of 8,000 faces, five keys, 1024 x 1024 textures in 30 s (``--keys 5``).
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from backend.engine import Engine
from backend.progress import CancelToken
from backend.protocol.chain_quality import AlphaQuality
from backend.protocol.options import ChainOptions
from backend.protocol.schema import encode
from backend.surface.clean import CleanConfig, drop_specks_and_cavities
from backend.surface.geometry import face_crosses, normalise
from backend.tracking.chain_reader import ChainReader
from backend.tracking.quality import SAMPLES
from backend.tracking.solids import extract
from backend.tracking.sudden import ASIDE, INSTANT
from backend.tracking.track import measure_at
from backend.tracking.tracked_mesh import TrackedMesh
from backend.tracking.visibility import frame, look

ROOT = Path(__file__).resolve().parents[1]
CHAINS = ("tree-seasons", "cottage-tudor", "baby-dragon", "vehicles")
TARGETS = {
    "same": {"mean": 0.30, "p95": 1.0, "back": 0.1, "drift": 0.1},
    "different": {"mean": 0.35, "worst": 0.55, "p95": 3.2, "back": 0.5},
    "chain": {"mean": 0.35, "worst": 0.55, "p95": 3.2, "back": 0.5},
    "lacking": {"mean": 0.35, "worst": 0.55, "p95": 3.2, "back": 0.5},
}
SECONDS = 30.0
NEAR = 0.08
"""Alphas this close to a change of the topology may show more back faces."""


LACKING = [
    ("a robot holding a shovel", "a pig"),
    ("a pig holding a shovel wearing a sombrero", "a pig"),
    ("a rabbit holding a shovel", "a bear wearing a sweater"),
    ("a lion wearing a cape", "a pig"),
    ("a robot wearing a cape", "a robot"),
    ("a bear wearing a cape", "a squirrel wearing a tophat"),
    ("a raccoon wielding a katana", "a raccoon"),
    ("a tiger wielding a katana wearing a suit", "a rabbit wearing a suit"),
    ("an orangutan wielding a katana", "a robot"),
    ("a robot holding a blue balloon", "a robot"),
    ("a squirrel holding a blue balloon wearing a sweater", "a squirrel wearing a sweater"),
    ("a pig holding a blue balloon", "a lion"),
    ("a monkey wearing a sombrero", "a monkey"),
    ("a bear wearing a suit and wearing a sombrero", "a bear wearing a suit"),
    ("a rabbit wearing a sombrero", "a robot"),
    ("a monkey riding a motorcycle", "a monkey"),
    ("a tiger riding a motorcycle wearing a helmet", "a tiger wearing a helmet"),
    ("a pig riding a motorcycle", "a lion wearing a cape"),
    ("a rabbit riding a bike", "a rabbit"),
    ("an orangutan holding a shovel wearing a cape", "an orangutan wearing a party hat"),
]
"""One of each pair holds, wears or rides what the other lacks."""
SHOWN = 20
"""Alphas between two prompts at which appearance is measured, besides the keys."""


def random_pairs(prompts: list[str], count: int, seed: int) -> list[tuple[str, str, str]]:
    """(kind, prompt, prompt): one character and different ones in turn."""
    generator = np.random.default_rng(seed)
    found: list[tuple[str, str, str]] = []
    while len(found) < count:
        one, other = (prompts[int(i)] for i in generator.integers(0, len(prompts), 2))
        kind = "same" if one.split()[1] == other.split()[1] else "different"
        if one != other and kind == ("same", "different")[len(found) % 2]:
            found.append((kind, one, other))
    return found


def pairs_of_models(recipe: Mapping[str, object], count: int, seed: int) -> list[tuple[str, str]]:
    """Different pairs of the models of a library that a checkpoint learnt from."""
    assets = recipe.get("assets")
    if not isinstance(assets, dict):
        raise SystemExit("the checkpoint is not of a library: leave --models away")
    pairs = list(itertools.combinations((model["prompt"] for model in assets["models"]), 2))
    return random.Random(seed).sample(pairs, min(count, len(pairs)))


def appearance(keys: Sequence[AlphaQuality], between: Sequence[AlphaQuality]) -> dict[str, float]:
    """What a person sees, worst of the keys and worst of the alphas between."""
    found = {}
    for name, where in (("key", keys), ("between", between)):
        found[f"far_{name}"] = max(one.farthest_pct for one in where)
        found[f"missing_{name}"] = max(one.missing_pct for one in where)
        found[f"iou_{name}"] = min(one.silhouette_iou for one in where)
        found[f"psnr_{name}"] = min(one.picture_psnr_db for one in where)
        found[f"extra_{name}"] = max(one.extra_pixels_pct for one in where)
        found[f"color_{name}"] = max(one.color_mean_pct for one in where)
        found[f"bled_{name}"] = max(one.color_p95_pct for one in where)
    return found


def summary(
    kind: str,
    prompts: Sequence[str],
    mesh: TrackedMesh,
    between: Sequence[AlphaQuality],
    took: dict[str, float],
) -> dict:
    """One line of the table; ``between`` is for appearance only."""
    measured = [*mesh.quality, *mesh.between]
    changing = np.array([change.alpha for change in mesh.changes])
    calm = [
        quality.visible_backfaces_pct
        for quality in measured
        if not len(changing) or np.abs(changing - quality.alpha).min() > NEAR
    ]
    backs = [quality.visible_backfaces_pct for quality in measured]
    return {
        "kind": kind,
        "prompts": list(prompts),
        "mean": over_the_way(measured, "chamfer_mean_pct"),
        "worst": max(quality.chamfer_mean_pct for quality in measured),
        "p95": over_the_way(measured, "chamfer_p95_pct"),
        "p95_worst": float(np.max([quality.chamfer_p95_pct for quality in measured])),
        "normals": float(np.min([quality.normal_consistency for quality in measured])),
        "flipped": over_the_way(measured, "flipped_area_pct"),
        "back": over_the_way(measured, "visible_backfaces_pct")
        if kind == "same"
        else max(calm, default=0.0),
        "back_worst": float(np.max(backs)),
        "drift": mesh.drift_pct,
        "keys": len(mesh.alphas),
        "changes": len(mesh.changes),
        **_what_is_seen(mesh.quality, between),
        **took,
        "quality": encode(measured),
    }


def over_the_way(measured: Sequence[AlphaQuality], figure: str) -> float:
    """The mean of a figure from the first alpha to the last, straight between those measured."""
    ordered = sorted(measured, key=lambda quality: quality.alpha)
    alphas = np.array([quality.alpha for quality in ordered])
    values = np.array([getattr(quality, figure) for quality in ordered])
    return float((0.5 * (values[1:] + values[:-1]) * np.diff(alphas)).sum() / np.ptp(alphas))


def _what_is_seen(
    keys: Sequence[AlphaQuality], between: Sequence[AlphaQuality]
) -> dict[str, float]:
    """:func:`appearance`, of which keys around a moment are among what is between keys."""
    around = keys_around_moments([quality.alpha for quality in keys])
    return appearance(
        [quality for quality in keys if quality.alpha not in around],
        [*between, *(quality for quality in keys if quality.alpha in around)],
    )


def keys_around_moments(alphas: Sequence[float]) -> set[float]:
    """The two keys an instant apart, and those that keep aside of them what waits until then."""
    pairs = [ends for ends in itertools.pairwise(sorted(alphas)) if _apart(*ends, INSTANT)]
    middles = [0.5 * (one + other) for one, other in pairs]
    aside = {alpha for alpha in alphas if any(_apart(middle, alpha, ASIDE) for middle in middles)}
    return {alpha for ends in pairs for alpha in ends} | aside


def _apart(one: float, other: float, distance: float) -> bool:
    return abs(abs(other - one) - distance) < 1e-5


def missed(line: dict) -> list[str]:
    return [name for name, most in TARGETS[line["kind"]].items() if line[name] > most]


def picture(engine: Engine, mesh: TrackedMesh, path: Path, size: int = 180) -> None:
    """True object above, tracked mesh below, at nine alphas of each pair."""
    source = ChainReader(engine.chain(mesh.prompts), 128, CancelToken())
    eye = normalise(np.array([[0.6, -0.75, 0.35]]))[0]
    centre = 0.5 * (mesh.positions.min(axis=(0, 1)) + mesh.positions.max(axis=(0, 1)))
    radius = float(np.linalg.norm(mesh.positions - centre, axis=-1).max())
    light = normalise(np.array([[-0.4, 0.5, 0.8]]))[0]
    columns = []
    for alpha in np.linspace(0.0, len(mesh.prompts) - 1, 8 * (len(mesh.prompts) - 1) + 1):
        solid = source.solid(float(alpha))
        true = extract(solid, CancelToken())
        true = drop_specks_and_cavities(*true, CleanConfig(), CancelToken())[:2]
        tiles = []
        for vertices, faces in (true, (mesh.at(float(alpha)), mesh.faces)):
            view = look(vertices, faces, eye, size, centre, radius)
            normals = normalise(face_crosses(vertices.astype(np.float64), faces)) @ frame(eye).T
            shade = 60 + 180 * np.abs(normals @ light)
            tile = np.full((size, size, 3), 255, np.uint8)
            seen = view.face >= 0
            tile[seen] = shade[view.face[seen]][:, None]
            tile[view.behind] = (255, 30, 180)
            tiles.append(tile)
        columns.append(np.concatenate(tiles, axis=0))
    Image.fromarray(np.concatenate(columns, axis=1)).save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keys", type=int, default=ChainOptions.keys, help="most keys a pair")
    parser.add_argument("--chains", action="store_true", help="the bundled chains as well")
    parser.add_argument(
        "--lacking", action="store_true", help="20 pairs of which one lacks what the other has"
    )
    parser.add_argument("--models", action="store_true", help="pairs of a library's models")
    parser.add_argument("--shown", type=int, default=SHOWN, help="alphas of what a person sees")
    parser.add_argument("--checkpoint", type=Path, default=None)
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "tracking")
    parser.add_argument("--fresh", action="store_true", help="forget earlier results")
    parser.add_argument(
        "--part", default="1/1", help="1/3: only the first of three shares; append their results"
    )
    parser.add_argument("--limit", type=float, default=float("inf"), help="seconds, then stop")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    log = options.out / "results.jsonl"
    if options.fresh:
        log.unlink(missing_ok=True)
    lines = [json.loads(text) for text in log.read_text().splitlines()] if log.exists() else []
    done = {tuple(line["prompts"]) for line in lines}
    began = time.monotonic()

    engine = Engine(options.checkpoint)
    metadata = engine.checkpoint.metadata
    work: list[tuple[Engine, str, Sequence[str]]] = [
        (engine, kind, (one, other))
        for kind, one, other in (
            [
                ("different", *pair)
                for pair in pairs_of_models(metadata.recipe, options.pairs, options.seed)
            ]
            if options.models
            else random_pairs(metadata.prompts, options.pairs, options.seed)
        )
    ]
    if options.lacking:
        work += [(engine, "lacking", pair) for pair in LACKING]
    for name in CHAINS if options.chains else ():
        path = ROOT / "checkpoints" / f"{name}.safetensors"
        if path.exists():
            other = Engine(path)
            work.append((other, "chain", other.checkpoint.metadata.prompts[:16]))
        else:
            print(f"no {path.name}")
    part, parts = (int(number) for number in options.part.split("/"))
    work = work[part - 1 :: parts]
    print(f"{SAMPLES} samples a surface; {log}")
    for model, kind, prompts in work:
        if tuple(prompts) in done:
            continue
        if time.monotonic() - began > options.limit:
            print("time is up: run it again to go on")
            break
        wall, cpu = time.perf_counter(), time.process_time()
        mesh = model.interpolate(prompts, ChainOptions(keys=options.keys, quality=True))
        seconds = time.perf_counter() - wall - mesh.timings["quality"]
        took = {"seconds": seconds, "cpu": time.process_time() - cpu}
        source = ChainReader(model.chain(mesh.prompts), 128, CancelToken())
        shown = np.linspace(0.0, len(prompts) - 1, options.shown * (len(prompts) - 1) + 2)[1:-1]
        between = measure_at(mesh, source, [float(alpha) for alpha in shown])
        line = summary(kind, prompts, mesh, between, took)
        lines.append(line)
        with log.open("a") as file:
            file.write(json.dumps(line) + "\n")
        show(line)
    report(lines)
    (options.out / "results.md").write_text(markdown(lines) + "\n")
    models = {tuple(prompts): model for model, _, prompts in work}
    drawn = [line for line in lines if tuple(line["prompts"]) in models]
    for rank, line in enumerate(sorted(drawn, key=badness, reverse=True)[:3], start=1):
        model = models[tuple(line["prompts"])]
        mesh = model.interpolate(line["prompts"], ChainOptions(keys=options.keys, quality=False))
        path = options.out / f"worst-{rank}.png"
        picture(model, mesh, path)
        print(f"{path}: {' | '.join(line['prompts'])}")


def badness(line: dict) -> float:
    """The largest share of a target that is used up."""
    return max(line[name] / most for name, most in TARGETS[line["kind"]].items())


HEAD = "kind       mean worst  p95 (worst) normals flipped  back (worst) drift keys  s (cpu)"


def show(line: dict) -> None:
    print(
        f"{line['kind']:9} {line['mean']:5.2f} {line['worst']:5.2f} {line['p95']:5.2f}"
        f" ({line['p95_worst']:5.2f}) {line['normals']:6.3f} {line['flipped']:6.2f}"
        f" {line['back']:6.2f}"
        f" ({line['back_worst']:5.2f}) {line['drift']:5.3f} {line['keys']:3}"
        f" {line['seconds']:6.1f} ({line['cpu']:.1f})  {' | '.join(line['prompts'])[:110]}"
        + (f"  MISSES {', '.join(missed(line))}" if missed(line) else ""),
        flush=True,
    )


def markdown(lines: list[dict]) -> str:
    """The rows as docs/interpolation.md has them; bold is what misses its target."""
    columns = {"mean": 2, "worst": 2, "p95": 2, "p95_worst": 2, "normals": 2, "flipped": 1}
    columns |= {"back": 3, "drift": 3, "far_key": 1, "far_between": 1, "missing_key": 1}
    columns |= {"missing_between": 1, "iou_key": 3}
    columns |= {"iou_between": 3, "psnr_key": 1, "psnr_between": 1, "extra_between": 2}
    columns |= {"color_key": 1, "color_between": 1, "bled_between": 1, "keys": 0, "cpu": 0}
    rows = [f"| {' | '.join(['prompts', *columns])} |", "|---" * (len(columns) + 1) + "|"]
    for line in lines:
        cells = [
            f"**{line[name]:.{digits}f}**" if name in missed(line) else f"{line[name]:.{digits}f}"
            for name, digits in columns.items()
        ]
        rows.append(f"| {' / '.join(line['prompts'])} | {' | '.join(cells)} |")
    return "\n".join(rows)


def report(lines: list[dict]) -> None:
    print(f"\n{HEAD}")
    for line in lines:
        show(line)
    for kind in TARGETS:
        own = [line for line in lines if line["kind"] == kind]
        if own:
            names = ("mean", "worst", "p95", "p95_worst", "back", "drift", "seconds", "cpu")
            names += (
                "far_key",
                "far_between",
                "missing_key",
                "missing_between",
                "iou_key",
                "iou_between",
                "psnr_key",
            )
            names += ("psnr_between", "extra_key", "extra_between", "color_key")
            names += ("color_between", "bled_between")
            means = ", ".join(f"{name} {np.mean([x[name] for x in own]):.3f}" for name in names)
            held = sum(not missed(line) for line in own)
            print(f"{kind}: {means}; {held} of {len(own)} hold every target")
    slow = [line for line in lines if len(line["prompts"]) == 2 and line["seconds"] > SECONDS]
    print(f"{len(slow)} pairs took more than {SECONDS:.0f} s")


if __name__ == "__main__":
    main()
