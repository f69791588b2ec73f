"""Eight-bit storage of what makes up a grid: the mapping network's large output layer, a shared
grid, an offset.

One scale a vertex (its rows share a magnitude: empty space is small, surfaces are large), rounded
to the nearest of 255 values: the error of a weight is at most half its vertex's scale, which is
1/254 of the vertex's largest weight.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int8
from torch import Tensor


def quantize(
    weight: Float[Tensor, "size *v"], features: int
) -> tuple[Int8[Tensor, "size *v"], Float[Tensor, " vertices"]]:
    """Integers and a half-precision scale a vertex."""
    groups = weight.detach().float().reshape(len(weight) // features, -1)
    scale = (groups.abs().amax(dim=1) / 127.0).clamp(6e-8, 6e4).half()
    # A half rounded down would push the largest weight out of range: one step up.
    scale = torch.where(
        scale.float() * 127.0 < groups.abs().amax(dim=1),
        torch.nextafter(scale, torch.full_like(scale, float("inf"))),
        scale,
    )
    integers = (groups / scale.float()[:, None]).round().clamp(-127, 127).to(torch.int8)
    return integers.view(weight.shape), scale


def dequantize(
    integers: Int8[Tensor, "size *v"], scale: Float[Tensor, " vertices"]
) -> Float[Tensor, "size *v"]:
    """The weights that :func:`quantize` stored."""
    groups = integers.view(len(scale), -1).float().mul_(scale.float()[:, None])
    return groups.view(integers.shape)
