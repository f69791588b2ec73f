"""How good a checkpoint is: PSNR and silhouettes against references, and R-metrics (A34).

Pictures are 64 x 64 as a rule, from four sides (front, left, back, right) at elevation 15 degrees,
over white, four rays a pixel: with one ray a pixel, pictures of one toy that differ by nothing but
sampling are 24 to 33 dB apart, and a figure near that says little. PSNR compares albedo; IoU is
the overlap of silhouettes over their union: a ray is in where at least half of its light is
stopped, and a pixel where at least half of its rays are. (A mean of opacities is another thing: two
rays of 0.99 are less than half of four, so that where a reference's outline halves a pixel no
volume would be in.) ``sides`` is the share of views that are nearest to the reference's same side
among its four (a second face at the back makes it look like a front; chance is 1/4). Lit pictures
are scored by a CLIP other than the one that conditions (``r_metrics.py``). Prompts that have no
reference get the figures that need none.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from backend.model.checkpoint import Checkpoint
from backend.model.field import Field
from backend.rendering.cameras import orbit
from backend.rendering.lighting import headlight
from backend.rendering.volume import view_field

from ..assets import AssetCollection, ReferenceAssets, lit_on_white, references_of
from ..guidance.pictures import halved
from ..prompts import PromptMix, PromptSet
from .drawn import DrawnPrompts
from .r_metrics import R_FIGURES, Queries

VIEWS = 4
SAMPLES = 96

Item = TypeVar("Item")


@dataclass(frozen=True)
class Sides:
    """Four sides of one thing."""

    albedo: Float[Tensor, "views size size 3"]
    lit: Float[Tensor, "views size size 3"]
    covered: Float[Tensor, "views size size"]
    """Share of each pixel's rays that the thing stops: :func:`coverage`."""


@dataclass(frozen=True)
class ComparedSides(Sides):
    """Four sides of one prompt's object."""

    truth: Sides | None
    """The reference's, if the prompt has one."""


def coverage(
    alpha: Float[Tensor, "views double double"],
) -> Float[Tensor, "views size size"]:
    """Share of each pixel's four rays that are at least half opaque."""
    return halved((alpha >= 0.5).float()[..., None])[..., 0]


def iou(ours: Float[Tensor, "*shape"], truth: Float[Tensor, "*shape"]) -> float:
    """Intersection over union of two silhouettes, given by what each covers of its pixels."""
    a, b = ours >= 0.5, truth >= 0.5
    return ((a & b).sum() / (a | b).sum().clamp_min(1)).item()


def sides(ours: Sides, truth: Sides) -> float:
    """Share of the views whose nearest side of the reference, by albedo, is the same side."""
    error = (ours.albedo[:, None] - truth.albedo[None]).square().flatten(2).mean(-1)
    same = torch.arange(len(error), device=error.device)
    return (error.argmin(dim=1) == same).float().mean().item()


EQUAL = 100.0
"""PSNR of equal pictures, dB, and the highest."""


def psnr(ours: Float[Tensor, "*shape"], truth: Float[Tensor, "*shape"]) -> float:
    """Peak signal-to-noise ratio, dB, of pictures in [0, 1]; :data:`EQUAL` of equal ones."""
    error = (ours - truth).square().mean().clamp_min(10.0 ** (-EQUAL / 10.0))
    return -10.0 * torch.log10(error).item()


def look(field: Field, truth: Sides | None, size: int = 64) -> ComparedSides:
    """Four sides of one prompt's object beside its reference's, if it has one.

    All on the field's device, which is the reference's too.
    """
    cameras = orbit(VIEWS).to(field.device)
    white = torch.ones(3, device=field.device)
    views = view_field(field, cameras, 2 * size, samples=SAMPLES)
    return ComparedSides(
        albedo=halved(views.picture("albedo", headlight(cameras), white)),
        lit=halved(views.picture("full", headlight(cameras), white)),
        covered=coverage(views.alpha),
        truth=truth,
    )


def reference_sides(assets: ReferenceAssets, asset: int, size: int = 64) -> Sides:
    """Four sides of one prompt's reference."""
    cameras = orbit(VIEWS)
    batch = assets.assets_at(PromptMix.plain([asset] * VIEWS))
    picture, alpha = batch.pictures(cameras, 2 * size)
    return Sides(
        albedo=halved(picture + (1.0 - alpha)[..., None]),
        lit=halved(lit_on_white(assets, asset, cameras, 2 * size)),
        covered=coverage(alpha),
    )


class Figures:
    """Means of figures over the prompts of some groups, such as ``seen`` and ``unseen``."""

    NAMES = ("psnr", "iou", "sides", *R_FIGURES)

    def __init__(self, queries: Queries | None = None) -> None:
        """Scores against ``queries``; there are no R-figures without them."""
        self._queries = queries
        self._values: dict[str, dict[str, list[float]]] = {name: {} for name in self.NAMES}

    def add(self, group: str, views: ComparedSides, index: int, *, truth: bool = False) -> None:
        """Count the object of the prompt ``index`` in ``group``; with ``truth``, also count its
        reference's pictures in the group ``truth`` (R-figures only)."""
        if views.truth:
            self._add(group, "psnr", psnr(views.albedo, views.truth.albedo))
            self._add(group, "iou", iou(views.covered, views.truth.covered))
            self._add(group, "sides", sides(views, views.truth))
            if truth:
                self._score("truth", views.truth.lit, index)
        self._score(group, views.lit, index)

    def means(self) -> dict[str, dict[str, float]]:
        """Figure, then group; groups without a value are absent."""
        return {
            name: {group: sum(values) / len(values) for group, values in groups.items()}
            for name, groups in self._values.items()
        }

    def tenths(self) -> dict[str, dict[str, float]]:
        """The 10th percentile over a group's prompts of ``psnr`` and of ``iou``, as ``psnr_p10``
        and ``iou_p10``: a mean hides the prompts that failed."""
        return {
            f"{name}_p10": {
                group: torch.tensor(values).quantile(0.1).item()
                for group, values in self._values[name].items()
            }
            for name in ("psnr", "iou")
        }

    def _score(self, group: str, pictures: Tensor, index: int) -> None:
        if self._queries is not None:
            for name, value in dataclasses.asdict(self._queries.score(pictures, index)).items():
                self._add(group, name, value)

    def _add(self, group: str, name: str, value: float) -> None:
        self._values[name].setdefault(group, []).append(value)


def evaluate(
    checkpoint: Checkpoint,
    prompt_set: PromptSet,
    collection: AssetCollection,
    queries: Queries | None,
    *,
    count: int,
    size: int = 64,
    compiled: bool = False,
) -> dict[str, Any]:
    """Figures over ``count`` seen and ``count`` unseen prompts (0: all), evenly chosen.

    Returns ``psnr``, ``iou``, ``sides``, their tenths and the R-figures (:data:`R_FIGURES`), each
    with ``seen`` and ``unseen`` as far as the set has them; R-figures also with ``truth``, what
    the unseen prompts' references score; and what the figures depend on. ``queries`` begin with
    the set's prompts, in their order; without them there are no R-figures. Prompts that
    ``collection`` does not have all of are measured without references. Objects are those that are
    drawn (:class:`~.drawn.DrawnPrompts`). Computed on the checkpoint's device.
    """
    device = next(checkpoint.model.parameters()).device
    groups = {
        "seen": evenly(prompt_set.seen, count),
        "unseen": evenly(prompt_set.unseen, count),
    }
    chosen = [index for group in groups.values() for index in group]
    place = {index: row for row, index in enumerate(chosen)}
    prompts = [prompt_set.prompts[index] for index in chosen]
    assets = references_of(collection, prompts, device, compiled=compiled)
    drawn = DrawnPrompts(checkpoint, checkpoint.encoder())
    figures = Figures(queries)
    measured = "unseen" if prompt_set.unseen else "seen"
    for name, group in groups.items():
        for index in tqdm(group, desc=f"evaluate {name}", dynamic_ncols=True):
            truth = None if assets is None else reference_sides(assets, place[index], size)
            views = look(drawn.field(prompt_set.prompts[index]), truth, size)
            figures.add(name, views, index, truth=name == measured)
    scored: dict[str, Any] = {}
    if queries is not None:
        scored = {
            "queries": len(queries),
            "chance": queries.chance,
            "scoring": {"model": queries.scorer.name, "logit_scale": queries.scorer.logit_scale},
        }
    return {
        **figures.means(),
        **figures.tenths(),
        "prompts": {name: len(group) for name, group in groups.items()},
        **scored,
        "views": VIEWS,
        "size": size,
    }


def evenly(items: Sequence[Item], count: int) -> list[Item]:
    """``count`` of ``items``, evenly spaced; all of them for 0 or more than there are."""
    if count <= 0 or count >= len(items):
        return list(items)
    return [items[(2 * i + 1) * len(items) // (2 * count)] for i in range(count)]
