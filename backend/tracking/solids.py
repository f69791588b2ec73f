"""A field on a regular grid, as a solid: where it is above its level, without dirt.

Grids hold the pre-density minus the level, float32, on ``linspace(-bound, bound, n)`` per axis,
indexed [x, y, z]: positive inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from scipy.ndimage import find_objects, label, map_coordinates

from ..field_reader import Points, Reader
from ..mesh_pipeline import PipelineConfig
from ..progress import CancelToken
from ..shapes import Bool, Float, Int
from ..surface.clean import CleanConfig
from ..surface.contour import contour
from ..surface.refine import finer_grid, near_surface
from ..surface.topology import Faces, Vertices

OUTSIDE = -1.0
"""What a dropped speck is filled with at most."""


@dataclass(frozen=True)
class Solid:
    """The values of a cleaned grid, and where it is in space."""

    values: Float[np.ndarray, "n n n"]
    bound: float

    @property
    def voxel(self) -> float:
        """Distance between two samples, metres."""
        return 2.0 * self.bound / (len(self.values) - 1)

    @property
    def inside(self) -> Bool[np.ndarray, "n n n"]:
        return self.values > 0

    def at(self, points: Points) -> Float[np.ndarray, " points"]:
        """Trilinear values at points (metres)."""
        place = ((points.T + self.bound) / self.voxel).astype(np.float32)
        return map_coordinates(self.values, place, order=1, mode="nearest", prefilter=False)


def read_solid(reader: Reader, resolution: int, config: PipelineConfig | None = None) -> Solid:
    """The field's solid, without specks and cavities. May be empty.

    Raises:
        Cancelled: asked to stop.
    """
    config = config or PipelineConfig()
    first, second = (max(16, round(share * resolution)) for share in config.looks[:2])
    grid = near_surface(reader, second, first, config.margin)
    values = finer_grid(reader, grid, resolution) - np.float32(reader.field.level)
    return clean(Solid(values.astype(np.float32), reader.field.bound), config.clean)


def extract(solid: Solid, cancel: CancelToken) -> tuple[Vertices, Faces]:
    """The solid's surface.

    Raises:
        Cancelled: asked to stop.
    """
    return contour(solid.values.copy(), 0.0, solid.bound, cancel)


def clean(solid: Solid, config: CleanConfig) -> Solid:
    """Remove parts whose surface is tiny against the largest one's, and cavities.

    The outermost layer of samples is set outside, so that every part is closed.
    """
    values = solid.values.copy()
    for axis in range(3):
        side = np.moveaxis(values, axis, 0)
        for end in (0, -1):
            np.minimum(side[end], OUTSIDE, out=side[end])
    inside = values > 0
    parts, count = label_voxels(inside)
    if count > 1:
        border = border_voxels(inside)
        area = np.bincount(parts[border], minlength=count + 1).astype(float)
        small = area < config.speck_share * area.max()
        small[0] = False
        boxes = find_objects(parts)
        for part in np.flatnonzero(small):
            box = boxes[part - 1]
            own = parts[box] == part
            values[box][own] = np.minimum(values[box][own], OUTSIDE)
    inner = cavities(values > 0)
    values[inner] = np.maximum(values[inner], -OUTSIDE)
    return Solid(values, solid.bound)


def cavities(inside: Bool[np.ndarray, "n n n"]) -> Bool[np.ndarray, "n n n"]:
    """The voxels that are closed in; the first one is outside."""
    holes, _ = label_voxels(~inside)
    return (holes > 0) & (holes != holes[0, 0, 0])


def largest_border(inside: Bool[np.ndarray, "n n n"]) -> int:
    """The number of border voxels of the part that has most of them."""
    parts, count = label_voxels(inside)
    area = np.bincount(parts[border_voxels(inside)], minlength=count + 1)
    return int(area[1:].max(initial=0))


def without_specks(inside: Bool[np.ndarray, "a b c"], least: float) -> Bool[np.ndarray, "a b c"]:
    """What is inside a box, without parts of fewer than ``least`` border voxels that lie in the
    box as wholes."""
    parts, count = label_voxels(inside)
    area = np.bincount(parts[border_voxels(inside)], minlength=count + 1)
    kept = area >= least
    for axis in range(3):
        kept[np.moveaxis(parts, axis, 0)[[0, -1]].reshape(-1)] = True
    kept[0] = False
    return kept[parts]


class GridField:
    """A solid, read like a field. It has no color."""

    level = 0.0
    density_scale = 1.0

    def __init__(self, solid: Solid) -> None:
        self.solid = solid
        self.bound = solid.bound

    def pre_density(self, points: Points) -> Float[np.ndarray, " points"]:
        return self.solid.at(points)

    def sample(
        self, points: Points
    ) -> tuple[Float[np.ndarray, " points"], Float[np.ndarray, "points 3"]]:
        raise NotImplementedError("a solid has no color")

    def lattice(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        raise NotImplementedError("a solid is a grid already")


def islands_of(solid: Solid, whole: Solid) -> Bool[np.ndarray, "n n n"]:
    """The voxels of all parts of ``solid`` but the largest in each part of ``whole``, in which it
    lies."""
    parts, count = label_voxels(solid.inside)
    outer = label_voxels(whole.inside | solid.inside)[0]
    size = np.bincount(parts.reshape(-1), minlength=count + 1)
    size[0] = 0
    around = np.zeros(count + 1, dtype=np.int64)
    around[parts.reshape(-1)] = outer.reshape(-1)
    largest = {int(around[part]): part for part in np.argsort(size, kind="stable")}
    island = np.array([part > 0 and largest[around[part]] != part for part in range(count + 1)])
    return island[parts]


def only(solid: Solid, voxels: Bool[np.ndarray, "n n n"]) -> Solid:
    """``solid`` without those of its parts that ``voxels`` does not hold."""
    values = np.where(voxels | ~solid.inside, solid.values, np.minimum(solid.values, OUTSIDE))
    return Solid(values, solid.bound)


def union(one: Solid, other: Solid) -> Solid:
    """The solid that is where either of two is."""
    return Solid(np.maximum(one.values, other.values), one.bound)


def intersection(one: Solid, other: Solid) -> Solid:
    """The solid that is where both of two are."""
    return Solid(np.minimum(one.values, other.values), one.bound)


def label_voxels(
    inside: Bool[np.ndarray, "a b c"],
) -> tuple[Int[np.ndarray, "a b c"], int]:
    """Number the connected parts from 1; voxels are neighbours across their faces."""
    labels = np.zeros(inside.shape, dtype=np.int32)
    return labels, int(cast(Any, label(inside, output=labels)))


def parts_holding(
    voxels: Bool[np.ndarray, "a b c"], some: Bool[np.ndarray, "a b c"]
) -> Bool[np.ndarray, "a b c"]:
    """The connected parts of ``voxels`` in which some of ``some`` lies."""
    parts, count = label_voxels(voxels)
    holds = np.zeros(count + 1, dtype=bool)
    holds[np.unique(parts[some])] = True
    holds[0] = False
    return holds[parts]


def border_voxels(inside: Bool[np.ndarray, "a b c"]) -> Bool[np.ndarray, "a b c"]:
    """Voxels inside with a neighbour outside."""
    border = np.zeros_like(inside)
    for axis in range(3):
        now, result = np.moveaxis(inside, axis, 0), np.moveaxis(border, axis, 0)
        change = now[1:] != now[:-1]
        result[1:] |= change & now[1:]
        result[:-1] |= change & now[:-1]
    return border
