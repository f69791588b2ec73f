"""Distances between surfaces, without the noise of comparing two sets of samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

CANDIDATES = 12
"""Nearest pieces among which a point's nearest triangle is looked for."""


@dataclass(frozen=True)
class Distance:
    """Two-way distance between two surfaces, metres."""

    mean: float
    """Mean of the two directions' means: the Chamfer distance."""
    p95: float
    """The larger of the two directions' 95th percentiles."""


def chamfer(
    one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray], samples: int = 50_000
) -> Distance:
    """Two-way distance between the meshes (vertices, faces), from random points of each."""
    there = surface_distance(sample(*one, samples), *other)
    back = surface_distance(sample(*other, samples), *one)
    return Distance(
        mean=float((there.mean() + back.mean()) / 2),
        p95=float(max(np.quantile(there, 0.95), np.quantile(back, 0.95))),
    )


def sample(vertices: np.ndarray, faces: np.ndarray, count: int) -> Float[np.ndarray, "count 3"]:
    """Random points of a mesh, uniform over its area; always the same ones."""
    generator = np.random.default_rng(0)
    corners = vertices[faces].astype(np.float64)
    area = np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
    )
    face = generator.choice(len(faces), count, p=area / area.sum())
    u, v = generator.random((2, count, 1))
    u, v = np.where(u + v > 1, 1 - u, u), np.where(u + v > 1, 1 - v, v)
    a, b, c = corners[face].transpose(1, 0, 2)
    return a + u * (b - a) + v * (c - a)


def surface_distance(
    points: Float[np.ndarray, "points 3"], vertices: np.ndarray, faces: np.ndarray
) -> Float[np.ndarray, " points"]:
    """Distance of each point to the mesh's triangles."""
    corners = vertices[faces].astype(np.float64)
    pieces, owner = _pieces(corners, 0.012)
    _, near = cKDTree(pieces.mean(axis=1)).query(points, k=min(CANDIDATES, len(pieces)))
    best = np.full(len(points), np.inf)
    for column in np.atleast_2d(near.T):
        best = np.minimum(best, _point_triangle(points, *corners[owner[column]].transpose(1, 0, 2)))
    return best


def _pieces(
    corners: Float[np.ndarray, "faces 3 3"], largest: float
) -> tuple[Float[np.ndarray, "pieces 3 3"], Int[np.ndarray, " pieces"]]:
    """Triangles split at their longest edge until none is longer than ``largest``."""
    owner = np.arange(len(corners))
    done, owners = [], []
    while len(corners):
        edges = np.linalg.norm(np.roll(corners, -1, axis=1) - corners, axis=2)
        small = edges.max(axis=1) <= largest
        done.append(corners[small])
        owners.append(owner[small])
        corners, owner, edges = corners[~small], owner[~small], edges[~small]
        k = edges.argmax(axis=1)
        rows = np.arange(len(corners))
        a, b, c = (corners[rows, (k + i) % 3] for i in range(3))
        middle = (a + b) / 2
        corners = np.concatenate([np.stack([a, middle, c], 1), np.stack([middle, b, c], 1)])
        owner = np.concatenate([owner, owner])
    return np.concatenate(done), np.concatenate(owners)


def _point_triangle(
    p: np.ndarray, a: np.ndarray, b: np.ndarray, c: np.ndarray
) -> Float[np.ndarray, " points"]:
    """Distances of points to one triangle each."""
    normal = np.cross(b - a, c - a)
    square = np.maximum((normal * normal).sum(1), 1e-30)
    inside = np.ones(len(p), dtype=bool)
    nearest_edge = np.full(len(p), np.inf)
    for x, y in ((a, b), (b, c), (c, a)):
        edge, to_point = y - x, p - x
        inside &= (np.cross(edge, to_point) * normal).sum(1) >= 0
        t = (edge * to_point).sum(1) / np.maximum((edge * edge).sum(1), 1e-30)
        offset = to_point - edge * t.clip(0, 1)[:, None]
        nearest_edge = np.minimum(nearest_edge, np.linalg.norm(offset, axis=1))
    height = np.abs(((p - a) * normal).sum(1)) / np.sqrt(square)
    return np.where(inside, height, nearest_edge)
