"""Random surface points, and looking into a texture as a renderer does."""

from __future__ import annotations

import numpy as np

from backend.surface.geometry import face_areas
from backend.textured_mesh import GeneratedMesh


def surface_points(
    vertices: np.ndarray, faces: np.ndarray, count: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Faces and barycentric coordinates, uniform over the area."""
    generator = np.random.default_rng(seed)
    area = face_areas(vertices, faces)
    face = generator.choice(len(faces), count, p=area / area.sum())
    u, v = generator.random((2, count))
    u, v = np.where(u + v > 1, 1 - u, u), np.where(u + v > 1, 1 - v, v)
    return face, np.stack([1 - u - v, u, v], axis=1)


def at(values: np.ndarray, face: np.ndarray, barycentric: np.ndarray) -> np.ndarray:
    """Interpolate corner values [F, 3, n]."""
    return (values[face] * barycentric[..., None]).sum(1)


def look_up(texture: np.ndarray, uvs: np.ndarray) -> np.ndarray:
    """Bilinear, in [0, 1], v up, clamped at the border: what Blender and glTF viewers do."""
    size = texture.shape[0]
    x = uvs[:, 0] * size - 0.5
    y = (1.0 - uvs[:, 1]) * size - 0.5
    column, row = np.floor(x).astype(int), np.floor(y).astype(int)
    fx, fy = (x - column)[:, None], (y - row)[:, None]

    def texel(r: np.ndarray, c: np.ndarray) -> np.ndarray:
        return texture[r.clip(0, size - 1), c.clip(0, size - 1)] / 255.0

    top = texel(row, column) * (1 - fx) + texel(row, column + 1) * fx
    bottom = texel(row + 1, column) * (1 - fx) + texel(row + 1, column + 1) * fx
    return top * (1 - fy) + bottom * fy


def coverage(mesh: GeneratedMesh, size: int) -> np.ndarray:
    """How many faces cover each texel's centre, found the slow and obvious way."""
    count = np.zeros((size, size), dtype=int)
    corners = mesh.uvs.astype(np.float64) * size
    for a, b, c in corners:
        low = np.floor(np.minimum(np.minimum(a, b), c)).astype(int).clip(0)
        high = np.ceil(np.maximum(np.maximum(a, b), c)).astype(int).clip(0, size)
        x, y = np.meshgrid(np.arange(low[0], high[0]) + 0.5, np.arange(low[1], high[1]) + 0.5)
        inside = np.ones(x.shape, dtype=bool)
        for p, q in ((a, b), (b, c), (c, a)):
            inside &= (q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0]) > 1e-7
        count[low[1] : high[1], low[0] : high[0]] += inside
    return count
