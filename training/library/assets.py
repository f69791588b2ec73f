"""A library's models as tensors: distances and colors from their grids, pictures from triangles.

Copies in other colors and proportions are made as they are asked for.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from backend.prompts.attributes import AS_IT_IS
from backend.rendering.cameras import Cameras
from backend.rendering.lighting import Shading, headlight, shade
from backend.shapes import Float, Int

from ..prompts import PromptMix
from ..rendering.rasterize import project, visible
from .attributes import STRETCHES, TINTS, lightness_of, recolored, tint_table
from .between import Between, Surroundings, WithBetween
from .grid import BAND, BLOCK, BLOCKS, CELL, CELLS, INSIDE, LEVEL
from .mesh import HIDDEN, SHEET, THICKNESS
from .placing import FEET
from .prompts import Instance
from .storage import StoredModel

KNOWN = 0.9 * BAND
"""Distances up to this are a grid's own; beyond, they may be cut at the band's end."""


@dataclass(frozen=True)
class _Shape:
    """One model's triangles on the device."""

    vertices: Float[Tensor, "vertices 3"]
    faces: Int[Tensor, "faces 3"]
    normals: Float[Tensor, "faces 3"]
    side: Int[Tensor, " faces"]
    first: Int[Tensor, " faces"]
    texels: Float[Tensor, "texels 3"]
    area: Float[Tensor, " faces"]
    """Running sum, ending at 1; hidden faces add nothing."""
    sheet: Float[Tensor, " faces"]


class LibraryAssets:
    """Models and copies of some prompts; implements ``ReferenceAssets``."""

    pictures_between = False

    def __init__(
        self,
        models: Sequence[StoredModel],
        scales: Sequence[float],
        instances: Sequence[Instance],
        device: torch.device,
    ) -> None:
        self.device = device
        self.shapes = [_shape(model, device) for model in models]
        self.grids = _Grids.of(models, device)
        self.tints = tint_table(device)
        names = list(TINTS)
        lightness = [_lightness(model) for model in models]
        self._model = torch.tensor([i.model for i in instances])
        tint = [names.index(i.look.tint) if i.look.tint else -1 for i in instances]
        self._tint = torch.tensor(tint, device=device)
        self._lightness = torch.tensor([lightness[i.model] for i in instances], device=device)
        scale = torch.tensor([scales[i.model] for i in instances], dtype=torch.float32)
        factors = torch.tensor([STRETCHES.get(i.look.stretch, AS_IT_IS) for i in instances])
        self._scale = scale.to(device)[:, None].expand(-1, 3)
        self._stretch = (scale[:, None] * factors).to(device)

    def unstretched(self) -> LibraryAssets:
        """The same in the models' own proportions."""
        other = copy.copy(self)
        other._stretch = self._scale
        return other

    def assets_at(self, mix: PromptMix) -> LibraryBatch | WithBetween:
        """Each mix's model, or what lies between its models."""
        leading, rows = self._batch(mix.leading), mix.between
        if not rows:
            return leading
        ends = [self._batch(end) for end in mix.prompts[rows].T.tolist()]
        return WithBetween(leading, rows, Between(ends, mix.shares[rows]))

    def plain(self, model: int) -> LibraryBatch:
        """A model as it is, as large as the ball allows."""
        none, one = torch.full((1,), -1, device=self.device), torch.ones(1, 3, device=self.device)
        return LibraryBatch(self, [model], none, one[:, 0], one)

    @cached_property
    def surroundings(self) -> Surroundings:
        """The models' distances and colors far from their surfaces."""
        return Surroundings.of([self.plain(model) for model in range(len(self.shapes))])

    def _batch(self, prompts: Sequence[int]) -> LibraryBatch:
        rows = torch.tensor(prompts)
        place = rows.to(self.device)
        return LibraryBatch(
            self,
            self._model[rows].tolist(),
            self._tint[place],
            self._lightness[place],
            self._stretch[place],
        )


@dataclass(frozen=True)
class LibraryBatch:
    """Models side by side; implements ``ReferenceBatch``.

    A copy's points are ``stretch * (a model's points) + offset``: stretched about ``FEET``, which
    relative sizes are about, too.
    """

    assets: LibraryAssets
    models: list[int]
    tint: Int[Tensor, " assets"]
    lightness: Float[Tensor, " assets"]
    stretch: Float[Tensor, "assets 3"]

    @property
    def offset(self) -> Float[Tensor, "assets 3"]:
        return (1.0 - self.stretch) * self.stretch.new_tensor(FEET)

    def pictures(
        self,
        cameras: Cameras,
        size: int,
        *,
        shading: Shading = "albedo",
        lights: Float[Tensor, "assets 3"] | None = None,
    ) -> tuple[Float[Tensor, "assets size size 3"], Float[Tensor, "assets size size"]]:
        """One ray a pixel; both sides of a face are seen."""
        cameras = cameras.to(self.assets.device)
        if lights is None:
            lights = headlight(cameras)
        count, device = len(self.models), self.assets.device
        pictures = torch.zeros(count, size * size, 3, device=device)
        alpha = torch.zeros(count, size * size, device=device)
        for row, model in enumerate(self.models):
            shape = self.assets.shapes[model]
            vertices = shape.vertices * self.stretch[row] + self.offset[row]
            camera = cameras[row : row + 1]
            seen = visible(project(vertices, camera, size)[0], shape.faces, size)
            texel = shape.first[seen.face] + texel_index(shape.side[seen.face], seen.weights)
            inner = seen.interpolate(shape.vertices, shape.faces)
            color = self._tinted(shape.texels[texel][None], inner[None], slice(row, row + 1))[0]
            if shading != "albedo":
                points = seen.interpolate(vertices, shape.faces)
                normals = shape.normals[seen.face] / self.stretch[row]
                normals = torch.nn.functional.normalize(normals, dim=-1, eps=1e-12)
                behind = (normals * (camera.position - points)).sum(-1, keepdim=True) < 0
                normals = torch.where(behind, -normals, normals)
                light = lights[row].to(points).expand_as(points)
                color = shade(color, normals, points, light, shading)
            pictures[row, seen.pixel] = color
            alpha[row, seen.pixel] = 1.0
        return pictures.unflatten(1, (size, size)), alpha.unflatten(1, (size, size))

    def near_points(
        self, count: int, sigma: float, generator: torch.Generator
    ) -> Float[Tensor, "assets count 3"]:
        """Evenly over the visible surface; on a sheet's two sides, which are apart."""
        assets = len(self.models)
        draws = torch.rand(assets, count, 4, generator=generator)
        noise = torch.randn(assets, count, 3, generator=generator).to(self.assets.device)
        points = []
        for row, model in enumerate(self.models):
            shape = self.assets.shapes[model]
            draw = draws[row].to(self.assets.device)
            face = torch.searchsorted(shape.area, draw[:, 0].contiguous())
            face = face.clamp_max(len(shape.area) - 1)
            root = draw[:, 1:2].sqrt()
            corners = shape.vertices[shape.faces[face]]
            weights = torch.cat([1 - root, root * (1 - draw[:, 2:3]), root * draw[:, 2:3]], 1)
            place = (weights[..., None] * corners).sum(1)
            side = torch.where(draw[:, 3:4] < 0.5, -0.5, 0.5) * THICKNESS
            place = place + side * shape.sheet[face, None] * shape.normals[face]
            points.append(place * self.stretch[row] + self.offset[row])
        return torch.stack(points) + sigma * noise

    def query(
        self, points: Float[Tensor, "assets points 3"]
    ) -> tuple[Float[Tensor, "assets points"], Float[Tensor, "assets points 3"]]:
        """Distances beyond the grids' band are the band's width; in a stretched copy they are right
        to first order."""
        inner = self._inner(points)
        rows = torch.tensor(self.models, device=points.device)
        distance, slope, color = self.assets.grids.read(rows, inner)
        normal = torch.nn.functional.normalize(slope, dim=-1, eps=1e-9)
        steeper = (normal / self.stretch[:, None]).norm(dim=-1)
        mean = self.stretch.mean(1, keepdim=True)
        factor = torch.where(steeper > 1e-6, 1.0 / steeper.clamp_min(1e-6), mean)
        return distance * factor, self._tinted(color, inner, slice(None))

    def surrounded(
        self, points: Float[Tensor, "assets points 3"]
    ) -> tuple[Float[Tensor, "assets points"], Float[Tensor, "assets points 3"]]:
        """As :meth:`query`, however far from the surface, and as coarsely as surroundings are."""
        inner = self._inner(points)
        distance, color = self.assets.surroundings.read(self.models, inner)
        distance = distance * self.stretch.mean(1, keepdim=True)
        return distance, self._tinted(color, inner, slice(None))

    def anywhere(
        self, points: Float[Tensor, "assets points 3"]
    ) -> tuple[Float[Tensor, "assets points"], Float[Tensor, "assets points 3"]]:
        """:meth:`query` near the surface, :meth:`surrounded` elsewhere."""
        (distance, color), (far, paint) = self.query(points), self.surrounded(points)
        known = distance.abs() < KNOWN * self.stretch.amin(1, keepdim=True)
        return torch.where(known, distance, far), torch.where(known[..., None], color, paint)

    def _inner(self, points: Float[Tensor, "assets points 3"]) -> Float[Tensor, "assets points 3"]:
        """Places in the model that copies are made of."""
        return (points - self.offset[:, None]) / self.stretch[:, None]

    def _tinted(
        self,
        color: Float[Tensor, "assets points 3"],
        inner: Float[Tensor, "assets points 3"],
        rows: slice,
    ) -> Float[Tensor, "assets points 3"]:
        tint = self.tint[rows]
        return recolored(color, inner, tint, self.lightness[rows], self.assets.tints)


@dataclass(frozen=True)
class _Grids:
    """The grids of many models, one after the other."""

    blocks: Int[Tensor, "models blocks"]
    """As in ``Grid``, but counting the stored blocks of all models."""
    distance: Tensor
    color: Tensor

    @classmethod
    def of(cls, models: Sequence[StoredModel], device: torch.device) -> _Grids:
        starts = np.cumsum([0, *(len(model.grid.distance) for model in models)])
        blocks = [
            np.where(m.grid.blocks >= 0, m.grid.blocks + start, m.grid.blocks).reshape(-1)
            for m, start in zip(models, starts[:-1], strict=True)
        ]
        return cls(
            torch.from_numpy(np.stack(blocks).astype(np.int32)).to(device),
            torch.from_numpy(np.concatenate([m.grid.distance for m in models])).to(device),
            torch.from_numpy(np.concatenate([m.grid.color for m in models])).to(device),
        )

    def read(
        self, rows: Int[Tensor, " assets"], points: Float[Tensor, "assets points 3"]
    ) -> tuple[
        Float[Tensor, "assets points"],
        Float[Tensor, "assets points 3"],
        Float[Tensor, "assets points 3"],
    ]:
        """Distance, its slope and color of each asset's model at its points: trilinear."""
        place = ((points + 1.0) / CELL - 0.5).clamp(0.0, CELLS - 1.0)
        first = place.floor().clamp_max(CELLS - 2.0)
        share, first = place - first, first.long()
        shape = points.shape[:-1]
        distance, weight = (torch.zeros(shape, device=points.device) for _ in range(2))
        slope, color = torch.zeros_like(points), torch.zeros_like(points)
        for corner in np.ndindex(2, 2, 2):
            cell = first + torch.tensor(corner, device=points.device)
            value, paint, real = self._cell(rows, cell)
            up = torch.tensor(corner, dtype=torch.bool, device=points.device)
            along = torch.where(up, share, 1.0 - share)
            x, y, z = along.unbind(-1)
            factor = x * y * z
            distance = distance + factor * value
            sign = torch.tensor(corner, device=points.device) * 2.0 - 1.0
            slope = slope + value[..., None] * sign * torch.stack([y * z, x * z, x * y], -1)
            color = color + (factor * real)[..., None] * paint
            weight = weight + factor * real
        color = color / (255.0 * weight.clamp_min(1e-6))[..., None]
        return distance * LEVEL, slope, color

    def _cell(
        self, rows: Int[Tensor, " assets"], cell: Int[Tensor, "assets points 3"]
    ) -> tuple[Tensor, Tensor, Tensor]:
        block = torch.div(cell, BLOCK, rounding_mode="floor")
        within = cell - BLOCK * block
        at = (block[..., 0] * BLOCKS + block[..., 1]) * BLOCKS + block[..., 2]
        index = self.blocks[rows[:, None], at].long()
        inner = (within[..., 0] * BLOCK + within[..., 1]) * BLOCK + within[..., 2]
        real = index >= 0
        flat = index.clamp_min(0) * BLOCK**3 + inner
        band = BAND / LEVEL
        far = torch.where(index == INSIDE, -band, band)
        if len(self.distance) == 0:
            return far, torch.zeros_like(cell, dtype=torch.float32), real
        value = torch.where(real, self.distance.view(-1)[flat].float(), far)
        return value, self.color.view(-1, 3)[flat].float(), real


def texel_index(side: Int[Tensor, " points"], weights: Float[Tensor, "points 3"]) -> Tensor:
    """``library.mesh.texel_of`` in torch."""
    scaled = weights[:, 1:] * side[:, None]
    cell = scaled.floor().long()
    row = torch.minimum(cell[:, 0].clamp_min(0), side - 1)
    column = torch.minimum(cell[:, 1].clamp_min(0), side - 1 - row)
    beyond = (scaled[:, 0] - row) + (scaled[:, 1] - column) > 1.0
    upper = beyond & (row + column < side - 1)
    return side**2 - (side - row) ** 2 + 2 * column + upper.long()


def _shape(model: StoredModel, device: torch.device) -> _Shape:
    mesh = model.mesh
    corners = torch.from_numpy(mesh.corners).float()
    normals = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = normals.norm(dim=-1).double() * torch.from_numpy(model.kinds != HIDDEN)
    if area.sum() <= 0:
        area = torch.ones_like(area)
    return _Shape(
        torch.from_numpy(mesh.vertices).to(device),
        torch.from_numpy(mesh.faces).long().to(device),
        torch.nn.functional.normalize(normals, dim=-1, eps=1e-12).to(device),
        torch.from_numpy(mesh.side).long().to(device),
        torch.from_numpy(mesh.first_texel()).to(device),
        (torch.from_numpy(mesh.texels).float() / 255.0).to(device),
        (area.cumsum(0) / area.sum()).float().to(device),
        torch.from_numpy(model.kinds == SHEET).float().to(device),
    )


def _lightness(model: StoredModel) -> float:
    first = model.mesh.texels[model.mesh.first_texel()]
    shown = model.mesh.areas() * (model.kinds != HIDDEN)
    return lightness_of(torch.from_numpy(first).float() / 255.0, torch.from_numpy(shown).float())
