"""A small picture of a textured mesh, drawn with numpy: for thumbnails and asset previews. No bpy.

The surface is covered with points, several to a pixel, and the nearest point wins. It needs no
window, no graphics card and no other process, takes some hundredths of a second, and looks the same
on every machine.
"""

from __future__ import annotations

import numpy as np

AZIMUTH, ELEVATION = 0.5, 0.32
"""Radians: where the viewer stands, from the front (-y) towards +x, and above the floor."""
MARGIN = 0.06
"""The empty border on each side, as a share of the picture's width."""
_SAMPLES_A_PIXEL = 5.0
_MOST_A_FACE = 1 << 14
_MOST = 1 << 21
"""Points altogether: a limit for meshes whose faces are each smaller than a pixel."""
_LIGHT = (-0.35, -0.25, 0.9)
"""Towards the light, in the viewer's axes: right, away, up."""


def draw(
    vertices: np.ndarray, faces: np.ndarray, uvs: np.ndarray, texture: np.ndarray, size: int
) -> np.ndarray:
    """Draw a mesh from the front, a little from the right and above, filling the picture.

    Args:
        vertices: f32[V, 3], z up, the front along -y.
        faces: i32[F, 3], at least one.
        uvs: f32[F, 3, 2] per corner, (0, 0) at the lower left.
        texture: u8[S, S, 3], sRGB, top row first.
        size: width and height in pixels.

    Returns:
        u8[size, size, 4], top row first; transparent where there is no mesh.
    """
    big = 2 * size  # drawn twice as large, then averaged
    points = _turned(np.asarray(vertices, np.float64))
    flat = points[:, [0, 2]]
    low, high = flat.min(0), flat.max(0)
    scale = big * (1 - 2 * MARGIN) / max(float((high - low).max()), 1e-9)
    points = (points - np.array([(low + high)[0] / 2, 0, (low + high)[1] / 2])) * scale
    corners = points[faces]
    shade = _shade(points, faces)[faces]

    sides = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.abs(sides[:, 1]) / 2  # in pixels, as seen
    wanted = np.where(sides[:, 1] < 0, np.ceil(_SAMPLES_A_PIXEL * area) + 1, 0)  # the near side
    wanted *= min(1.0, _MOST / max(wanted.sum(), 1))
    counts = np.minimum(wanted, _MOST_A_FACE).astype(np.int64)
    face = np.repeat(np.arange(len(faces)), counts)
    number = np.arange(len(face)) - np.repeat(np.cumsum(counts) - counts, counts)
    weights = _spread(number)[:, :, None]

    where = (corners[face] * weights).sum(1)
    column = np.floor(where[:, 0] + big / 2).astype(np.int64).clip(0, big - 1)
    row = np.floor(big / 2 - where[:, 2]).astype(np.int64).clip(0, big - 1)
    uv = (uvs[face] * weights).sum(1).clip(0, 1)
    height, width = texture.shape[:2]
    u = np.minimum((uv[:, 0] * width).astype(np.int64), width - 1)
    v = np.minimum(((1 - uv[:, 1]) * height).astype(np.int64), height - 1)
    colors = texture[v, u] * (shade[face] * weights[:, :, 0]).sum(1)[:, None]

    order = np.argsort(-where[:, 1], kind="stable")  # what is nearer is written later
    canvas = np.zeros((big * big, 4), np.float32)
    pixel = (row * big + column)[order]
    canvas[pixel, :3] = colors[order]
    canvas[pixel, 3] = 1
    blocks = canvas.reshape(size, 2, size, 2, 4).sum((1, 3))
    covered = blocks[..., 3:]
    blocks[..., :3] /= np.maximum(covered, 1)
    blocks[..., 3] *= 255 / 4
    return blocks.clip(0, 255).round().astype(np.uint8)


def _turned(points: np.ndarray) -> np.ndarray:
    """Points in the viewer's axes: right, away, up."""
    c, s = np.cos(AZIMUTH), np.sin(AZIMUTH)
    right, away = points[:, 0] * c + points[:, 1] * s, points[:, 1] * c - points[:, 0] * s
    c, s = np.cos(ELEVATION), np.sin(ELEVATION)
    up = points[:, 2] * c + away * s
    return np.stack([right, away * c - points[:, 2] * s, up], axis=1)


def _shade(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """How bright each vertex is, from the smooth normals."""
    sides = np.cross(
        points[faces[:, 1]] - points[faces[:, 0]], points[faces[:, 2]] - points[faces[:, 0]]
    )
    normals = np.zeros_like(points)
    for corner in range(3):
        for axis in range(3):
            normals[:, axis] += np.bincount(faces[:, corner], sides[:, axis], len(points))
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    light = np.array(_LIGHT) / np.linalg.norm(_LIGHT)
    return 0.72 + 0.36 * normals @ light


def _spread(number: np.ndarray) -> np.ndarray:
    """Barycentric weights f64[N, 3] of the n-th point of a triangle, evenly spread."""
    a = (0.5 + number * 0.7548776662466927) % 1.0
    b = (0.5 + number * 0.5698402909980532) % 1.0
    outside = a + b > 1
    a, b = np.where(outside, 1 - a, a), np.where(outside, 1 - b, b)
    return np.stack([1 - a - b, a, b], axis=1)
