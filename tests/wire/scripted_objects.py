"""What the scripted backend makes: a cube of a prompt, and of a chain a ball whose size and color
depend on the prompts. Needs numpy only."""

from __future__ import annotations

import zlib

import numpy as np

SIZE = 32
"""Pixels of the edge of a chain's textures."""


def cube(texture_size: int) -> dict[str, np.ndarray]:
    """A textured cube of one metre on the ground: 8 vertices, 12 triangles."""
    corners = [(x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (0.0, 1.0)]
    faces = [
        (0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1),
        (2, 3, 7), (2, 7, 6), (0, 2, 6), (0, 6, 4), (1, 5, 7), (1, 7, 3),
    ]  # fmt: skip
    texture = np.empty((texture_size, texture_size, 3), np.uint8)
    texture[:] = (200, 120, 80)
    return {
        "vertices": np.array(corners, np.float32),
        "faces": np.array(faces, np.int32),
        "uvs": np.tile(np.array([[0, 0], [1, 0], [1, 1]], np.float32), (len(faces), 1, 1)),
        "texture": texture,
    }


def radius(prompt: str) -> float:
    return 0.3 + 0.4 * (zlib.crc32(prompt.encode()) % 1000) / 1000


def color(prompt: str) -> np.ndarray:
    return np.frombuffer(zlib.crc32(prompt.encode()).to_bytes(4, "little"), np.uint8)[:3]


def ball(rows: int = 8, columns: int = 12) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit directions f32[V,3], faces i32[F,3], uvs f32[F,3,2]."""
    polar = np.linspace(0.2, np.pi - 0.2, rows)
    azimuth = np.linspace(0, 2 * np.pi, columns, endpoint=False)
    p, a = np.meshgrid(polar, azimuth, indexing="ij")
    points = np.stack([np.sin(p) * np.cos(a), np.sin(p) * np.sin(a), np.cos(p)], -1)
    faces, uvs = [], []
    for i in range(rows - 1):
        for j in range(columns):
            corners = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)]
            for triangle in ((0, 1, 2), (0, 2, 3)):
                chosen = [corners[k] for k in triangle]
                faces.append([r * columns + k % columns for r, k in chosen])
                uvs.append([(k / columns, r / (rows - 1)) for r, k in chosen])
    return (
        points.reshape(-1, 3).astype(np.float32),
        np.array(faces, np.int32),
        np.array(uvs, np.float32),
    )


def chain_arrays(prompts: list[str], keys: int) -> dict[str, np.ndarray]:
    """Between two prompts one key in the middle that is not a blend: the ball is a lens there."""
    directions, faces, uvs = ball()
    step = 1.0 if keys < 3 else 0.5
    alphas = np.arange(0, len(prompts) - 1 + step / 2, step, dtype=np.float32)
    positions, textures = [], []
    for alpha in alphas:
        first = min(int(alpha), len(prompts) - 2)
        share = alpha - first
        one, other = prompts[first], prompts[first + 1]
        size = radius(one) * (1 - share) + radius(other) * share
        squash = np.array([1, 1, 1 - share * (1 - share)], np.float32)
        positions.append(directions * squash * np.float32(size))
        mixed = color(one) * (1.0 - share) + color(other) * float(share)
        texture = np.tile(mixed.astype(np.uint8), (SIZE, SIZE, 1))
        texture[: SIZE // 2, :, 0] = 255 if share == 0.5 else texture[0, 0, 0]
        textures.append(texture)
    return {
        "faces": faces,
        "uvs": uvs,
        "positions": np.stack(positions).astype(np.float32),
        "alphas": alphas,
        "textures": np.stack(textures),
    }
