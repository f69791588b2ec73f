"""Where each point of a large solid's surface goes when the solid shrinks to a smaller one inside.

The shell between the two is filled with a harmonic potential, 0 on the large surface and 1 on the
small one. Its field lines do not cross, so following them from one surface to the other keeps
neighbours neighbours and folds nothing: a part that only the large solid has (an ear) flows down
to its root and ends as a disc there; a strand between two parts tears in its middle, each half
ending as a point. Where the two surfaces are one, nothing moves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt, map_coordinates, maximum_filter
from scipy.sparse import csr_matrix, diags, identity
from scipy.sparse.linalg import cg

from ..field_reader import Points
from ..progress import CancelToken
from ..shapes import Bool, Float, Int
from .solids import Solid, parts_holding

NEAREST = 0.15
"""Least share of a voxel between a sample and a boundary that counts: keeps the system regular."""
TOLERANCE = 1e-9
MOST_ITERATIONS = 1500
FADED = -7.0
"""Decimal logarithm of the potential below which it no longer leads the way."""
STEP = 0.5
"""Length of a step along a field line, voxels."""
MOST_STEPS = 1200
WATCHED = 16
"""Steps after which a point that is less than one step from where it was goes round in circles."""
STEEPEST = 3.0
"""Largest value, either way, of a solid between the two surfaces."""


@dataclass(frozen=True)
class Shell:
    """The potential and unit vectors along its gradient, on the box around the large solid."""

    potential: Float[np.ndarray, "a b c"]
    direction: Float[np.ndarray, "3 a b c"]
    corner: Int[np.ndarray, "3"]
    """First voxel of the box."""
    small: Solid


def solve(large: Solid, small: Solid, cancel: CancelToken) -> Shell:
    """The potential's directions between the two surfaces.

    Args:
        large, small: On the same grid; small lies inside large, but for less than a voxel.

    Raises:
        Cancelled: asked to stop.
    """
    inside = large.inside | small.inside
    box, corner = _box(inside)
    outer = np.maximum(large.values, small.values)[box]
    inner = small.values[box]
    free = (outer > 0) & (inner <= 0)
    free &= parts_holding(free | (inner > 0), inner > 0)
    potential = np.where(inner > 0, 1.0, 0.0)
    time = np.zeros_like(potential)
    if free.any():
        system = _System.of(outer, inner, free)
        potential[free] = system.potential(cancel)
        time[free] = system.time(cancel)
    near = _unit_gradient(potential)
    far = _time_direction(time, free, inner > 0)
    # Along a part that is long against its width the potential fades exponentially, soon to less
    # than its error; there the arrival time leads the way.
    known = np.maximum(maximum_filter(potential, 3), 1e-30)
    share = np.clip((np.log10(known) - FADED) / 2.0, 0.0, 1.0)
    direction = share * near + (1.0 - share) * far
    return Shell(potential.astype(np.float32), direction.astype(np.float32), corner, small)


def between(shell: Shell, level: float) -> Solid:
    """The solid where the potential is above ``level`` (between 0 and 1): between the two."""
    small = shell.small
    values = np.full_like(small.values, -STEEPEST)
    ratio = np.maximum(shell.potential, 1e-9) / level
    box = tuple(
        slice(first, first + size)
        for first, size in zip(shell.corner, shell.potential.shape, strict=True)
    )
    # The potential falls exponentially along parts: its logarithm is what is smooth.
    values[box] = np.log(ratio).clip(-STEEPEST, STEEPEST)
    return Solid(np.where(small.inside, np.maximum(values, small.values), values), small.bound)


def flow(
    shell: Shell, points: Points, cancel: CancelToken
) -> tuple[Points, Bool[np.ndarray, " points"]]:
    """Follow the field lines from points on the large surface to the small one.

    Returns:
        Where each ends, and whether it has arrived: a part that the small solid has no share of
        has nowhere to go.

    Raises:
        Cancelled: asked to stop.
    """
    small = shell.small
    position = points.astype(np.float64).copy()
    arrived = small.at(position.astype(np.float32)) >= 0
    active = np.flatnonzero(~arrived)
    step = STEP * small.voxel
    watched = np.full_like(position, np.inf)
    for count in range(MOST_STEPS):
        if count % WATCHED == 0:
            cancel.check()
            moved = np.linalg.norm(position[active] - watched[active], axis=1)
            active = active[moved >= step]
            watched[active] = position[active]
        if not len(active):
            break
        here = position[active]
        first = _direction(shell, here)
        middle = _direction(shell, here + 0.5 * step * first)
        there = here + step * middle
        stuck = (middle**2).sum(1) < 0.01
        value = small.at(there.astype(np.float32))
        done = value >= 0
        if done.any():
            before = small.at(here[done].astype(np.float32))
            share = np.clip(-before / np.maximum(value[done] - before, 1e-9), 0.0, 1.0)
            there[done] = here[done] + share[:, None] * (there[done] - here[done])
        position[active] = there
        arrived[active[done]] = True
        active = active[~(done | stuck)]
    return position, arrived


def _direction(shell: Shell, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    small = shell.small
    place = (points.T + small.bound) / small.voxel - shell.corner[:, None]
    found = np.stack(
        [
            map_coordinates(axis, place, order=1, mode="nearest", prefilter=False)
            for axis in shell.direction
        ],
        axis=1,
    )
    length = np.linalg.norm(found, axis=1, keepdims=True)
    return np.where(length > 1e-3, found / np.maximum(length, 1e-9), 0.0)


def _box(inside: Bool[np.ndarray, "n n n"]) -> tuple[tuple[slice, ...], Int[np.ndarray, "3"]]:
    """The box around the true voxels, with two more on every side."""
    ranges = []
    for others in ((1, 2), (0, 2), (0, 1)):
        found = np.flatnonzero(inside.any(axis=others))
        ranges.append((max(int(found[0]) - 2, 0), min(int(found[-1]) + 3, len(inside))))
    return tuple(slice(*pair) for pair in ranges), np.array([first for first, _ in ranges])


def _unit_gradient(values: Float[np.ndarray, "a b c"]) -> Float[np.ndarray, "3 a b c"]:
    gradient = np.stack(np.gradient(values))
    length = np.linalg.norm(gradient, axis=0)
    return np.divide(gradient, length, out=np.zeros_like(gradient), where=length > 1e-30)


def _time_direction(
    time: Float[np.ndarray, "a b c"],
    free: Bool[np.ndarray, "a b c"],
    goal: Bool[np.ndarray, "a b c"],
) -> Float[np.ndarray, "3 a b c"]:
    """Unit vectors towards earlier arrival. No flow crosses the outer surface: samples beyond it
    repeat the nearest ones inside."""
    inside = free | goal
    nearest = np.asarray(
        distance_transform_edt(~inside, return_distances=False, return_indices=True)
    )
    return _unit_gradient(-time[nearest[0], nearest[1], nearest[2]])


@dataclass(frozen=True)
class _System:
    """Differences between the free voxels; boundaries lie between samples."""

    links: csr_matrix
    """1 between neighbouring free voxels."""
    inner: Float[np.ndarray, " unknowns"]
    """Weights of the links to the small surface ..."""
    outer: Float[np.ndarray, " unknowns"]
    """... and to the large one."""

    @staticmethod
    def of(
        outer: Float[np.ndarray, "a b c"],
        inner: Float[np.ndarray, "a b c"],
        free: Bool[np.ndarray, "a b c"],
    ) -> _System:
        count = int(free.sum())
        index = np.full(free.shape, -1, dtype=np.int64)
        index[free] = np.arange(count)
        to_inner, to_outer = np.zeros(count), np.zeros(count)
        rows, columns = [], []
        for axis in range(3):
            for sign in (1, -1):
                there = np.roll(index, -sign, axis)[free]
                linked = there >= 0
                rows.append(np.flatnonzero(linked))
                columns.append(there[linked])
                cut = ~linked
                beyond_in = np.roll(inner, -sign, axis)[free][cut]
                beyond_out = np.roll(outer, -sign, axis)[free][cut]
                reaches = beyond_in > 0
                here = np.where(reaches, inner[free][cut], outer[free][cut])
                beyond = np.where(reaches, beyond_in, beyond_out)
                change = np.where(here == beyond, 1.0, here - beyond)
                weight = 1.0 / np.clip(here / change, NEAREST, 1.0)
                to_inner[cut] += weight * reaches
                to_outer[cut] += weight * ~reaches
        row, column = np.concatenate(rows), np.concatenate(columns)
        links = csr_matrix((np.ones(len(row)), (row, column)), shape=(count, count))
        return _System(links, to_inner, to_outer)

    def potential(self, cancel: CancelToken) -> Float[np.ndarray, " unknowns"]:
        """Harmonic; 0 on the large surface and 1 on the small one."""
        return self._solve(self.outer + self.inner, self.inner, cancel)

    def time(self, cancel: CancelToken) -> Float[np.ndarray, " unknowns"]:
        """Mean arrival time at the small surface of a walk that the large one reflects."""
        return self._solve(self.inner, np.ones(len(self.inner)), cancel)

    def _solve(
        self,
        boundary: Float[np.ndarray, " unknowns"],
        right: Float[np.ndarray, " unknowns"],
        cancel: CancelToken,
    ) -> Float[np.ndarray, " unknowns"]:
        # Scaled by the diagonal on both sides, conjugate gradients need no other preconditioner.
        degree = np.asarray(self.links.sum(axis=1)).reshape(-1)
        scale = 1.0 / np.sqrt(np.maximum(degree + boundary, 1e-12))
        scaling = diags(scale)
        matrix = (identity(len(scale)) - scaling @ self.links @ scaling).tocsr()
        found, _ = cg(
            matrix,
            scale * right,
            rtol=TOLERANCE,
            maxiter=MOST_ITERATIONS,
            callback=lambda _: cancel.check(),
        )
        return scale * found
