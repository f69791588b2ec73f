"""Which face each pixel of an orthographic view sees: a z-buffer for a few thousand triangles."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..atlas.rasterize import affine, nearest
from ..shapes import Bool, Float, Int
from ..surface.geometry import face_crosses
from ..surface.topology import Faces, Vertices

VIEWS = 12
SIZE = 256


@dataclass(frozen=True)
class View:
    """What one view sees; picture rows run down."""

    face: Int[np.ndarray, "size size"]
    """The nearest face, or -1."""
    behind: Bool[np.ndarray, "size size"]
    """Whether the face that a pixel shows is seen from behind."""
    corners: Float[np.ndarray, "faces 3 2"]
    """Corners of all faces in the picture, pixels."""

    @property
    def covered(self) -> Bool[np.ndarray, "size size"]:
        """Pixels that see the mesh."""
        return self.face >= 0

    def read(self, values: Float[np.ndarray, "faces 3 n"]) -> Float[np.ndarray, "covered n"]:
        """Values at the faces' corners, interpolated at the covered pixels, row by row."""
        return np.einsum("pk,pkn->pn", self._shares, values[self.face[self.covered]])

    @cached_property
    def _shares(self) -> Float[np.ndarray, "covered 3"]:
        """How much of each corner of its face a covered pixel has."""
        row, column = np.nonzero(self.covered)
        corners = self.corners[self.face[row, column]]
        base, slopes = affine(corners, np.broadcast_to(np.eye(3), (len(row), 3, 3)))
        offset = np.stack([column + 0.5, row + 0.5], axis=1) - corners[:, 0]
        return base + np.einsum("pi,pin->pn", offset, slopes)


def directions(count: int = VIEWS) -> Float[np.ndarray, "count 3"]:
    """Unit vectors from the object to the eye: most around it, a few from above and below."""
    index = np.arange(count) + 0.5
    # A golden spiral over the sphere.
    z = 1.0 - 2.0 * index / count
    angle = np.pi * (3.0 - np.sqrt(5.0)) * np.arange(count) - np.pi / 2
    flat = np.sqrt(1.0 - z * z)
    return np.stack([flat * np.cos(angle), flat * np.sin(angle), z], axis=1)


def frame(direction: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 3"]:
    """Rows: right, up, towards the eye."""
    helper = np.array([0.0, 0.0, 1.0]) if abs(direction[2]) < 0.99 else np.array([0.0, 1.0, 0.0])
    right = np.cross(helper, direction)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(direction, right), direction])


def look(
    vertices: Vertices,
    faces: Faces,
    direction: Float[np.ndarray, "3"],
    size: int = SIZE,
    centre: Float[np.ndarray, "3"] | None = None,
    radius: float | None = None,
) -> View:
    """An orthographic view of the mesh.

    Args:
        direction: Unit, from the object to the eye.
        centre, radius: What fills the picture; default: the mesh.
    """
    if centre is None:
        centre = 0.5 * (vertices.min(axis=0) + vertices.max(axis=0)).astype(np.float64)
    if radius is None:
        radius = max(float(np.linalg.norm(vertices - centre, axis=1).max()), 1e-9)
    seen = (vertices - centre) @ frame(direction).T
    scale = 0.48 * size / radius
    flat = np.stack([0.5 * size + scale * seen[:, 0], 0.5 * size - scale * seen[:, 1]], axis=1)
    corners = flat[faces]
    face, _ = nearest(corners, seen[faces][:, :, 2], size)
    away = face_crosses(vertices, faces) @ direction < 0
    behind = (face >= 0) & away[face]
    return View(face.reshape(size, size), behind.reshape(size, size), corners)
