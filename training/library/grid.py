"""A mesh's truth on a grid around its surface, so that training reads it without a search.

``CELLS`` cubed cells fill the cube around the ball of radius 1. Blocks of 4 x 4 x 4 cells that come
within ``BAND`` of the surface are stored; the others are only known to be inside or outside. Cell
values are read between cells by trilinear interpolation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from backend.shapes import Bool, Float, Int, Int8, UInt8

if TYPE_CHECKING:
    from .truth import Truth

BLOCKS, BLOCK = 32, 4
CELLS = BLOCKS * BLOCK
CELL = 2.0 / CELLS
LEVEL = 0.0005
"""Metres that one step of a stored distance stands for."""
BAND = 127 * LEVEL
OUTSIDE, INSIDE = -1, -2
"""Blocks that are not stored."""


@dataclass(frozen=True)
class Grid:
    """Signed distance and color around a surface."""

    blocks: Int[np.ndarray, "blocks blocks blocks"]
    """Index into the stored blocks, by x, y and z; or ``OUTSIDE``, ``INSIDE``."""
    distance: Int8[np.ndarray, "stored 64"]
    """Signed distance in ``LEVEL``s, clipped to the band."""
    color: UInt8[np.ndarray, "stored 64 3"]


def fill(truth: Truth) -> Grid:
    """Ask for the truth where it is needed.

    Within the distance to the surface the side cannot change, so a point is asked for its side
    only where the middle of its block is too far to know.
    """
    axis = (np.arange(BLOCKS) + 0.5) * (2.0 / BLOCKS) - 1.0
    centres = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    half = 3**0.5 / BLOCKS
    low, high = truth.mesh.vertices.min(axis=0), truth.mesh.vertices.max(axis=0)
    within = ((centres > low - half - BAND) & (centres < high + half + BAND)).all(axis=1)
    asked = np.flatnonzero(within)
    distance, face, _ = truth.nearest(centres[asked])
    near = distance < BAND + half + 0.02
    inside = np.zeros(len(centres), dtype=bool)
    inside[asked] = truth.inside(centres[asked])
    stored = asked[near]

    cells = _cell_offsets()
    points = (centres[stored][:, None] + cells).reshape(-1, 3)
    distance, face, weights = truth.nearest(points)
    side = _sides(truth, points, distance, inside[stored])
    signed = truth.signed(points, distance, face, weights, side)
    levels = np.round(signed / LEVEL).clip(-127, 127).astype(np.int8).reshape(-1, BLOCK**3)
    color = truth.mesh.color(face, weights).reshape(-1, BLOCK**3, 3)

    kept = (np.abs(levels) < 127).any(axis=1) | (np.ptp(np.sign(levels), axis=1) > 0)
    blocks = np.where(inside, INSIDE, OUTSIDE).astype(np.int32)
    blocks[stored[~kept]] = np.where(levels[~kept, 0] < 0, INSIDE, OUTSIDE)
    blocks[stored[kept]] = np.arange(kept.sum())
    return Grid(blocks.reshape(BLOCKS, BLOCKS, BLOCKS), levels[kept], color[kept])


def _cell_offsets() -> Float[np.ndarray, "64 3"]:
    """Middles of a block's cells from the block's own, by x, y and z."""
    axis = np.arange(BLOCK)
    cells = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    return (cells + 0.5 - BLOCK / 2) * CELL


def _sides(
    truth: Truth,
    points: Float[np.ndarray, "points 3"],
    distance: Float[np.ndarray, " points"],
    inside: Bool[np.ndarray, " stored"],
) -> Bool[np.ndarray, " points"]:
    """Whether each of the stored blocks' cells is inside; ``inside`` says so of their middles."""
    apart = np.linalg.norm(_cell_offsets(), axis=1)
    reach = distance.reshape(-1, BLOCK**3)
    # A cell that is farther from the surface than from the block's middle has the middle's side.
    known = reach > apart
    side = np.repeat(inside[:, None], BLOCK**3, axis=1)
    open_ = np.flatnonzero(~known.reshape(-1))
    flat = side.reshape(-1)
    flat[open_] = truth.inside(points[open_])
    return flat


def lookup(
    grid: Grid, points: Float[np.ndarray, "points 3"]
) -> tuple[Float[np.ndarray, " points"], Float[np.ndarray, "points 3"]]:
    """Signed distance, clipped to the band, and color in [0, 1]; one model, by numpy.

    ``training.library.assets`` reads many models at once in torch; tests hold it to this.
    """
    place = ((points + 1.0) / CELL - 0.5).clip(0.0, CELLS - 1.0)
    first = np.floor(place).astype(np.int64).clip(0, CELLS - 2)
    share = place - first
    distance, color, weight = np.zeros(len(points)), np.zeros((len(points), 3)), 0.0
    for corner in np.ndindex(2, 2, 2):
        factor = np.prod(np.where(corner, share, 1.0 - share), axis=1)
        value, paint, real = _cell(grid, first + corner)
        distance = distance + factor * value
        color = color + (factor * real)[:, None] * paint
        weight = weight + factor * real
    return distance * LEVEL, color / np.maximum(weight, 1e-6)[:, None] / 255.0


def _cell(
    grid: Grid, cell: Int[np.ndarray, "points 3"]
) -> tuple[
    Float[np.ndarray, " points"], Float[np.ndarray, "points 3"], Bool[np.ndarray, " points"]
]:
    block, within = cell // BLOCK, cell % BLOCK
    index = grid.blocks[block[:, 0], block[:, 1], block[:, 2]]
    real = index >= 0
    place = (within[:, 0] * BLOCK + within[:, 1]) * BLOCK + within[:, 2]
    row = np.where(real, index, 0)
    if len(grid.distance) == 0:
        return np.where(index == INSIDE, -127.0, 127.0), np.zeros((len(cell), 3)), real
    value = np.where(real, grid.distance[row, place], np.where(index == INSIDE, -127.0, 127.0))
    return value, grid.color[row, place].astype(float), real
