"""Eight-bit storage of what makes up a grid: the mapping network's large output layer, a shared
grid, an offset.

One scale a vertex (its rows share a magnitude: empty space is small, surfaces are large), rounded
to the nearest of 255 values: the error of a weight is at most half its vertex's scale, which is
1/254 of the vertex's largest weight. Vertices of which nothing was learnt are not stored and read
as zero: far from every surface, they are about half of a grid.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int8
from torch import Tensor

Quantized = tuple[
    Int8[Tensor, "rows *v"], Float[Tensor, " kept_vertices"], Bool[Tensor, " vertices"]
]
"""Integers and half-precision scales of the vertices that are kept, and which these are."""


def quantize(weight: Float[Tensor, "size *v"], features: int, floor: float = -1.0) -> Quantized:
    """The vertices that have a weight above ``floor`` (by default all), in eight bits."""
    groups = weight.detach().float().reshape(len(weight) // features, -1)
    kept = groups.abs().amax(dim=1) > floor
    groups = groups[kept]
    largest = groups.abs().amax(dim=1)
    scale = (largest / 127.0).clamp(6e-8, 6e4).half()
    # A half rounded down would push the largest weight out of range: one step up.
    scale = torch.where(
        scale.float() * 127.0 < largest,
        torch.nextafter(scale, torch.full_like(scale, float("inf"))),
        scale,
    )
    integers = (groups / scale.float()[:, None]).round().clamp(-127, 127).to(torch.int8)
    return integers.view(-1, *weight.shape[1:]), scale, kept


def dequantize(
    integers: Int8[Tensor, "rows *v"],
    scale: Float[Tensor, " kept_vertices"],
    features: int,
    kept: Bool[Tensor, " vertices"] | None = None,
) -> Float[Tensor, "size *v"]:
    """The weights that :func:`quantize` stored; without ``kept`` of every vertex.

    Raises:
        ValueError: the tensors do not fit together.
    """
    if integers.dtype != torch.int8 or len(integers) != len(scale) * features:
        raise ValueError("integers and scales do not fit together")
    rest = integers.shape[1:]
    groups = integers.reshape(len(scale), math.prod(rest) * features).float()
    groups *= scale.float()[:, None]
    if kept is None:
        return groups.view(-1, *rest)
    if kept.dtype != torch.bool or kept.dim() != 1 or int(kept.sum()) != len(scale):
        raise ValueError("the kept vertices are not those that are there")
    every = groups.new_zeros(len(kept), groups.shape[1])
    every[kept] = groups
    return every.view(len(kept) * features, *rest)
