"""Distance and color of assets at points, compiled or eager.

Compilation is the caller's explicit choice: ``compiled=True`` needs a C++ compiler (on a GPU:
Triton) and fails without one; ``compiled=False`` runs the same functions eagerly. The numbers of
assets and points are dynamic in the compiled code, so that no batch recompiles it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor
from torch._dynamo import mark_dynamic

from .distance import color, distance, layers, nearest_row, paint_row
from .table import AssetBatch

Kernel = Callable[..., Tensor]

POINT_MULTIPLE = 64
"""Rows of points are padded to a multiple of this: whole vectors, and never an empty batch."""

EAGER_VALUES = 2**17
"""Values an intermediate result may have on the CPU when nothing is fused: they stay in cache."""


@cache
def _compiled(function: Kernel) -> Kernel:
    # Fused, the loop over primitives keeps its intermediate values in registers: nine times as
    # fast as when the compiler stores them, as it does by default for bodies this long.
    options: dict[str, str | int | bool | Callable[..., object]] = {
        "realize_opcount_threshold": 100_000,
        "realize_reads_threshold": 100_000,
        "realize_acc_reads_threshold": 100_000,
    }
    return torch.compile(function, fullgraph=True, options=options)


def _run(
    function: Kernel, tables: tuple[Tensor, ...], planes: tuple[Tensor, ...], compiled: bool
) -> Tensor:
    assets, count = planes[0].shape[0], planes[0].shape[-1]
    if not compiled:
        whole = planes[0].device.type != "cpu" or count == 0
        step = count if whole else max(EAGER_VALUES // (assets * tables[0].shape[1]), 1)
        pieces = zip(*(plane.split(step, dim=-1) for plane in planes), strict=True)
        return torch.cat([function(*tables, *piece) for piece in pieces], dim=-1)
    extra = -count % POINT_MULTIPLE or (0 if count else POINT_MULTIPLE)
    padded = [torch.nn.functional.pad(plane, (0, extra)).contiguous() for plane in planes]
    inputs = [table.contiguous() for table in tables]
    if assets == 1:  # a size of 1 cannot be dynamic
        inputs = [torch.cat([table, table]) for table in inputs]
        padded = [torch.cat([plane, plane]) for plane in padded]
    for tensor in (*inputs, *padded):
        mark_dynamic(tensor, 0)
    for plane in padded:
        mark_dynamic(plane, plane.ndim - 1)
    return _compiled(function)(*inputs, *padded)[:assets, :count]


def planar_distance(
    batch: AssetBatch, points: Float[Tensor, "assets 3 points"], compiled: bool
) -> Float[Tensor, "assets points"]:
    """Distance to each asset's surface; points as planes of x, y and z."""
    return _run(distance, (batch.solids,), (points,), compiled)


def planar_color(
    batch: AssetBatch, points: Float[Tensor, "assets 3 points"], compiled: bool
) -> Float[Tensor, "assets points 3"]:
    """Albedo of the surface nearest to each point; points as planes of x, y and z."""
    rows = _run(nearest_row, (batch.solids,), (points,), compiled)
    layer = layers(batch.solid_materials, rows)
    tables = (batch.paints, batch.paint_materials)
    top = _run(paint_row, tables, (layer, points), compiled)
    return color(batch.tensors(), points, rows, top)


def signed_distance(
    batch: AssetBatch, points: Float[Tensor, "assets points 3"], *, compiled: bool = True
) -> Float[Tensor, "assets points"]:
    """Distance to each asset's surface, negative inside, metres."""
    return planar_distance(batch, points.transpose(1, 2), compiled)


def surface_color(
    batch: AssetBatch, points: Float[Tensor, "assets points 3"], *, compiled: bool = True
) -> Float[Tensor, "assets points 3"]:
    """Albedo of the surface nearest to each point."""
    return planar_color(batch, points.transpose(1, 2), compiled)


def query(
    batch: AssetBatch, points: Float[Tensor, "assets points 3"], *, compiled: bool = True
) -> tuple[Float[Tensor, "assets points"], Float[Tensor, "assets points 3"]]:
    """Signed distance and the color of the nearest surface."""
    planes = points.transpose(1, 2).contiguous()
    return planar_distance(batch, planes, compiled), planar_color(batch, planes, compiled)
