"""Signed distance and color of a batch of assets at points, as pure tensor functions.

They take plain tensors, with points as planes of x, y and z so that compiled code reads whole
vectors; ``kernels.py`` compiles them and has the interface. Distances are first-order exact and
nearly lower bounds: sphere tracing that shortens its steps slightly never passes a surface.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

FILLET = 0.016
"""Softness of the joints between soft primitives, metres."""
TINY = 1e-6

GOLD = ((0.30, 0.15, 0.02), (0.93, 0.64, 0.10), (1.0, 0.93, 0.55))
"""Shadow, body and gleam."""
WOOD = ((0.20, 0.09, 0.03), (0.64, 0.44, 0.25))
"""Darkest, and what brightness adds."""


def primitive_distances(
    table: Float[Tensor, "assets rows geometry"], points: Float[Tensor, "assets 3 points"]
) -> Float[Tensor, "assets rows points"]:
    """Signed distance of every point to every primitive of its asset."""

    def column(index: int) -> Tensor:
        return table[:, :, index, None]

    x = points[:, 0, None] - column(0)
    y = points[:, 1, None] - column(1)
    z = points[:, 2, None] - column(2)
    u = column(3) * x + column(4) * y + column(5) * z
    v = column(6) * x + column(7) * y + column(8) * z
    w = column(9) * x + column(10) * y + column(11) * z
    revolved = column(21)
    around = torch.sqrt(u * u + v * v) - column(22)
    u = u + revolved * (around - u)
    v = v - revolved * v
    half = column(17)
    du = torch.relu(u.abs() - column(15))
    dv = torch.relu(v.abs() - column(16))
    dw = torch.relu(w.abs() - half)
    outside = torch.sqrt(du * du + dv * dv + dw * dw)
    # The gradient of the scaled distance, whose length turns it into metres near the surface.
    gu, gv, gw = du * column(12), dv * column(13), dw * column(14)
    gradient = torch.sqrt(gu * gu + gv * gv + gw * gw)
    sharpest = torch.maximum(torch.maximum(column(12), column(13)), column(14))
    along = torch.minimum(torch.maximum(w, -half), half)
    value = (outside - column(18) - column(19) * along) * column(20)
    return value * (outside + TINY) / (gradient + TINY * sharpest)


def union(
    table: Float[Tensor, "assets rows geometry"], distances: Float[Tensor, "assets rows points"]
) -> Float[Tensor, "assets points"]:
    """Distance to all of an asset: soft primitives joined with fillets, the others sharply."""
    soft = table[:, :, 23, None]
    hard = (distances + soft * 100.0).amin(1)
    # The constant keeps the logarithm finite where every soft primitive is far away.
    joined = -FILLET * torch.log((soft * torch.exp(distances * (-1.0 / FILLET))).sum(1) + 1e-36)
    return torch.minimum(hard, joined)


def distance(
    solids: Float[Tensor, "assets rows geometry"], points: Float[Tensor, "assets 3 points"]
) -> Float[Tensor, "assets points"]:
    """Signed distance to each asset."""
    return union(solids, primitive_distances(solids, points))


def nearest_row(
    solids: Float[Tensor, "assets rows geometry"], points: Float[Tensor, "assets 3 points"]
) -> Int[Tensor, "assets points"]:
    """Row of the solid nearest to each point.

    The row sits in the low bits of an integer made from the distance, so that one vectorized
    minimum finds it: compiled argmin is a scalar loop.
    """
    distances = primitive_distances(solids, points).clamp(-15.0, 15.0)
    rows = torch.arange(solids.shape[1], device=points.device, dtype=torch.int32)[None, :, None]
    return ((distances * 2.0**20).to(torch.int32) * 64 + rows).amin(1) & 63


def paint_row(
    paints: Float[Tensor, "assets paints geometry"],
    paint_materials: Float[Tensor, "assets paints material"],
    layer: Int[Tensor, "assets points"],
    points: Float[Tensor, "assets 3 points"],
) -> Int[Tensor, "assets points"]:
    """1 + row of the last paint that covers each point and whose mask names its layer, or 0."""
    masks = paint_materials[:, :, 13, None].to(torch.int32)
    named = ((masks >> layer[:, None]) & 1) == 1
    inside = (primitive_distances(paints, points) < 0) & named
    order = torch.arange(1, paints.shape[1] + 1, device=points.device, dtype=torch.int32)
    return (inside * order[None, :, None]).amax(1)


def _pick(
    table: Float[Tensor, "assets rows columns"], rows: Int[Tensor, "assets points"]
) -> Float[Tensor, "assets points columns"]:
    """``table[a, rows[a, n]]`` for every asset and point."""
    offsets = torch.arange(table.shape[0], device=table.device)[:, None] * table.shape[1]
    return table.reshape(-1, table.shape[2])[rows + offsets]


def _material_color(
    geometry: Float[Tensor, "assets points geometry"],
    material: Float[Tensor, "assets points material"],
    points: Float[Tensor, "assets 3 points"],
) -> list[Float[Tensor, "assets points"]]:
    """Red, green and blue of the picked primitives' materials."""
    x = points[:, 0] - geometry[..., 0]
    y = points[:, 1] - geometry[..., 1]
    z = points[:, 2] - geometry[..., 2]

    def axis(row: int) -> Float[Tensor, "assets points"]:
        first = 3 + 3 * row
        scaled = (
            geometry[..., first] * x + geometry[..., first + 1] * y + geometry[..., first + 2] * z
        )
        return scaled / geometry[..., 12 + row]

    u, v, w = axis(0), axis(1), axis(2)
    phase = (
        material[..., 6] * u
        + material[..., 7] * v
        + material[..., 8] * w
        + material[..., 9] * torch.sqrt(u * u + v * v)
        + material[..., 10]
    )
    wave = torch.sin(2 * math.pi * phase) - material[..., 12]
    mix = torch.clamp(0.5 + material[..., 11] * wave, 0.0, 1.0)
    return [material[..., i] + mix * (material[..., 3 + i] - material[..., i]) for i in range(3)]


def _finished(
    color: list[Float[Tensor, "assets points"]],
    points: Float[Tensor, "assets 3 points"],
    finish: Float[Tensor, " assets"],
) -> Float[Tensor, "assets points 3"]:
    """Gold and wood: the toy's own light and dark parts, retold in another material.

    Everything here is albedo: gold's bands stand in for the reflections that albedo lacks.
    """
    x, y, z = points[:, 0], points[:, 1], points[:, 2]
    bright = torch.sqrt(0.35 * color[0] + 0.5 * color[1] + 0.15 * color[2])
    band = torch.sin(7.0 * z + 2.5 * torch.sin(3.0 * x + 1.0) + 2.0 * torch.sin(3.0 * y))
    level = torch.clamp(1.05 * bright - 0.14 + 0.12 * band, 0.0, 1.0)
    low, high = torch.clamp(level * 2, 0.0, 1.0), torch.clamp(level * 2 - 1, 0.0, 1.0)
    grain = torch.sin(
        46.0 * torch.sqrt((x - 0.55) ** 2 + (y + 0.35) ** 2 + 1e-6)
        + 1.6 * torch.sin(3.0 * z)
        + 0.8 * torch.sin(7.0 * z + 4.0 * x)
    )
    line = torch.clamp(0.5 + 1.5 * (grain - 0.45), 0.0, 1.0)
    shade = torch.clamp(1.1 * bright - 0.04, 0.0, 1.0)
    kind = finish[:, None]
    channels = []
    for plain, dark, mid, light, wood, sap in zip(color, *GOLD, *WOOD, strict=True):
        gold = dark + low * (mid - dark) + high * (light - mid)
        timber = wood + shade * (sap - 0.13 * line)
        channel = torch.where(kind == 1, gold, torch.where(kind == 2, timber, plain))
        channels.append(channel.clamp(0.0, 1.0))
    return torch.stack(channels, dim=-1)


def color(
    tables: tuple[Tensor, Tensor, Tensor, Tensor, Tensor],
    points: Float[Tensor, "assets 3 points"],
    rows: Int[Tensor, "assets points"],
    paint_rows: Int[Tensor, "assets points"],
) -> Float[Tensor, "assets points 3"]:
    """Color at points whose nearest solid and topmost paint are known.

    ``tables`` are those of ``AssetBatch.tensors``.
    """
    solids, solid_materials, paints, paint_materials, finish = tables
    picked = rows.long()
    base = _material_color(_pick(solids, picked), _pick(solid_materials, picked), points)
    index = (paint_rows - 1).clamp_min(0).long()
    paint = _material_color(_pick(paints, index), _pick(paint_materials, index), points)
    # A little darker towards the ground, as under an open sky.
    ground = 0.90 + 0.10 * torch.clamp((points[:, 2] + 0.85) / 1.2, 0.0, 1.0)
    covered = paint_rows > 0
    mixed = [torch.where(covered, p, b) * ground for p, b in zip(paint, base, strict=True)]
    return _finished(mixed, points, finish)


def layers(
    solid_materials: Float[Tensor, "assets rows material"], rows: Int[Tensor, "assets points"]
) -> Int[Tensor, "assets points"]:
    """Layer of each picked solid."""
    return solid_materials[:, :, 13].gather(1, rows.long()).to(torch.int32)
