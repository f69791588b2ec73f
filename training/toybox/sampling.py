"""Points where an asset's surface is, for supervision in space."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from .kernels import planar_distance
from .table import AssetBatch

MINIMUM_SIZE = 0.02
"""Lengths below this count as this much when primitives share out the points, metres."""


def _combine(
    rows: Float[Tensor, "assets points geometry"], weights: Float[Tensor, "assets points 3"]
) -> Float[Tensor, "assets points 3"]:
    """Weighted sum of the three rows of each point's matrix."""
    u, v, w = weights.unsqueeze(-1).unbind(-2)
    return rows[..., 3:6] * u + rows[..., 6:9] * v + rows[..., 9:12] * w


def near_surface_points(
    batch: AssetBatch,
    count: int,
    sigma: float,
    generator: torch.Generator | None = None,
    *,
    compiled: bool = True,
) -> Float[Tensor, "assets points 3"]:
    """Random points within about ``sigma`` metres (normal deviation) of each asset's surface.

    Points start on primitives, chosen by about their area, and those that another primitive
    hides are pushed out once along the normal: most end near the visible surface, some inside.
    ``generator`` is a CPU generator and makes the draw repeatable.
    """
    table, device = batch.solids, batch.device

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator).to(device)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator).to(device)

    assets = len(batch)
    scale = 1.0 / table[..., 12:15]
    extent = (table[..., 15:18] + table[..., 18:19] + table[..., 22:23] * table[..., 21:22]) * scale
    extent = extent.clamp_min(MINIMUM_SIZE)
    area = extent[..., 0] * extent[..., 1] + extent[..., 1] * extent[..., 2]
    area = area + extent[..., 0] * extent[..., 2]
    real = table[..., 2] < 10.0  # padding is far away
    cumulative = (area * real).cumsum(1)
    draws = uniform(assets, count) * cumulative[:, -1:]
    rows = torch.searchsorted(cumulative, draws).clamp_max(table.shape[1] - 1)
    offsets = torch.arange(assets, device=device)[:, None] * table.shape[1]
    g = table.reshape(-1, table.shape[2])[rows + offsets]

    unit = torch.nn.functional.normalize(normal(assets, count, 3), dim=-1)
    core = (2 * uniform(assets, count, 3) - 1) * g[..., 15:18]
    # On the core's sides, so that the rounded surface around it has no interior points.
    side = unit.abs().argmax(-1, keepdim=True)
    core.scatter_(-1, side, g[..., 15:18].gather(-1, side) * unit.gather(-1, side).sign())
    radius = g[..., 18:19] + g[..., 19:20] * core[..., 2:3]
    local = core + radius * unit
    # Revolved: x is the distance from the axis, towards a random azimuth.
    turn = 2 * math.pi * uniform(assets, count)
    reach = g[..., 22] + torch.where(g[..., 22] > 0, local[..., 0], local[..., 0].abs())
    around = torch.stack([reach * turn.cos(), reach * turn.sin(), local[..., 2]], -1)
    revolved = g[..., 21:22] > 0
    local = torch.where(revolved, around, local)
    tilt = torch.stack([unit[..., 0] * turn.cos(), unit[..., 0] * turn.sin(), unit[..., 2]], -1)
    facing = torch.where(revolved, tilt, unit)

    # Rows of the stored matrix are axes over scales: undo the scale for points (whose second
    # factor is a length), keep it for normals.
    inverse = g[..., 12:15]
    metres = local / inverse.square()
    offset = _combine(g, metres)
    outward = _combine(g, facing)
    outward = torch.nn.functional.normalize(outward, dim=-1)
    points = g[..., 0:3] + offset
    hidden = planar_distance(batch, points.transpose(1, 2), compiled).clamp_max(0.0)
    points = points - outward * hidden[..., None]
    return points + sigma * normal(assets, count, 3)
