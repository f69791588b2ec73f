"""The multi-resolution feature grid (A1, A2), read three ways.

Conventions
-----------
``values`` is a grid's whole content as one flat row per object: level by level (coarse to fine),
vertex by vertex (x slowest, z fastest), feature by feature. ``points`` are in [-1, 1]^3; vertex 0
of an axis is at -1 and the last at +1 (``align_corners``). Levels are concatenated, so a read
gives ``levels * features`` numbers a point.

With ``support = "ball"`` only vertices of cells that touch the unit ball are kept. Inside the ball
every read is the same as with ``"cube"``; outside it the missing vertices count as zero.

Hash levels (A2) come last. Their vertices share ``2**table`` rows by instant-NGP's spatial hash:
vertex (x, y, z) has the row ``(x ^ 2654435761 y ^ 805459861 z) mod 2**table`` of its level.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from .config import GridConfig

_PRIMES = (1, 2654435761, 805459861)

POINTS_WORTH = 40
"""Vertices that cost as much as a point saves when whole volumes are read instead of corners."""


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
    """Geometry of the grid: where each value sits, and how points read it (A1, A2)."""

    def __init__(self, config: GridConfig) -> None:
        super().__init__()
        self.config = config
        self.offsets: list[int] = []
        """First row of each level within ``values``: a vertex's, or the hash table's."""
        vertices = 0
        for level, resolution in enumerate(config.resolutions):
            self.offsets.append(vertices)
            if config.support == "ball":
                kept = _touching_ball(resolution)
                slots = torch.where(kept, kept.long().cumsum(0) - 1, -1)
                self.register_buffer(f"slots{level}", slots, persistent=False)
                self.register_buffer(f"kept{level}", kept.nonzero()[:, 0], persistent=False)
                vertices += int(kept.sum())
            else:
                vertices += resolution**3
        for _ in config.hashed:
            self.offsets.append(vertices)
            vertices += 2**config.table
        self.vertices = vertices
        """Rows of all levels: kept vertices and hash tables."""

    @property
    def size(self) -> int:
        """Numbers in ``values``: the mapping network's output width."""
        return self.vertices * self.config.features

    @property
    def channels(self) -> int:
        """Numbers a point reads."""
        return len(self.config.levels) * self.config.features

    @property
    def level_sizes(self) -> list[int]:
        """Numbers of each level in ``values``."""
        ends = [*self.offsets[1:], self.vertices]
        return [
            (end - start) * self.config.features
            for start, end in zip(self.offsets, ends, strict=True)
        ]

    def read(
        self, values: Float[Tensor, "objects size"], points: Float[Tensor, "objects points 3"]
    ) -> Float[Tensor, "objects points channels"]:
        """Trilinear features of each object's grid at its own points (A1).

        All shapes are known beforehand, so a GPU is not waited for. Always in single precision or
        better: sums of many small gradients at one coarse vertex are lost in half precision.
        """
        objects, count = points.shape[:2]
        if values.dtype in (torch.float16, torch.bfloat16):
            values = values.float()
        levels = range(len(self.config.levels))
        flat = points.flatten(0, 1)
        if self._prefers_volumes(values, flat, levels):
            read = self._read_volumes(values, points, levels)
        else:
            owner = torch.arange(objects, device=points.device).repeat_interleave(count)
            read = self._read_corners(values, flat, owner, levels)
        return read.view(objects, count, self.channels)

    def read_owned(
        self,
        values: Float[Tensor, "objects size"],
        points: Float[Tensor, "points 3"],
        owner: Int[Tensor, " points"],
        levels: slice = slice(None),
    ) -> Float[Tensor, "points channels"]:
        """:meth:`read` of any number of points an object: point p reads the grid ``owner[p]``."""
        if values.dtype in (torch.float16, torch.bfloat16):
            values = values.float()
        chosen = range(len(self.config.levels))[levels]
        if self._prefers_volumes(values, points, chosen):
            return self._read_owned_volumes(values, points, owner, chosen)
        return self._read_corners(values, points, owner, chosen)

    def _read_corners(
        self,
        values: Float[Tensor, "objects size"],
        points: Float[Tensor, "points 3"],
        owner: Int[Tensor, " points"],
        chosen: range,
    ) -> Float[Tensor, "points channels"]:
        """:meth:`read_owned` by the eight vertices around each point."""
        rows = values.reshape(-1, self.config.features)
        corners = [self._corners(level, points) for level in chosen]
        # All levels in one gather: its backward pass fills one gradient, not one a level.
        index = torch.stack([index for index, _ in corners], dim=1)
        weights = torch.stack([weights for _, weights in corners], dim=1)
        index = index + (owner * self.vertices)[:, None, None]
        read = _WeightedGather.apply(rows, index.flatten(0, 1), weights.flatten(0, 1))
        return cast(Tensor, read).view(len(points), len(chosen) * self.config.features)

    def _prefers_volumes(
        self,
        values: Float[Tensor, "objects size"],
        points: Float[Tensor, "points 3"],
        levels: range,
    ) -> bool:
        """Whether torch's own kernel on whole volumes is the faster way to read.

        It is several times faster a point, but makes and differentiates every vertex, and knows
        neither hash levels nor second derivatives.
        """
        if points.requires_grad or levels[-1] >= len(self.config.resolutions):
            return False
        vertices = sum(self.config.levels[level] ** 3 for level in levels)
        return len(points) * POINTS_WORTH > vertices * len(values)

    def _read_volumes(
        self,
        values: Float[Tensor, "objects size"],
        points: Float[Tensor, "objects points 3"],
        levels: range,
    ) -> Float[Tensor, "rows channels"]:
        """:meth:`read` by ``grid_sample``; a row an object and point."""
        features = [
            nn.functional.grid_sample(
                self._level_volumes(values, level),
                points[:, None, None],
                mode="bilinear",
                padding_mode="border",
                align_corners=True,
            )[:, :, 0, 0]
            for level in levels
        ]
        return torch.cat(features, dim=1).transpose(1, 2).flatten(0, 1)

    def _read_owned_volumes(
        self,
        values: Float[Tensor, "objects size"],
        points: Float[Tensor, "points 3"],
        owner: Int[Tensor, " points"],
        levels: range,
    ) -> Float[Tensor, "points channels"]:
        """:meth:`read_owned` by ``grid_sample``, which takes as many points of every object."""
        objects = len(values)
        counts = torch.bincount(owner, minlength=objects)
        order = torch.argsort(owner, stable=True)
        rank = torch.empty_like(order)
        rank[order] = torch.arange(len(owner), device=owner.device) - (
            counts.cumsum(0) - counts
        ).repeat_interleave(counts, output_size=len(owner))
        most = int(counts.max().item()) if len(owner) else 0
        place = owner * most + rank
        padded = points.new_zeros(objects * most, 3).index_copy(0, place, points)
        read = self._read_volumes(values, padded.view(objects, most, 3), levels)
        return read.index_select(0, place)

    def _level_volumes(
        self, values: Float[Tensor, "objects size"], level: int
    ) -> Float[Tensor, "objects features z y x"]:
        """One level of every object as ``grid_sample`` takes it."""
        resolution, start = self.config.levels[level], self.offsets[level]
        rows = values.view(len(values), self.vertices, -1)
        if self.config.support == "ball":
            kept = cast(Tensor, getattr(self, f"kept{level}"))
            level_rows = rows[:, start : start + len(kept)]
            empty = rows.new_zeros(len(values), resolution**3, rows.shape[2])
            # Slots count kept vertices in order, so this is a copy, and its gradient a selection.
            volume = empty.index_copy(1, kept, level_rows)
        else:
            volume = rows[:, start : start + resolution**3]
        return volume.unflatten(1, (resolution,) * 3).permute(0, 4, 3, 2, 1)

    def _corners(
        self, level: int, points: Float[Tensor, "points 3"]
    ) -> tuple[Int[Tensor, "points 8"], Float[Tensor, "points 8"]]:
        """Vertices around each point, and their trilinear weights."""
        resolution = self.config.levels[level]
        place = (points * 0.5 + 0.5).clamp(0.0, 1.0) * (resolution - 1)
        low = place.detach().floor().clamp(0, resolution - 2)
        high_weight = place - low
        cell = low.long()
        index = self._rows(level, *(torch.stack([c, c + 1], dim=-1) for c in cell.unbind(-1)))
        pair = torch.stack([1.0 - high_weight, high_weight], dim=-1)
        wx, wy, wz = pair.unbind(-2)
        weights = wx[..., :, None, None] * wy[..., None, :, None] * wz[..., None, None, :]
        index, weights = index.flatten(-3), weights.flatten(-3)
        if self.config.support == "ball" and level < len(self.config.resolutions):
            weights = weights * (index >= 0)
            index = index.clamp_min(0)
        return index + self.offsets[level], weights

    def _rows(
        self,
        level: int,
        x: Int[Tensor, "*points nx"],
        y: Int[Tensor, "*points ny"],
        z: Int[Tensor, "*points nz"],
    ) -> Int[Tensor, "*points nx ny nz"]:
        """Rows within the level of the vertices ``x * y * z``; -1 where none is kept."""
        x, y, z = x[..., :, None, None], y[..., None, :, None], z[..., None, None, :]
        resolution = self.config.levels[level]
        if level >= len(self.config.resolutions):
            mixed = (x * _PRIMES[0]) ^ (y * _PRIMES[1]) ^ (z * _PRIMES[2])
            return mixed & (2**self.config.table - 1)
        index = (x * resolution + y) * resolution + z
        if self.config.support == "ball":
            return cast(Tensor, getattr(self, f"slots{level}"))[index]
        return index

    def volume(
        self, values: Float[Tensor, "*objects size"], level: int
    ) -> Float[Tensor, "*objects resolution resolution resolution features"]:
        """One level of each object's grid as a volume indexed [x, y, z, feature]."""
        resolution, start = self.config.levels[level], self.offsets[level]
        rows = values.unflatten(-1, (self.vertices, self.config.features))
        if level >= len(self.config.resolutions):
            line = torch.arange(resolution, device=values.device)
            return self._block(values, level, line, line, line)
        if self.config.support == "ball":
            slots = cast(Tensor, getattr(self, f"slots{level}"))
            level_rows = rows[..., start + slots.clamp_min(0), :] * (slots >= 0)[:, None]
        else:
            level_rows = rows[..., start : start + resolution**3, :]
        return level_rows.unflatten(-2, (resolution, resolution, resolution))

    def _block(
        self,
        values: Float[Tensor, "*objects size"],
        level: int,
        x: Int[Tensor, " nx"],
        y: Int[Tensor, " ny"],
        z: Int[Tensor, " nz"],
    ) -> Float[Tensor, "*objects nx ny nz features"]:
        """Features at the vertices ``x * y * z`` of a hash level."""
        rows = self.offsets[level] + self._rows(level, x, y, z)
        return values.unflatten(-1, (self.vertices, self.config.features))[..., rows, :]

    def volumes(
        self, values: Float[Tensor, " size"]
    ) -> list[Float[Tensor, "resolution resolution resolution features"]]:
        """Each level of one object's grid as a volume indexed [x, y, z, feature]."""
        return [self.volume(values, level) for level in range(len(self.config.levels))]

    def dense(
        self,
        values: Float[Tensor, "*objects size"],
        x: Float[Tensor, " nx"],
        y: Float[Tensor, " ny"],
        z: Float[Tensor, " nz"],
    ) -> Float[Tensor, "*objects nx ny nz channels"]:
        """Features of each object at every point of the axis-aligned grid ``x * y * z``.

        Trilinear interpolation on such a grid is three interpolations along one axis each, so no
        point gathers its own eight corners.
        """
        levels = []
        for level, resolution in enumerate(self.config.levels):
            lines = [_Line(line, resolution) for line in (x, y, z)]
            if level < len(self.config.resolutions):
                volume = self.volume(values, level)
            else:
                # A hash level as a whole may be hundreds of megabytes: only what is between.
                volume = self._block(values, level, *(line.keep_needed() for line in lines))
            for axis, line in enumerate(lines):
                volume = line.interpolate(volume, axis)
            levels.append(volume)
        return torch.cat(levels, dim=-1)


class _Line:
    """Where the points of one axis lie between the vertices of a level."""

    def __init__(self, line: Float[Tensor, " n"], resolution: int) -> None:
        place = (line * 0.5 + 0.5).clamp(0.0, 1.0) * (resolution - 1)
        low = place.floor().clamp(0, resolution - 2)
        self._weight = place - low
        self._low = low.long()
        self._high = self._low + 1

    def keep_needed(self) -> Int[Tensor, " vertices"]:
        """The vertices that are needed, which from here on are all that a volume holds."""
        needed, places = torch.cat([self._low, self._high]).unique(return_inverse=True)
        self._low, self._high = places.chunk(2)
        return needed

    def interpolate(
        self, volume: Float[Tensor, "*objects a b c features"], axis: int
    ) -> Float[Tensor, "..."]:
        """The volume at this line's points along ``axis`` (0, 1 or 2)."""
        shape = [1, 1, 1, 1]
        shape[axis] = len(self._weight)
        return torch.lerp(
            volume.index_select(axis - 4, self._low),
            volume.index_select(axis - 4, self._high),
            self._weight.view(shape),
        )


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
