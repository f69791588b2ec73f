"""Pictures of a field for people, in numpy: a camera that goes around it, and a light beside it.

The same pictures as ``render_field``'s with ``orbit`` and ``headlight``, whose conventions hold
here. Two things make them quick on a processor: samples in cells of a coarse grid that hold next to
nothing are not read, and rays end where nothing behind is seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..field_reader import Field, Points, Reader
from ..progress import CancelToken
from ..shapes import Bool, Float
from ..surface.refine import cells_above
from . import AMBIENT, DIFFUSE, Shading

ELEVATION, DISTANCE, FOCAL = 15.0, 3.0, 1.35
"""Degrees above the horizon, metres from the origin, image widths."""
LIGHT = np.array([-0.4, 0.5, -1.0])
"""Where the light is: right, up and into the picture, seen from the origin."""
LIGHT_DISTANCE = 3.0
SAMPLES = 128
"""Samples a ray."""
BLOCK = 8
"""Samples of a ray that are read at once."""
RAYS = 1 << 16
"""Rays that are followed at once."""
NEGLIGIBLE = 1e-3
"""A density, per metre; and what is left of a ray's light where it ends."""
CELLS = 64
"""Samples of the coarse grid along each axis."""
NORMAL_STEP = 0.02
"""Step of the differences that give normals, in radii of the bounding ball."""


class Turntable:
    """One object, to be looked at from all around.

    Raises:
        Cancelled: asked to stop.
    """

    def __init__(self, field: Field, cancel: CancelToken | None = None) -> None:
        self._reader = Reader(field, cancel or CancelToken())
        level = math.log(math.expm1(NEGLIGIBLE))
        self._occupied = cells_above(self._reader.dense(CELLS), level)

    def view(
        self, azimuth: float, size: int, shading: Shading = "full"
    ) -> tuple[Float[np.ndarray, "size size 3"], Float[np.ndarray, "size size"]]:
        """A picture over white, sRGB in [0, 1], and its alpha.

        Args:
            azimuth: degrees; 0 is the front, 90 looks at the object's left side.
            size: pixels along each side.
        """
        camera = _Camera.at(azimuth)
        directions = camera.directions(size)
        parts = [
            self._look(camera, directions[first : first + RAYS], shading)
            for first in range(0, len(directions), RAYS)
        ]
        color, alpha = (np.concatenate(part) for part in zip(*parts, strict=True))
        return color.reshape(size, size, 3), alpha.reshape(size, size)

    def _look(
        self, camera: _Camera, directions: Points, shading: Shading
    ) -> tuple[Float[np.ndarray, "rays 3"], Float[np.ndarray, " rays"]]:
        """Shaded color over white, and alpha, of some rays."""
        color, alpha, depth = self._march(camera.position, directions)
        albedo = np.clip(color / np.maximum(alpha, 1e-4)[:, None], 0.0, 1.0)
        hit = alpha > NEGLIGIBLE
        if shading != "albedo":
            points = camera.position + directions[hit] * depth[hit, None]
            normals = self._reader.normals(points, NORMAL_STEP * self._reader.field.bound)
            to_light = camera.light - points
            to_light /= np.maximum(np.linalg.norm(to_light, axis=1, keepdims=True), 1e-6)
            light = AMBIENT + DIFFUSE * np.maximum((normals * to_light).sum(1), 0.0)
            if shading == "textureless":
                albedo[hit] = 1.0
            albedo[hit] = np.clip(albedo[hit] * light[:, None], 0.0, 1.0)
        seen = alpha[:, None]
        return np.clip(albedo * seen + (1.0 - seen), 0.0, 1.0), alpha

    def _march(
        self, origin: Float[np.ndarray, "3"], directions: Points
    ) -> tuple[Float[np.ndarray, "rays 3"], Float[np.ndarray, " rays"], Float[np.ndarray, " rays"]]:
        """Color premultiplied by alpha, alpha, and expected depth (A17)."""
        near, far = _through_ball(origin, directions, self._reader.field.bound)
        step = (far - near) / SAMPLES
        color = np.zeros_like(directions)
        depth = np.zeros_like(near)
        passed = np.ones_like(near)
        for first in range(0, SAMPLES, BLOCK):
            rays = np.flatnonzero((passed > NEGLIGIBLE) & (step > 0.0))
            place = np.arange(first, first + BLOCK, dtype=np.float32) + np.float32(0.5)
            distance = near[rays, None] + step[rays, None] * place
            points = origin + directions[rays][:, None] * distance[:, :, None]
            read = self._may_hold_something(points)
            values, colors = self._reader.sample(points[read])
            optical = np.zeros_like(distance)
            optical[read] = np.logaddexp(values, np.float32(0.0))  # softplus
            optical *= step[rays, None]
            sums = np.cumsum(optical, axis=1)
            weights = passed[rays, None] * np.exp(optical - sums) * -np.expm1(-optical)
            shares = np.zeros_like(points)
            shares[read] = colors * weights[read][:, None]
            color[rays] += shares.sum(1)
            depth[rays] += (weights * distance).sum(1)
            passed[rays] *= np.exp(-sums[:, -1])
        return color, 1.0 - passed, depth + passed * far

    def _may_hold_something(
        self, points: Float[np.ndarray, "rays samples 3"]
    ) -> Bool[np.ndarray, "rays samples"]:
        cells = len(self._occupied)
        scale = np.float32(0.5 * cells / self._reader.field.bound)
        cell = (points * scale + np.float32(0.5 * cells)).astype(np.int32)
        np.clip(cell, 0, cells - 1, out=cell)
        return self._occupied[cell[..., 0], cell[..., 1], cell[..., 2]]


@dataclass(frozen=True)
class _Camera:
    """Looks at the origin with z up."""

    position: Float[np.ndarray, "3"]
    axes: Float[np.ndarray, "3 3"]
    """Directions to the right, up, and into the picture; rows."""

    @classmethod
    def at(cls, azimuth: float) -> _Camera:
        turn, rise = math.radians(azimuth), math.radians(ELEVATION)
        flat = math.cos(rise)
        out = np.array([math.sin(turn) * flat, -math.cos(turn) * flat, math.sin(rise)])
        right = np.array([math.cos(turn), math.sin(turn), 0.0])
        axes = np.stack([right, np.cross(right, -out), -out])
        return cls((DISTANCE * out).astype(np.float32), axes.astype(np.float32))

    @property
    def light(self) -> Float[np.ndarray, "3"]:
        return (LIGHT_DISTANCE / np.linalg.norm(LIGHT) * LIGHT @ self.axes).astype(np.float32)

    def directions(self, size: int) -> Float[np.ndarray, "pixels 3"]:
        """Unit vectors through the pixels' centres, rows from the top."""
        line = ((np.arange(size) + 0.5) / size - 0.5).astype(np.float32)
        across = np.stack([np.tile(line, size), -np.repeat(line, size)], axis=1)
        rays = across @ self.axes[:2] + np.float32(FOCAL) * self.axes[2]
        return rays / np.linalg.norm(rays, axis=1, keepdims=True)


def _through_ball(
    origin: Float[np.ndarray, "3"], directions: Points, radius: float
) -> tuple[Float[np.ndarray, " rays"], Float[np.ndarray, " rays"]]:
    """Distances at which rays enter and leave the ball around the origin; equal where they miss."""
    middle = -(directions @ origin)
    closest = np.square(origin + middle[:, None] * directions).sum(1)
    half = np.sqrt(np.maximum(np.float32(radius**2) - closest, 0.0))
    return np.maximum(middle - half, 0.0), np.maximum(middle + half, 0.0)
