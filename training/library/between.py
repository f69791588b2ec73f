"""What lies between models: solids whose signed distances are mixes of the models' own.

A mix of distances alone has no solid in the middle of two thin models that are apart: a point is in
it only where the one is deeper inside than the other is away. So the mix's level is raised until
the solid, thickened by ``THICKENED``, takes as many places of a lattice as the shares say of the
models, thickened likewise. At a model itself nothing is raised. Far from a model's surface its
distances are known on the lattice only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from scipy.spatial import KDTree
from torch import Tensor

from backend.protocol.errors import TrainingError
from backend.rendering.cameras import Cameras
from backend.rendering.lighting import Shading
from backend.shapes import Float

from .grid import BAND, BLOCKS

if TYPE_CHECKING:
    from .assets import LibraryBatch

SAMPLES = 20_000
"""Points of a model's surface that its surroundings are measured from."""
THICKENED = 0.05
"""Metres by which solids are thickened before their places are counted: a sheet has some then."""
NEAR = 0.05
"""Places within so many metres of a surface are near it."""
MOST = 1.0
"""Metres by which a level is raised or lowered, at most, ..."""
HALVINGS = 14
"""... found to a tenth of a millimetre."""
SOFT = 0.02
"""Metres from a model within which it does not matter, for whose color is taken, how far it is."""


def lattice(device: torch.device) -> Float[Tensor, "places 3"]:
    """The middles of a grid's blocks, by x, y and z."""
    axis = (torch.arange(BLOCKS, device=device) + 0.5) * (2.0 / BLOCKS) - 1.0
    return torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), dim=-1).view(-1, 3)


@dataclass(frozen=True)
class Surroundings:
    """Signed distance and nearest color of models on the lattice, however far from them."""

    volumes: Float[Tensor, "models 4 x y z"]
    """Half precision: the distance, metres, and the color."""

    @classmethod
    def of(cls, models: Sequence[LibraryBatch]) -> Surroundings:
        """Those of plain models, each by itself."""
        found = []
        for model in models:
            places = lattice(model.stretch.device)[None]
            surface = model.near_points(SAMPLES, 0.0, torch.Generator().manual_seed(0))
            near, color = model.query(places)[0][0].cpu(), model.query(surface)[1][0].cpu()
            away, nearest = KDTree(surface[0].cpu().numpy()).query(places[0].cpu().numpy())
            far = torch.from_numpy(away).float().clamp_min(BAND) * near.sign()
            distance = torch.where(near.abs() < BAND, near, far)
            found.append(torch.cat([distance[None], color[nearest].T]).half())
        shape = (BLOCKS, BLOCKS, BLOCKS)
        return cls(torch.stack(found).unflatten(2, shape).to(models[0].stretch.device))

    def read(
        self, models: Sequence[int], points: Float[Tensor, "assets points 3"]
    ) -> tuple[Float[Tensor, "assets points"], Float[Tensor, "assets points 3"]]:
        """Distance and color at points of each asset's model, trilinear."""
        places = points.flip(-1)[:, :, None, None]
        found = torch.nn.functional.grid_sample(
            self.volumes[list(models)].to(points),
            places,
            padding_mode="border",
            align_corners=False,
        )
        return found[:, 0, :, 0, 0], found[:, 1:, :, 0, 0].transpose(1, 2)


class Between:
    """Solids between models, one for each mix of them."""

    def __init__(self, ends: Sequence[LibraryBatch], shares: Float[Tensor, "assets ends"]) -> None:
        """``ends`` are each as many models as there are assets."""
        self._ends = ends
        self._shares = shares.to(ends[0].stretch)
        self._places = lattice(ends[0].stretch.device)
        asked = self._places.expand(len(shares), -1, -1)
        distances = torch.stack([end.surrounded(asked)[0] for end in ends])
        self.raised = _raised(distances, self._shares)
        mixed = (distances * self._shares.T[..., None]).sum(0) - self.raised[:, None]
        self._close = (mixed.abs() < NEAR) | (mixed.abs() <= mixed.abs().amin(1, keepdim=True))

    def near_points(
        self, count: int, sigma: float, generator: torch.Generator
    ) -> Float[Tensor, "assets count 3"]:
        """As precisely as the lattice says where surfaces are."""
        chosen = torch.multinomial(
            self._close.float().cpu(), count, replacement=True, generator=generator
        )
        moved = torch.rand(*chosen.shape, 3, generator=generator) - 0.5
        noise = torch.randn(*chosen.shape, 3, generator=generator)
        moved = moved * (2.0 / BLOCKS) + sigma * noise
        return self._places[chosen.to(self._places.device)] + moved.to(self._places)

    def query(
        self, points: Float[Tensor, "assets points 3"]
    ) -> tuple[Float[Tensor, "assets points"], Float[Tensor, "assets points 3"]]:
        """The mixed distance, and a mix of colors in which the nearer model counts more."""
        distance = -self.raised[:, None]
        color, weight = torch.zeros_like(points), torch.zeros_like(points[..., 0])
        for end, share in zip(self._ends, self._shares.unbind(1), strict=True):
            away, paint = end.anywhere(points)
            distance = distance + share[:, None] * away
            counted = share[:, None] / away.abs().clamp_min(SOFT)
            color, weight = color + counted[..., None] * paint, weight + counted
        return distance, color / weight[..., None]


class WithBetween:
    """Models side by side of which some lie between models; implements ``ReferenceBatch`` but for
    pictures of those."""

    def __init__(self, leading: LibraryBatch, rows: Sequence[int], between: Between) -> None:
        """``between`` takes the place of the models ``leading`` in ``rows``."""
        self._leading, self._rows, self._between = leading, list(rows), between

    def pictures(
        self,
        cameras: Cameras,
        size: int,
        *,
        shading: Shading = "albedo",
        lights: Float[Tensor, "assets 3"] | None = None,
    ) -> tuple[Float[Tensor, "assets size size 3"], Float[Tensor, "assets size size"]]:
        raise TrainingError(
            "what lies between models has no pictures",
            "choose --interpolation.kind loss or bernoulli",
        )

    def near_points(
        self, count: int, sigma: float, generator: torch.Generator
    ) -> Float[Tensor, "assets count 3"]:
        points = self._leading.near_points(count, sigma, generator)
        points[self._rows] = self._between.near_points(count, sigma, generator)
        return points

    def query(
        self, points: Float[Tensor, "assets points 3"]
    ) -> tuple[Float[Tensor, "assets points"], Float[Tensor, "assets points 3"]]:
        distance, color = self._leading.query(points)
        distance[self._rows], color[self._rows] = self._between.query(points[self._rows])
        return distance, color


def _raised(
    distances: Float[Tensor, "ends assets places"], shares: Float[Tensor, "assets ends"]
) -> Float[Tensor, " assets"]:
    """The height, metres, by which the level of each mix is raised: found by bisection."""
    wanted = (_filled(distances) * shares.T).sum(0)
    mixed = (distances * shares.T[..., None]).sum(0)
    low, high = torch.full_like(wanted, -MOST), torch.full_like(wanted, MOST)
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        less = _filled(mixed - middle[:, None]) < wanted
        low, high = torch.where(less, middle, low), torch.where(less, high, middle)
    # A model itself, of which nothing is to be raised, is not left to the bisection's precision.
    return torch.where(shares.amax(1) < 1.0, 0.5 * (low + high), 0.0)


def _filled(distances: Float[Tensor, "*assets places"]) -> Float[Tensor, "*assets"]:
    """How many places a thickened solid takes; those at its surface in part, so that it grows
    evenly with the solid."""
    return ((THICKENED - distances) * (BLOCKS / 2) + 0.5).clamp(0.0, 1.0).sum(-1)
