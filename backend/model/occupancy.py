"""Where objects are: a coarse grid that says which samples of a ray need not be read.

Most samples of a ray lie in empty space and add nothing to its color nor, since a density of next
to nothing has next to no slope after the softplus, to any gradient. A coarse regular grid is read
separably, which costs far less than reading them.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .att3d import ATT3D, Objects


class Occupancy:
    """Cells of each object that may hold a density above ``negligible``.

    A point is taken to be empty if the pre-density is negligible at all 27 vertices around it of a
    grid of ``resolution`` vertices an axis: thinner things than a cell may be missed.
    """

    def __init__(
        self, model: ATT3D, objects: Objects, *, negligible: float, resolution: int = 32
    ) -> None:
        """``negligible``: density, per metre. A ray of 2 m loses at most twice as much alpha."""
        self._bound = model.config.bound
        self._resolution = resolution
        level = math.log(math.expm1(negligible))
        device = objects.values.device
        line = torch.linspace(-1.0, 1.0, resolution, device=device)
        with torch.no_grad(), torch.autocast(device.type, enabled=False):
            points = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), dim=-1)
            # Samples lie inside the ball: vertices further out than a cell's diagonal never count.
            inside = points.norm(dim=-1) <= 1.0 + 2.0 * math.sqrt(3.0) / (resolution - 1)
            bias = model.bias(points[inside] * self._bound)
            occupied = inside.new_zeros(len(objects), resolution, resolution, resolution)
            # On a CPU one object at a time, which stays in the cache; a GPU wants many at once.
            together = 1 if device.type == "cpu" else 32
            parts = zip(
                occupied.split(together),
                objects.values.float().split(together),
                objects.latent.float().split(together),
                strict=True,
            )
            for cells, values, latent in parts:
                features = model.grid.dense(values, line, line, line)[:, inside]
                shift = None
                if model.mlp.conditions:
                    shift = model.mlp.shift(latent)[:, None].expand(-1, features.shape[1], -1)
                cells[:, inside] = model.mlp.pre_density(features, shift) + bias > level
            self._occupied = _grown(occupied).flatten()

    @property
    def share(self) -> float:
        """Share of the cells that are occupied, over all objects."""
        return self._occupied.float().mean().item()

    def __call__(
        self, points: Float[Tensor, "*shape 3"], owner: Int[Tensor, "*shape"]
    ) -> Bool[Tensor, "*shape"]:
        """Whether there may be matter at ``points`` (metres) of the objects ``owner``."""
        n = self._resolution
        place = (points / self._bound * (0.5 * (n - 1)) + 0.5 * (n - 1)).round_()
        place = place.clamp_(0, n - 1).long()
        index = ((owner * n + place[..., 0]) * n + place[..., 1]) * n + place[..., 2]
        return self._occupied[index]


def _grown(cells: Bool[Tensor, "objects n n n"]) -> Bool[Tensor, "objects n n n"]:
    """Cells and their 26 neighbours."""
    for axis in (1, 2, 3):
        length = cells.shape[axis] - 1
        grown = cells.clone()
        grown.narrow(axis, 0, length).logical_or_(cells.narrow(axis, 1, length))
        grown.narrow(axis, 1, length).logical_or_(cells.narrow(axis, 0, length))
        cells = grown
    return cells
