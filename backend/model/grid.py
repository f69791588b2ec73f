"""The multi-resolution feature grid (A1), read three ways.

Conventions
-----------
``values`` is a grid's whole content as one flat row per object: level by level (coarse to fine),
vertex by vertex (x slowest, z fastest), feature by feature. ``points`` are in [-1, 1]^3; vertex 0
of an axis is at -1 and the last at +1 (``align_corners``). Levels are concatenated, so a read
gives ``levels * features`` numbers a point.

With ``support = "ball"`` only vertices of cells that touch the unit ball are kept. Inside the ball
every read is the same as with ``"cube"``; outside it the missing vertices count as zero.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from .config import GridConfig


class _WeightedGather(torch.autograd.Function):
    """``out[p] = sum_k weights[p, k] * rows[index[p, k]]``, differentiable in rows and weights.

    The forward pass is an embedding bag and the backward pass an index add: on a CPU together
    faster than ``grid_sample``, which handles 3-D volumes one scalar at a time. The backward pass
    is itself differentiable, which ``grid_sample``'s is not: analytic normals need that.
    """

    @staticmethod
    def forward(
        ctx: Any,
        rows: Float[Tensor, "rows features"],
        index: Int[Tensor, "points corners"],
        weights: Float[Tensor, "points corners"],
    ) -> Float[Tensor, "points features"]:
        ctx.save_for_backward(rows, index, weights)
        return nn.functional.embedding_bag(
            index, rows, mode="sum", per_sample_weights=weights.to(rows.dtype)
        )

    @staticmethod
    def backward(ctx: Any, grad: Float[Tensor, "points features"]) -> tuple[Any, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        rows, index, weights = ctx.saved_tensors
        grad_rows = grad_weights = None
        if ctx.needs_input_grad[0]:
            spread = (grad[:, None] * weights[..., None].to(grad.dtype)).flatten(0, 1)
            grad_rows = torch.zeros_like(rows).index_add_(0, index.flatten(), spread)
        if ctx.needs_input_grad[2]:
            grad_weights = torch.einsum("pf,pkf->pk", grad, rows[index]).to(weights.dtype)
        return grad_rows, None, grad_weights


class FeatureGrid(nn.Module):
    """Geometry of the grid: where each value sits, and how points read it (A1)."""

    def __init__(self, config: GridConfig) -> None:
        super().__init__()
        self.config = config
        self.offsets: list[int] = []
        """First vertex of each level within ``values``."""
        vertices = 0
        for level, resolution in enumerate(config.resolutions):
            self.offsets.append(vertices)
            if config.support == "ball":
                kept = _touching_ball(resolution)
                slots = torch.where(kept, kept.long().cumsum(0) - 1, -1)
                self.register_buffer(f"slots{level}", slots, persistent=False)
                vertices += int(kept.sum())
            else:
                vertices += resolution**3
        self.vertices = vertices
        """Kept vertices of all levels."""

    @property
    def size(self) -> int:
        """Numbers in ``values``: the mapping network's output width."""
        return self.vertices * self.config.features

    @property
    def channels(self) -> int:
        """Numbers a point reads."""
        return len(self.config.resolutions) * self.config.features

    def read(
        self, values: Float[Tensor, "objects size"], points: Float[Tensor, "objects points 3"]
    ) -> Float[Tensor, "objects points channels"]:
        """Trilinear features of each object's grid at its own points (A1)."""
        objects, count = points.shape[:2]
        owner = torch.arange(objects, device=points.device).repeat_interleave(count)
        return self.read_owned(values, points.flatten(0, 1), owner).view(objects, count, -1)

    def read_owned(
        self,
        values: Float[Tensor, "objects size"],
        points: Float[Tensor, "points 3"],
        owner: Int[Tensor, " points"],
    ) -> Float[Tensor, "points channels"]:
        """:meth:`read` of any number of points an object: point p reads the grid ``owner[p]``.

        Always in single precision or better: sums of many small gradients at one coarse vertex
        are lost in half precision.
        """
        rows = values.reshape(-1, self.config.features)
        if rows.dtype in (torch.float16, torch.bfloat16):
            rows = rows.float()
        corners = [self._corners(level, points) for level in range(len(self.config.resolutions))]
        # All levels in one gather: its backward pass fills one gradient, not one a level.
        index = torch.stack([index for index, _ in corners], dim=1)
        weights = torch.stack([weights for _, weights in corners], dim=1)
        index = index + (owner * self.vertices)[:, None, None]
        read = _WeightedGather.apply(rows, index.flatten(0, 1), weights.flatten(0, 1))
        return cast(Tensor, read).view(len(points), self.channels)

    def _corners(
        self, level: int, points: Float[Tensor, "points 3"]
    ) -> tuple[Int[Tensor, "points 8"], Float[Tensor, "points 8"]]:
        """Vertices around each point, and their trilinear weights."""
        resolution = self.config.resolutions[level]
        place = (points * 0.5 + 0.5).clamp(0.0, 1.0) * (resolution - 1)
        low = place.detach().floor().clamp(0, resolution - 2)
        high_weight = place - low
        cell = low.long()
        base = (cell[..., 0] * resolution + cell[..., 1]) * resolution + cell[..., 2]
        steps = (resolution * resolution, resolution, 1)
        index = base[..., None] + torch.tensor(
            [
                x * steps[0] + y * steps[1] + z * steps[2]
                for x in (0, 1)
                for y in (0, 1)
                for z in (0, 1)
            ],
            device=points.device,
        )
        pair = torch.stack([1.0 - high_weight, high_weight], dim=-1)
        wx, wy, wz = pair.unbind(-2)
        weights = wx[..., :, None, None] * wy[..., None, :, None] * wz[..., None, None, :]
        weights = weights.flatten(-3)
        if self.config.support == "ball":
            slots = cast(Tensor, getattr(self, f"slots{level}"))[index]
            weights = weights * (slots >= 0)
            index = slots.clamp_min(0)
        return index + self.offsets[level], weights

    def volumes(
        self, values: Float[Tensor, " size"]
    ) -> list[Float[Tensor, "resolution resolution resolution features"]]:
        """Each level of one object's grid as a volume indexed [x, y, z, feature]."""
        rows = values.view(self.vertices, self.config.features)
        volumes = []
        for level, resolution in enumerate(self.config.resolutions):
            start = self.offsets[level]
            if self.config.support == "ball":
                slots = cast(Tensor, getattr(self, f"slots{level}"))
                level_rows = rows[start + slots.clamp_min(0)] * (slots >= 0)[:, None]
            else:
                level_rows = rows[start : start + resolution**3]
            volumes.append(level_rows.view(resolution, resolution, resolution, -1))
        return volumes

    def dense(
        self,
        values: Float[Tensor, " size"],
        x: Float[Tensor, " nx"],
        y: Float[Tensor, " ny"],
        z: Float[Tensor, " nz"],
    ) -> Float[Tensor, "nx ny nz channels"]:
        """Features of one object at every point of the axis-aligned grid ``x * y * z``.

        Trilinear interpolation on such a grid is three interpolations along one axis each, so no
        point gathers its own eight corners.
        """
        levels = []
        for volume in self.volumes(values):
            for axis, line in enumerate((x, y, z)):
                volume = _interpolate_axis(volume, line, axis)
            levels.append(volume)
        return torch.cat(levels, dim=-1)


def _interpolate_axis(
    volume: Float[Tensor, "a b c features"], line: Float[Tensor, " n"], axis: int
) -> Float[Tensor, "..."]:
    resolution = volume.shape[axis]
    place = (line * 0.5 + 0.5).clamp(0.0, 1.0) * (resolution - 1)
    low = place.floor().clamp(0, resolution - 2)
    shape = [1, 1, 1, 1]
    shape[axis] = len(line)
    weight = (place - low).view(shape)
    cell = low.long()
    return torch.lerp(volume.index_select(axis, cell), volume.index_select(axis, cell + 1), weight)


def _touching_ball(resolution: int) -> torch.Tensor:
    """Which vertices of a level belong to a cell that touches the unit ball, flat, x slowest."""
    line = torch.linspace(-1.0, 1.0, resolution, dtype=torch.float64, device="cpu")
    low, high = line[:-1], line[1:]
    nearest = torch.where(low > 0, low, torch.where(high < 0, -high, 0.0)).square()
    distance = nearest[:, None, None] + nearest[None, :, None] + nearest[None, None, :]
    cells = distance <= 1.0 + 1e-9
    kept = torch.zeros((resolution,) * 3, dtype=torch.bool, device="cpu")
    for x in (0, 1):
        for y in (0, 1):
            for z in (0, 1):
                end = resolution - 1
                kept[x : x + end, y : y + end, z : z + end] |= cells
    return kept.flatten()
