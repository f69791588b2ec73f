"""Reading a field at numpy points, in chunks short enough to cancel between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from .progress import CancelToken
from .shapes import Float

CHUNK = 1 << 17
"""Points read between two looks at the cancel token: at most about 100 ms on one core."""


@runtime_checkable
class MeshableField(Protocol):
    """What the mesh pipeline needs of ``backend.model.Field``."""

    @property
    def bound(self) -> float: ...
    @property
    def level(self) -> float: ...
    @property
    def device(self) -> torch.device: ...
    def pre_density(self, points: Tensor) -> Tensor: ...
    def color(self, points: Tensor) -> Tensor: ...
    def near_surface(self, resolution: int, coarse: int, margin: float) -> Tensor: ...
    def gradient(self, points: Tensor, h: float) -> Tensor: ...


Points = Float[np.ndarray, "points 3"]


class Reader:
    """A field seen from numpy."""

    def __init__(self, field: MeshableField, cancel: CancelToken) -> None:
        self.field = field
        self.cancel = cancel

    def pre_density(self, points: Points) -> Float[np.ndarray, " points"]:
        return self._read(points, self.field.pre_density, ())

    def color(self, points: Points) -> Float[np.ndarray, "points 3"]:
        """sRGB, in [0, 1]."""
        return self._read(points, self.field.color, (3,))

    def gradient(self, points: Points, h: float) -> Float[np.ndarray, "points 3"]:
        return self._read(points, lambda p: self.field.gradient(p, h), (3,), CHUNK // 6)

    def normals(self, points: Points, h: float) -> Float[np.ndarray, "points 3"]:
        """Unit vectors towards lower density: outwards on the surface."""
        gradient = self.gradient(points, h)
        length = np.linalg.norm(gradient, axis=1, keepdims=True)
        return -gradient / np.maximum(length, 1e-12)

    def _read(
        self,
        points: Points,
        function: Callable[[Tensor], Tensor],
        shape: tuple[int, ...],
        chunk: int = CHUNK,
    ) -> Float[np.ndarray, "..."]:
        result = np.empty((len(points), *shape), dtype=np.float32)
        with torch.inference_mode():
            for first in range(0, len(points), chunk):
                self.cancel.check()
                part = torch.from_numpy(np.ascontiguousarray(points[first : first + chunk]))
                part = part.to(self.field.device, torch.float32)
                result[first : first + chunk] = function(part).cpu().numpy()
        return result
