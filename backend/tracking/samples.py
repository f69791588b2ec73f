"""Points spread evenly over a surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..field_reader import Points
from ..shapes import Float, Int
from ..surface.geometry import face_areas, face_crosses, normalise
from ..surface.topology import Faces, Vertices


@dataclass(frozen=True)
class Samples:
    points: Points
    normals: Float[np.ndarray, "samples 3"]
    face: Int[np.ndarray, " samples"]
    """The face on which each sample lies."""


def sample_surface(
    vertices: Vertices, faces: Faces, count: int, generator: np.random.Generator
) -> Samples:
    """Points evenly over the surface, with the normals of their faces."""
    points, face, _ = place_samples(vertices, faces, count, generator)
    normals = normalise(face_crosses(vertices.astype(np.float64), faces))[face]
    return Samples(points, normals, face)


def place_samples(
    vertices: Vertices, faces: Faces, count: int, generator: np.random.Generator
) -> tuple[Points, Int[np.ndarray, " samples"], Float[np.ndarray, "samples 3"]]:
    """Points evenly over the surface, the face of each, and its shares of the face's corners."""
    edges = np.cumsum(face_areas(vertices, faces).astype(np.float64))
    # One in each of equal shares of the area: less noise than independent ones.
    place = (np.arange(count) + generator.random(count)) * (edges[-1] / count)
    face = np.searchsorted(edges, place).clip(0, len(faces) - 1)
    u, v = generator.random((2, count))
    over = u + v > 1.0
    u, v = np.where(over, 1.0 - u, u), np.where(over, 1.0 - v, v)
    shares = np.stack([1.0 - u - v, u, v], axis=1)
    corners = vertices[faces[face]].astype(np.float64)
    return (corners * shares[:, :, None]).sum(axis=1), face, shares
