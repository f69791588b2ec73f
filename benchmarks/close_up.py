"""How near the mesh comes to the field when one looks at it from 30 cm.

    python benchmarks/close_up.py [--prompt P] [--json FILE] [--picture docs/images/close-up.jpg]

Face, hat and hand, each in a picture of its own: the field (the color at the point of its surface
that a pixel shows), and the meshes of two presets with their textures. PSNR is over the pixels that
show the object in either, of unlit colors; ``outline`` is the share of pixels that only one of the
two shows.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # see backend/process_tuning.py

import numpy as np
from PIL import Image

from backend.atlas.rasterize import nearest
from backend.engine import Engine
from backend.field_reader import Reader
from backend.progress import CancelToken
from backend.protocol.presets import PRESETS
from backend.surface.clean import CleanConfig, drop_specks_and_cavities
from backend.surface.contour import contour
from backend.surface.project import newton
from backend.surface.refine import finer_grid, near_surface
from backend.surface.topology import triangulated

DISTANCE, FOCAL, SIZE = 0.3, 1.35, 384
"""Metres, image widths, pixels."""
FINE = 288
"""Samples along each axis of the surface that stands for the field's."""
SHOWN = ("STANDARD", "DETAILED")


def truth(reader: Reader) -> tuple[np.ndarray, np.ndarray]:
    """The field's surface, every face of it."""
    field, cancel = reader.field, reader.cancel
    grid = finer_grid(reader, near_surface(reader, 144, 72, 20.0), FINE)
    surface = contour(grid, field.level, field.bound, cancel)
    vertices, faces, *_ = drop_specks_and_cavities(*surface, CleanConfig(), cancel)
    return newton(reader, vertices.astype(np.float32), 2, 0.01), faces


def places(vertices: np.ndarray) -> dict[str, np.ndarray]:
    """What is looked at: points of the surface, from the front, by where they are in the object."""
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    height = high[2] - low[2]
    middle = np.abs(vertices[:, 0] - np.median(vertices[:, 0])) < 0.05 * height

    def front(chosen: np.ndarray) -> np.ndarray:
        return vertices[chosen][vertices[chosen][:, 1].argmin()]

    level = (vertices[:, 2] - low[2]) / height
    hand = (level > 0.3) & (level < 0.55)
    return {
        "face": front(middle & (np.abs(level - 0.66) < 0.04)),
        "hat": front(middle & (level > 0.88)),
        "hand": vertices[hand][vertices[hand][:, 0].argmax()],
    }


def seen(
    vertices: np.ndarray, faces: np.ndarray, target: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The face that each pixel shows, or -1, and the weights of its corners there."""
    eye = target - np.array([0.0, DISTANCE, 0.0])
    away = vertices[:, 1] - eye[1]
    inverse = 1.0 / np.maximum(away, 1e-3)
    flat = np.stack([vertices[:, 0] - eye[0], eye[2] - vertices[:, 2]], axis=1)
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


def of_field(reader: Reader, surface: tuple[np.ndarray, np.ndarray], at: np.ndarray) -> np.ndarray:
    """A picture of the field, RGBA in [0, 1]."""
    face, weights = seen(*surface, at)
    hit = face >= 0
    points = (surface[0][surface[1][face[hit]]] * weights[hit][:, :, None]).sum(axis=1)
    picture = np.zeros((SIZE * SIZE, 4))
    picture[hit, :3] = reader.color(newton(reader, points.astype(np.float32), 2, 0.005))
    picture[hit, 3] = 1.0
    return picture


def of_mesh(mesh, at: np.ndarray) -> np.ndarray:
    """A picture of a mesh with its texture, bilinear, RGBA in [0, 1]."""
    faces, uvs = triangulated(mesh.faces), triangulated(mesh.uvs)
    face, weights = seen(mesh.vertices.astype(np.float64), faces, at)
    hit = face >= 0
    uv = (uvs[face[hit]] * weights[hit][:, :, None]).sum(axis=1)
    size = mesh.texture.shape[0]
    place = np.stack([(1.0 - uv[:, 1]) * size, uv[:, 0] * size], axis=1) - 0.5
    first = np.floor(place).astype(int)
    share = place - first
    color = np.zeros((len(uv), 3))
    for i in (0, 1):
        for j in (0, 1):
            row, column = (first + np.array([i, j])).clip(0, size - 1).T
            part = np.abs(1 - i - share[:, 0]) * np.abs(1 - j - share[:, 1])
            color += part[:, None] * mesh.texture[row, column] / 255.0
    picture = np.zeros((SIZE * SIZE, 4))
    picture[hit, :3], picture[hit, 3] = color, 1.0
    return picture


def compare(one: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """PSNR where either shows the object, and how much of the picture only one does."""
    either = (one[:, 3] + other[:, 3]) > 0.0
    over_white = [p[:, :3] * p[:, 3:] + 1.0 - p[:, 3:] for p in (one, other)]
    error = float(((over_white[0] - over_white[1])[either] ** 2).mean())
    outline = float((one[:, 3] != other[:, 3]).mean())
    return {"psnr": round(-10.0 * np.log10(error), 2), "outline": round(outline, 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description="The mesh against the field, from 30 cm.")
    parser.add_argument("--prompt", default="a pig holding a book wearing a tophat")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path)
    arguments = parser.parse_args()
    engine = Engine()
    reader = Reader(engine.field(arguments.prompt)[0], CancelToken())
    surface = truth(reader)
    meshes = {name: engine.generate(arguments.prompt, PRESETS[name].options) for name in SHOWN}
    found: dict[str, dict[str, dict[str, float]]] = {}
    rows = []
    for what, at in places(surface[0]).items():
        pictures = [of_field(reader, surface, at)]
        pictures += [of_mesh(mesh, at) for mesh in meshes.values()]
        scores = [compare(pictures[0], other) for other in pictures[1:]]
        found[what] = dict(zip(SHOWN, scores, strict=True))
        rows.append(np.concatenate([p.reshape(SIZE, SIZE, 4) for p in pictures], axis=1))
        print(what, found[what])
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    if arguments.picture:
        sheet = np.concatenate(rows)
        shown = sheet[..., :3] * sheet[..., 3:] + 1.0 - sheet[..., 3:]
        Image.fromarray(np.rint(255 * shown).astype(np.uint8)).save(arguments.picture, quality=90)


if __name__ == "__main__":
    main()
