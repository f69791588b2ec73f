"""Which pairs make a batch, and how their pictures and captions are varied.

Everything is drawn from generators seeded by (run, step): a resumed run draws what it would have.
"""

from __future__ import annotations

import random

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.nn import functional

from backend.text.tokenizer import PAD, UNKNOWN, WordTokenizer

from .source import PairSource

_GROUP = 8
"""Objects in a group of hard negatives."""


def neighbours(attributes: Int[Tensor, "objects attributes"]) -> list[Int[Tensor, " _"]]:
    """Objects that differ from each object in exactly one attribute."""
    differences = (attributes[:, None] != attributes[None]).sum(-1)
    return [row.nonzero()[:, 0] for row in differences == 1]


def draw_objects(
    near: list[Int[Tensor, " _"]], batch: int, hard: float, generator: torch.Generator
) -> Int[Tensor, " batch"]:
    """Distinct objects; about ``hard`` of them come in groups of neighbours.

    With fewer objects than ``batch``, all of them.
    """
    chosen: dict[int, None] = {}
    for start in torch.randperm(len(near), generator=generator).tolist():
        if len(chosen) >= batch * hard:
            break
        chosen[start] = None
        group = near[start]
        order = torch.randperm(len(group), generator=generator)[: _GROUP - 1]
        chosen.update(dict.fromkeys(group[order].tolist()))
    for index in torch.randperm(len(near), generator=generator).tolist():
        if len(chosen) >= batch:
            break
        chosen[index] = None
    return torch.tensor(list(chosen)[:batch])


def draw_views(
    views: list[Int[Tensor, " _"]], objects: Int[Tensor, " batch"], generator: torch.Generator
) -> Int[Tensor, " batch"]:
    """One random view of each object, as an index into the bank."""
    picks = torch.rand(len(objects), generator=generator).tolist()
    rows = [views[index] for index in objects.tolist()]
    return torch.stack([row[int(u * len(row))] for row, u in zip(rows, picks, strict=True)])


def draw_captions(
    source: PairSource, objects: Int[Tensor, " batch"], paraphrases: float, chance: random.Random
) -> list[str]:
    """A caption for each object, paraphrased with probability ``paraphrases``."""
    captions: list[str] = []
    for index in objects.tolist():
        other = chance.random() < paraphrases
        captions.append(source.paraphrase(index, chance) if other else source.captions[index])
    return captions


def tokenize(
    tokenizer: WordTokenizer, captions: list[str], unknown: float, chance: random.Random
) -> Int[Tensor, "batch context"]:
    """Ids of the captions; with probability ``unknown`` each gets an unknown word somewhere."""
    ids = torch.from_numpy(tokenizer(captions))
    for row in ids:
        used = int((row[:-1] != PAD).sum())
        if chance.random() < unknown and used < tokenizer.context - 1:
            place = chance.randrange(used + 1)
            row[place + 1 : used + 1] = row[place:used].clone()
            row[place] = UNKNOWN
    return ids


def augment(
    rgba: UInt8[Tensor, "batch 4 size size"],
    size: int,
    backgrounds: float,
    generator: torch.Generator,
) -> Float[Tensor, "batch 3 out out"]:
    """Backgrounds, mirroring, shifts, sizes, exposure, blur and noise: what a caption ignores.

    ``backgrounds`` of the pictures are put on a random solid color, the others on white, as A34's
    are. (A large background's color outweighs everything else in a young network's features, so
    that many random ones make training slow.) Blur and noise make the model lenient towards a young
    radiance field's renders.
    """
    count = len(rgba)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(count, *shape, generator=generator)

    rgba = rgba.float() / 255.0
    scale = uniform(0.85, 1.15)
    mirror = (torch.rand(count, generator=generator) < 0.5).float() * -2.0 + 1.0
    affine = torch.zeros(count, 2, 3)
    affine[:, 0, 0] = scale * mirror
    affine[:, 1, 1] = scale
    affine[:, :, 2] = uniform(-0.1, 0.1, 2)
    grid = functional.affine_grid(affine, [count, 4, size, size], align_corners=False)
    if size < rgba.shape[-1]:
        rgba = functional.interpolate(rgba, size=(size, size), mode="area")
    rgba = functional.grid_sample(rgba, grid, align_corners=False)
    colored = (uniform(0.0, 1.0, 1, 1, 1) < backgrounds).float()
    background = 1.0 - colored * uniform(0.0, 1.0, 3, 1, 1)
    rgb = rgba[:, :3] + (1.0 - rgba[:, 3:]) * background
    rgb = rgb * uniform(0.85, 1.15, 1, 1, 1) + uniform(-0.04, 0.04, 3, 1, 1)
    soft = functional.avg_pool2d(functional.pad(rgb, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    rgb = torch.lerp(rgb, soft, (uniform(-1.0, 1.0, 1, 1, 1)).clamp_min(0.0))
    rgb = rgb + 0.02 * torch.randn(rgb.shape, generator=generator)
    return rgb.clamp(0.0, 1.0)


def on_white(
    rgba: UInt8[Tensor, "*shape 4 size size"], size: int
) -> Float[Tensor, "pictures 3 out out"]:
    """Pictures on white at the model's size, for measuring; leading axes are flattened."""
    flat = rgba.reshape(-1, *rgba.shape[-3:]).float() / 255.0
    rgb = flat[:, :3] + (1.0 - flat[:, 3:])
    return functional.interpolate(rgb.clamp(0.0, 1.0), size=(size, size), mode="area")
