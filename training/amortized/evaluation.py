"""How good a checkpoint is: PSNR and silhouettes against references, R-precision and
R-probability (A34).

Pictures are 64 x 64 from four sides (front, left, back, right) at elevation 15 degrees, over
white, four rays a pixel: with one ray a pixel, pictures of one toy that differ by nothing but
sampling are 24 to 33 dB apart, and a figure near that says little. PSNR compares albedo; IoU is
the overlap of silhouettes (pixels at least half opaque) over their union; ``sides`` is the share
of views that are nearest to the reference's same side among its four (a second face at the back
makes it look like a front; chance is 1/4). Lit
pictures are scored by a CLIP other than the one that conditions: the mean of the four views'
features against every prompt of the set. Probabilities use that CLIP's learned temperature;
without it every R-probability is about one over the number of prompts. Prompts that have no
reference get the figures that need none; prompts that the scoring CLIP cannot tell apart, such as
chains, whose words it never saw, get no R-figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from backend.model.checkpoint import Checkpoint
from backend.rendering.cameras import orbit
from backend.rendering.lighting import headlight
from backend.rendering.volume import view_field

from ..assets.toybox import ToyboxAssets, reference_assets
from ..clip.scoring import ScoringClip
from ..guidance import PromptMix
from ..guidance.pictures import halved, smooth_pictures
from ..prompts import PromptSet

VIEWS = 4
SAMPLES = 96

Item = TypeVar("Item")


@dataclass(frozen=True)
class Sides:
    """Four sides of one thing."""

    albedo: Float[Tensor, "views size size 3"]
    lit: Float[Tensor, "views size size 3"]
    alpha: Float[Tensor, "views size size"]


@dataclass(frozen=True)
class Views(Sides):
    """Four sides of one prompt's object."""

    truth: Sides | None
    """The reference's, if the prompt has one."""


def iou(ours: Float[Tensor, "*shape"], truth: Float[Tensor, "*shape"]) -> float:
    """Intersection over union of two silhouettes given by their alpha."""
    a, b = ours >= 0.5, truth >= 0.5
    return ((a & b).sum() / (a | b).sum().clamp_min(1)).item()


def sides(ours: Sides, truth: Sides) -> float:
    """Share of the views whose nearest side of the reference, by albedo, is the same side."""
    error = (ours.albedo[:, None] - truth.albedo[None]).square().flatten(2).mean(-1)
    return (error.argmin(dim=1) == torch.arange(len(error))).float().mean().item()


def psnr(ours: Float[Tensor, "*shape"], truth: Float[Tensor, "*shape"]) -> float:
    """Peak signal-to-noise ratio, dB, of pictures in [0, 1]."""
    error = (ours - truth).square().mean().clamp_min(1e-10)
    return -10.0 * torch.log10(error).item()


def look(
    checkpoint: Checkpoint,
    embedding: Float[Tensor, "tokens width"],
    assets: ToyboxAssets | None,
    asset: int,
    size: int = 64,
) -> Views:
    """Four sides of one prompt's object, and of its reference if there are ``assets``."""
    cameras = orbit(VIEWS)
    white = torch.ones(3)
    views = view_field(checkpoint.field(embedding), cameras, 2 * size, samples=SAMPLES)
    return Views(
        albedo=halved(views.picture("albedo", headlight(cameras), white)),
        lit=halved(views.picture("full", headlight(cameras), white)),
        alpha=halved(views.alpha[..., None])[..., 0],
        truth=None if assets is None else reference_sides(assets, asset, size),
    )


def reference_sides(assets: ToyboxAssets, asset: int, size: int) -> Sides:
    """Four sides of one prompt's reference."""
    cameras = orbit(VIEWS)
    batch = assets.assets_at(PromptMix.plain([asset] * VIEWS))
    picture, alpha = smooth_pictures(batch, cameras, size)
    return Sides(
        albedo=picture + (1.0 - alpha)[..., None],
        lit=halved(assets.lit(asset, cameras, 2 * size, "full")),
        alpha=alpha,
    )


def evaluate(
    checkpoint: Checkpoint,
    prompt_set: PromptSet,
    scoring: ScoringClip,
    *,
    count: int,
    compiled: bool = False,
) -> dict[str, Any]:
    """Figures over ``count`` seen and ``count`` unseen prompts (0: all), evenly chosen.

    Returns ``psnr``, ``iou``, ``sides``, ``r_precision`` and ``r_probability``, each with
    ``seen`` and ``unseen`` as far as the set has them; ``r_precision`` and ``r_probability`` also
    with ``truth``, what the unseen prompts' references score; and what the figures depend on.
    """
    groups = {
        "seen": evenly(prompt_set.seen, count),
        "unseen": evenly(prompt_set.unseen, count),
    }
    chosen = [index for group in groups.values() for index in group]
    place = {index: row for row, index in enumerate(chosen)}
    assets = reference_assets(
        [prompt_set.prompts[index] for index in chosen], torch.device("cpu"), compiled=compiled
    )
    queries = scoring.text_features(list(prompt_set.prompts))
    scored = _distinct(queries)
    encoder = checkpoint.encoder()
    decibels: dict[str, list[float]] = {}
    overlap: dict[str, list[float]] = {}
    facing: dict[str, list[float]] = {}
    first: dict[str, list[float]] = {}
    probability: dict[str, list[float]] = {}

    def score(name: str, pictures: Tensor, index: int) -> None:
        if not scored:
            return
        feature = scoring.image_features(pictures).mean(0)
        logits = scoring.logit_scale * (feature / feature.norm()) @ queries.T
        first.setdefault(name, []).append(float(logits.argmax().item() == index))
        probability.setdefault(name, []).append(logits.softmax(-1)[index].item())

    for name, group in groups.items():
        for index in tqdm(group, desc=f"evaluate {name}", dynamic_ncols=True):
            embedding = encoder.encode([prompt_set.prompts[index]])[0]
            views = look(checkpoint, embedding, assets, place[index])
            score(name, views.lit, index)
            if views.truth:
                decibels.setdefault(name, []).append(psnr(views.albedo, views.truth.albedo))
                overlap.setdefault(name, []).append(iou(views.alpha, views.truth.alpha))
                facing.setdefault(name, []).append(sides(views, views.truth))
                if name == "unseen" or not prompt_set.unseen:
                    score("truth", views.truth.lit, index)

    def means(values: dict[str, list[float]]) -> dict[str, float]:
        return {name: sum(v) / len(v) for name, v in values.items()}

    return {
        "psnr": means(decibels),
        "iou": means(overlap),
        "sides": means(facing),
        "r_precision": means(first),
        "r_probability": means(probability),
        "prompts": {name: len(group) for name, group in groups.items()},
        "queries": len(prompt_set.prompts),
        "chance": 1.0 / len(prompt_set.prompts),
        "scoring": {"model": scoring.name, "logit_scale": scoring.logit_scale},
        "views": VIEWS,
        "size": 64,
    }


def _distinct(queries: Float[Tensor, "prompts features"]) -> bool:
    """Whether the scoring CLIP can tell all prompts apart; one that never saw their words cannot,
    and its figures would be chance."""
    unit = queries / queries.norm(dim=1, keepdim=True)
    return len(queries) < 2 or (unit @ unit.T).triu(1).max().item() < 0.99999


def evenly(items: Sequence[Item], count: int) -> list[Item]:
    """``count`` of ``items``, evenly spaced; all of them for 0 or more than there are."""
    if count <= 0 or count >= len(items):
        return list(items)
    return [items[(2 * i + 1) * len(items) // (2 * count)] for i in range(count)]
