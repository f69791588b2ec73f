"""What a field is to everything that makes meshes and pictures of it, and reading one in chunks
short enough to cancel between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np

from .progress import CancelToken
from .shapes import Float

CHUNK = 1 << 17
"""Points read between two looks at the cancel token: at most about 100 ms on one core."""

Points = Float[np.ndarray, "points 3"]


@runtime_checkable
class Field(Protocol):
    """One prompt's object: pre-density and color in space, independent of text.

    Points are in metres, in Blender's axes, float32. :class:`backend.inference.field.NumpyField`
    computes it on the processor, :class:`backend.accelerator.TorchField` with torch.
    """

    @property
    def bound(self) -> float:
        """Radius of the bounding ball, metres."""
        ...

    @property
    def level(self) -> float:
        """Pre-density on the surface."""
        ...

    @property
    def density_scale(self) -> float:
        """How many times faster than the model's default the pre-density may change."""
        ...

    def pre_density(self, points: Points) -> Float[np.ndarray, " points"]: ...

    def sample(
        self, points: Points
    ) -> tuple[Float[np.ndarray, " points"], Float[np.ndarray, "points 3"]]:
        """Pre-density, and sRGB color in [0, 1]."""
        ...

    def lattice(
        self, x: Float[np.ndarray, " nx"], y: Float[np.ndarray, " ny"], z: Float[np.ndarray, " nz"]
    ) -> Float[np.ndarray, "nx ny nz"]:
        """Pre-density at every point of the axis-aligned grid ``x * y * z``."""
        ...


class Reader:
    """A field, read so that it can be cancelled.

    Every method raises ``Cancelled`` when asked to stop.
    """

    def __init__(self, field: Field, cancel: CancelToken) -> None:
        self.field = field
        self.cancel = cancel

    def pre_density(self, points: Points) -> Float[np.ndarray, " points"]:
        return self._read(points, self.field.pre_density, ())

    def color(self, points: Points) -> Float[np.ndarray, "points 3"]:
        """sRGB, in [0, 1]."""
        return self._read(points, lambda part: self.field.sample(part)[1], (3,))

    def sample(
        self, points: Points
    ) -> tuple[Float[np.ndarray, " points"], Float[np.ndarray, "points 3"]]:
        """Pre-density, and sRGB color in [0, 1]."""

        def both(part: Points) -> np.ndarray:
            density, color = self.field.sample(part)
            return np.column_stack([density, color])

        joined = self._read(points, both, (4,))
        return joined[:, 0], joined[:, 1:]

    def gradient(self, points: Points, h: float) -> Float[np.ndarray, "points 3"]:
        """Central differences of the pre-density with step ``h`` metres.

        A trilinear field's own gradient jumps at every cell; a step of about a cell smooths it.
        """
        steps = np.eye(3, dtype=np.float32) * np.float32(h)
        both = np.concatenate([steps, -steps])
        around = points.astype(np.float32)[:, None] + both
        values = self.pre_density(around.reshape(-1, 3)).reshape(-1, 2, 3)
        return (values[:, 0] - values[:, 1]) / np.float32(2 * h)

    def normals(self, points: Points, h: float) -> Float[np.ndarray, "points 3"]:
        """Unit vectors towards lower density: outwards on the surface."""
        gradient = self.gradient(points, h)
        length = np.linalg.norm(gradient, axis=1, keepdims=True)
        return -gradient / np.maximum(length, 1e-12)

    def dense(self, resolution: int) -> Float[np.ndarray, "resolution resolution resolution"]:
        """Pre-density on ``linspace(-bound, bound, resolution)`` per axis, indexed [x, y, z]."""
        line = np.linspace(-self.field.bound, self.field.bound, resolution, dtype=np.float32)
        result = np.empty((resolution,) * 3, dtype=np.float32)
        slab = max(1, CHUNK // resolution**2)
        for first in range(0, resolution, slab):
            self.cancel.check()
            part = slice(first, first + slab)
            result[part] = self.field.lattice(line[part], line, line)
        return result

    def _read(
        self,
        points: Points,
        function: Callable[[Points], np.ndarray],
        shape: tuple[int, ...],
    ) -> Float[np.ndarray, "..."]:
        result = np.empty((len(points), *shape), dtype=np.float32)
        for first in range(0, len(points), CHUNK):
            self.cancel.check()
            part = points[first : first + CHUNK]
            result[first : first + CHUNK] = function(np.ascontiguousarray(part, dtype=np.float32))
        return result
