"""How crops grow: stages that training never saw, from the stages on both sides of them.

    python -m training library PACKS/quaternius-crops --table training/props/models.tsv -o LIB
    python benchmarks/growth.py LIB --run runs/growth

Of five crops with four stages, drawn by a seed, a model is trained without stages 2 and 3 (all
other models of the library are seen), and asked for them in four ways:

``interpolated``  v of stage 1 and of stage 4, mixed by thirds (A26)
``cross-fade``    the densities of both objects mixed by thirds, and their colors by density
``typed``         the prompt of the stage, whose words other crops' stages teach
``nearest end``   stage 1 for stage 2, stage 4 for stage 3
``truth``         the prompt, of a second model that was trained with these stages too

Each is compared with the true stage: Chamfer distance (mean of both directions, % of the true
model's diagonal), IoU of insides on a grid of 64 samples an axis, and PSNR of colors at 4,096
points on the true surface. Means over the ten stages; Chamfer distances over those of which there
is a surface at all, whose number is in the first column. A training that was stopped goes on. The
picture has the four stages of each crop: the true ones, and below them the first three ways.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
import torch
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from backend.model.checkpoint import Checkpoint, load_checkpoint
from backend.model.field import Field
from backend.progress import CancelToken
from backend.protocol.errors import BadRequest
from backend.rendering.cameras import orbit
from backend.rendering.lighting import headlight
from backend.rendering.volume import view_field
from backend.surface.contour import contour
from benchmarks.chamfer import sample, surface_distance
from training.amortized.config import TrainConfig
from training.amortized.evaluation import psnr
from training.amortized.run import train
from training.assets import LibraryConfig, ReferenceBatch, lit_on_white
from training.guidance.pictures import halved
from training.library.assets import LibraryAssets
from training.presets import library_preset
from training.prompts import PromptMix, PromptSet

ROOT = Path(__file__).resolve().parents[1]
STAGES = (1, 2, 3, 4)
BETWEEN = {2: 1 / 3, 3: 2 / 3}
"""Stages that are held out, and how far each is from the first stage to the last."""
WAYS = ("interpolated", "cross-fade", "typed", "nearest end", "truth")
RESOLUTION, INSIDES, ON = 128, 64, 4096
SIZE = 96
"""Pixels of a picture."""


class CrossFade:
    """Two fields through each other, with what is asked of a field here."""

    def __init__(self, one: Field, other: Field, share: float) -> None:
        self._fields, self._shares = (one, other), (1.0 - share, share)
        self.bound, self.level, self.device = one.bound, one.level, one.device

    def sample(
        self, points: Float[Tensor, "points 3"]
    ) -> tuple[Float[Tensor, " points"], Float[Tensor, "points 3"]]:
        """Pre-density whose density is the mix of both, and the colors' mix by density."""
        read = [field.sample(points) for field in self._fields]
        parts = [
            share * torch.nn.functional.softplus(density)
            for share, (density, _) in zip(self._shares, read, strict=True)
        ]
        total = (parts[0] + parts[1]).clamp_min(1e-12)
        color = sum(part[:, None] * color for part, (_, color) in zip(parts, read, strict=True))
        return total.expm1().clamp_min(1e-12).log(), color / total[:, None]

    def occupied(self, points: Float[Tensor, "points 3"]) -> Bool[Tensor, " points"]:
        one, other = (field.occupied(points) for field in self._fields)
        return one | other

    def pre_density(self, points: Float[Tensor, "points 3"]) -> Float[Tensor, " points"]:
        return self.sample(points)[0]

    def gradient(self, points: Float[Tensor, "points 3"], h: float) -> Float[Tensor, "points 3"]:
        steps = torch.eye(3) * h
        around = torch.cat([points[:, None] + steps, points[:, None] - steps], dim=1)
        values = self.pre_density(around.reshape(-1, 3)).view(-1, 2, 3)
        return (values[:, 0] - values[:, 1]) / (2 * h)


Shown = Field | CrossFade


def crops_of(prompts: Sequence[str]) -> list[str]:
    """Crops that have all four stages, as their prompts begin."""
    found: dict[str, set[int]] = {}
    for prompt in prompts:
        if said := re.fullmatch(r"(.*), stage (\d)", prompt):
            found.setdefault(said[1], set()).add(int(said[2]))
    return sorted(crop for crop, stages in found.items() if stages >= set(STAGES))


def trained(library: Path, held_out: Sequence[str], start: TrainConfig, run: Path) -> Checkpoint:
    """A model of all plain models but the prompts ``held_out``."""
    collection = LibraryConfig(str(library), attributes=False).open()
    prompts = collection.prompt_set("models").prompts
    without = set(held_out)
    seen = tuple(i for i, prompt in enumerate(prompts) if prompt not in without)
    unseen = tuple(i for i, prompt in enumerate(prompts) if prompt in without)
    split = PromptSet("models", prompts, seen, unseen)
    return load_checkpoint(train(dataclasses.replace(start, run=run), split))


def shown(without: Checkpoint, whole: Checkpoint, crop: str) -> dict[str, dict[int, Shown]]:
    """By way, then stage; ``truth`` and ``interpolated`` have the first and the last one, too."""
    encoder = without.encoder()
    known = whole.encoder()

    def typed(stage: int) -> Field:
        return without.field(encoder.encode([f"{crop}, stage {stage}"])[0])

    first, last = typed(STAGES[0]), typed(STAGES[-1])
    interpolated: dict[int, Shown] = {STAGES[0]: first, STAGES[-1]: last}
    for stage, share in BETWEEN.items():
        interpolated[stage] = Field(without.model, torch.lerp(first.latent, last.latent, share))
    return {
        "interpolated": interpolated,
        "cross-fade": {stage: CrossFade(first, last, share) for stage, share in BETWEEN.items()},
        "typed": {stage: typed(stage) for stage in BETWEEN},
        "nearest end": {2: first, 3: last},
        "truth": {
            stage: whole.field(known.encode([f"{crop}, stage {stage}"])[0]) for stage in STAGES
        },
    }


@torch.inference_mode()
def figures(field: Shown, truth: ReferenceBatch) -> dict[str, float]:
    """Chamfer distance, % of the true diagonal, NaN where there is no surface; IoU of insides; PSNR
    of colors, dB."""
    generator = torch.Generator().manual_seed(0)
    on = truth.near_points(20_000, 0.0, generator)[0]
    diagonal = (on.amax(0) - on.amin(0)).norm().item()
    inside, wanted = (_inside(field, count) for count in (RESOLUTION, INSIDES))
    line = torch.linspace(-field.bound, field.bound, INSIDES)
    points = torch.cartesian_prod(line, line, line)
    true = (truth.query(points[None])[0][0] < 0).view(wanted.shape)
    ours = wanted > field.level
    found = {
        "iou": ((ours & true).sum() / (ours | true).sum().clamp_min(1)).item(),
        "color": psnr(field.sample(on[:ON])[1], truth.query(on[None, :ON])[1][0]),
    }
    try:
        vertices, faces = contour(inside.numpy(), field.level, field.bound, CancelToken())
    except BadRequest:
        return {"chamfer": math.nan, **found}
    there = surface_distance(on.numpy().astype(np.float64), vertices, faces).mean()
    own = torch.from_numpy(sample(vertices, faces, len(on))).float()
    back = truth.query(own[None])[0].abs().mean().item()
    return {"chamfer": 50.0 * (float(there) + back) / diagonal, **found}


def _inside(field: Shown, count: int) -> Float[Tensor, "count count count"]:
    line = torch.linspace(-field.bound, field.bound, count)
    return field.pre_density(torch.cartesian_prod(line, line, line)).view(count, count, count)


def picture(field: Shown) -> np.ndarray:
    cameras = orbit(1, start=30.0)
    views = view_field(field, cameras, 2 * SIZE, samples=128)  # pyright: ignore[reportArgumentType]
    lit = halved(views.picture("full", headlight(cameras), torch.ones(3)))[0]
    return (255.0 * lit.clamp(0, 1)).byte().numpy()


def true_picture(assets: LibraryAssets, asset: int) -> np.ndarray:
    lit = halved(lit_on_white(assets, asset, orbit(1, start=30.0), 2 * SIZE))[0]
    return (255.0 * lit.clamp(0, 1)).byte().numpy()


def sheet(rows: list[list[np.ndarray | None]]) -> Image.Image:
    """Pictures side by side; None leaves a gap."""
    blank = np.full((SIZE, SIZE, 3), 255, np.uint8)
    return Image.fromarray(
        np.concatenate([np.concatenate([blank if p is None else p for p in r], 1) for r in rows])
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("library", type=Path)
    parser.add_argument("--run", type=Path, default=Path("runs/growth"))
    parser.add_argument("--crops", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=0, help="0: the preset's")
    parser.add_argument("--json", type=Path, default=None)
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "growth.png")
    options = parser.parse_args()
    collection = LibraryConfig(str(options.library), attributes=False).open()
    prompts = collection.prompt_set("models").prompts
    crops = sorted(Random(options.seed).sample(crops_of(prompts), options.crops))
    start = library_preset(str(options.library))
    start = dataclasses.replace(
        start,
        prompts="models",
        assets=LibraryConfig(str(options.library), attributes=False),
        steps=options.steps or start.steps,
        sheet_every=100_000,
        scoring="none",
    )
    held_out = [f"{crop}, stage {stage}" for crop in crops for stage in BETWEEN]
    without = trained(options.library, held_out, start, options.run / "without")
    whole = trained(options.library, [], start, options.run / "whole")
    found: dict[str, dict[str, dict[str, float]]] = {way: {} for way in WAYS}
    rows: list[list[np.ndarray | None]] = [[], [], [], []]
    for crop in crops:
        stages = [f"{crop}, stage {stage}" for stage in STAGES]
        assets = collection.references(stages, torch.device("cpu"), compiled=False)
        ways = shown(without, whole, crop)
        rows[0] += [true_picture(assets, number) for number in range(len(STAGES))]
        for row, way in zip(rows[1:], WAYS, strict=False):
            row += [picture(ways[way][s]) if s in ways[way] else None for s in STAGES]
        for stage in BETWEEN:
            truth = assets.assets_at(PromptMix.plain([STAGES.index(stage)]))
            for way in WAYS:
                found[way][f"{crop}, stage {stage}"] = figures(ways[way][stage], truth)
    print("| | shown | Chamfer, % | IoU | colors, dB |\n|---|---|---|---|---|")
    for way, each in found.items():
        values = {
            name: np.array([f[name] for f in each.values()]) for name in ("chamfer", "iou", "color")
        }
        seen = np.isfinite(values["chamfer"])
        chamfer = f"{values['chamfer'][seen].mean():.2f}" if seen.any() else "-"
        mean = {name: value.mean() for name, value in values.items()}
        print(f"| {way} | {seen.sum()} | {chamfer} | {mean['iou']:.2f} | {mean['color']:.1f} |")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    sheet(rows).save(options.out)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
