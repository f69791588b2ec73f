"""Pictures of a field and of textured meshes through one camera, and how far apart they are.

Unlit: a pixel is the color of the field at the point of its surface that the pixel shows, or of the
mesh's texture there, bilinear. What light would do depends on whose light it is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from backend.atlas.rasterize import nearest
from backend.atlas.texels import refine
from backend.field_reader import Reader
from backend.surface.clean import CleanConfig, drop_specks_and_cavities
from backend.surface.contour import contour
from backend.surface.project import newton
from backend.surface.refine import finer_grid, near_surface
from backend.surface.topology import compact, triangulated

FOCAL = 1.35
"""Image widths."""
SIZE = 384
"""Pixels of a side."""

Surface = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Camera:
    """Where the eye is and what it looks at, metres; z is up."""

    eye: np.ndarray
    target: np.ndarray

    def frame(self) -> np.ndarray:
        """Rows: right, up, forward."""
        forward = self.target - self.eye
        forward = forward / np.linalg.norm(forward)
        right = np.cross(forward, [0.0, 0.0, 1.0])
        right /= np.linalg.norm(right)
        return np.stack([right, np.cross(right, forward), forward])


def around(surface: Surface, views: int) -> list[Camera]:
    """Cameras that see the whole object, from all sides and alternately from above and below."""
    vertices = surface[0].astype(np.float64)
    middle = 0.5 * (vertices.min(axis=0) + vertices.max(axis=0))
    distance = (
        1.03 * np.linalg.norm(vertices - middle, axis=1).max() / np.sin(np.arctan(0.5 / FOCAL))
    )
    cameras = []
    for k in range(views):
        turn, lift = 2.0 * np.pi * (k + 0.1) / views, np.radians(25.0 if k % 2 else -5.0)
        flat = np.cos(lift) * np.array([np.sin(turn), -np.cos(turn)])
        cameras.append(Camera(middle + distance * np.array([*flat, np.sin(lift)]), middle))
    return cameras


def surface_of(reader: Reader, resolution: int) -> Surface:
    """The field's surface with every face of a grid of ``resolution`` samples, on the surface."""
    field, cancel = reader.field, reader.cancel
    grid = finer_grid(reader, near_surface(reader, resolution // 2, 72, 20.0), resolution)
    found = contour(grid, field.level, field.bound, cancel)
    vertices, faces, *_ = drop_specks_and_cavities(*found, CleanConfig(), cancel)
    return newton(reader, vertices.astype(np.float32), 2, 0.01), faces


def finer_near(reader: Reader, surface: Surface, place: np.ndarray, radius: float) -> Surface:
    """The surface with its faces around a place in four."""
    vertices, faces = surface
    near = (np.linalg.norm(vertices - place, axis=1) < radius)[faces].all(axis=1)
    some, own = compact(vertices, faces[near])
    some, own, _ = refine(some, own, np.zeros((len(own), 3, 0)))
    some = newton(reader, some.astype(np.float32), 2, 0.01)
    return np.concatenate([vertices, some]), np.concatenate([faces[~near], own + len(vertices)])


def seen(surface: Surface, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """The face that each pixel shows, or -1, and the weights of its corners there."""
    vertices, faces = surface[0].astype(np.float64), surface[1]
    right, up, away = ((vertices - camera.eye) @ camera.frame().T).T
    inverse = 1.0 / np.maximum(away, 1e-3)
    flat = np.stack([right, -up], axis=1)
    pixels = (FOCAL * flat * inverse[:, None] + 0.5) * SIZE
    before = np.flatnonzero((away[faces] > 0.02).all(axis=1))
    corners = pixels[faces[before]]
    near = (corners.max(axis=1) > 0).all(axis=1) & (corners.min(axis=1) < SIZE).all(axis=1)
    before, corners = before[near], corners[near]
    found, _ = nearest(corners, inverse[faces[before]], SIZE)
    hit = np.flatnonzero(found >= 0)
    a, b, c = (corners[found[hit], k] for k in range(3))
    row, column = np.divmod(hit, SIZE)
    p = np.stack([column + 0.5, row + 0.5], axis=1)

    def cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]

    shares = np.stack([cross(b - p, c - p), cross(c - p, a - p), cross(a - p, b - p)], axis=1)
    shares = shares * inverse[faces[before[found[hit]]]]
    face = np.full(SIZE * SIZE, -1)
    face[hit] = before[found[hit]]
    weights = np.zeros((SIZE * SIZE, 3))
    weights[hit] = shares / shares.sum(axis=1, keepdims=True)
    return face, weights


def of_field(reader: Reader, surface: Surface, camera: Camera) -> np.ndarray:
    """A picture of a surface in the field's colors, RGBA in [0, 1]."""
    face, weights = seen(surface, camera)
    hit = face >= 0
    points = (surface[0][surface[1][face[hit]]] * weights[hit][:, :, None]).sum(axis=1)
    picture = np.zeros((SIZE * SIZE, 4))
    picture[hit, :3] = reader.color(newton(reader, points.astype(np.float32), 2, 0.01))
    picture[hit, 3] = 1.0
    return picture


def of_mesh(mesh: Any, camera: Camera) -> np.ndarray:
    """A picture of a mesh with its texture, RGBA in [0, 1]."""
    faces, uvs = triangulated(mesh.faces), triangulated(mesh.uvs)
    face, weights = seen((mesh.vertices, faces), camera)
    hit = face >= 0
    uv = (uvs[face[hit]] * weights[hit][:, :, None]).sum(axis=1)
    picture = np.zeros((SIZE * SIZE, 4))
    picture[hit, :3], picture[hit, 3] = bilinear(mesh.texture, uv), 1.0
    return picture


def bilinear(texture: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """A texture's colors between its texels, in [0, 1], at UVs (v up)."""
    size = texture.shape[0]
    place = np.stack([(1.0 - uv[:, 1]) * size, uv[:, 0] * size], axis=1) - 0.5
    first = np.floor(place).astype(int)
    share = place - first
    color = np.zeros((len(uv), 3))
    for i in (0, 1):
        for j in (0, 1):
            row, column = (first + np.array([i, j])).clip(0, size - 1).T
            part = np.abs(1 - i - share[:, 0]) * np.abs(1 - j - share[:, 1])
            color += part[:, None] * texture[row, column] / 255.0
    return color


def compare(reader: Reader, truth: np.ndarray, mesh: Any, camera: Camera) -> dict[str, float]:
    """A mesh's picture against the field's.

    Returns:
        ``psnr``, dB, of all pixels that show the object in either; ``texture``, dB, that of the
        mesh's colors against the field's at the same points, whatever the shape; ``outline``, the
        share of the pixels of the object that only one of the two shows.
    """
    shown = of_mesh(mesh, camera)
    painted = of_field(reader, (mesh.vertices, triangulated(mesh.faces)), camera)
    either = (shown[:, 3] + truth[:, 3]) > 0.0
    difference = over_white(shown)[either] - over_white(truth)[either]
    texture = (shown - painted)[shown[:, 3] > 0.0, :3]
    return {
        "psnr": decibels(difference),
        "texture": decibels(texture),
        "outline": float((shown[:, 3] != truth[:, 3]).sum() / max(truth[:, 3].sum(), 1.0)),
    }


def decibels(difference: np.ndarray) -> float:
    """PSNR of differences of values in [0, 1]."""
    return float(-10.0 * np.log10(max(float((difference**2).mean()), 1e-10)))


def over_white(picture: np.ndarray) -> np.ndarray:
    return picture[:, :3] * picture[:, 3:] + 1.0 - picture[:, 3:]


def write(
    numbers: Path | None, found: dict[str, Any], picture: Path | None, rows: list[np.ndarray]
) -> None:
    """Keep figures as JSON, and rows of pictures in [0, 1] as one, where a file is named."""
    if numbers:
        numbers.write_text(json.dumps(found, indent=1) + "\n")
    if picture:
        sheet = np.rint(255 * np.concatenate(rows)).astype(np.uint8)
        Image.fromarray(sheet).save(picture, quality=90)
