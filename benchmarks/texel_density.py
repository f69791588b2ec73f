"""Texels where colors change, against the same everywhere: how near textures come to their fields.

    python benchmarks/texel_density.py [--objects 20] [--json FILE] [--picture docs/images/x.jpg]

Prompts of every bundled checkpoint, drawn by seed: as many of the toybox as ``--objects`` says, as
many of props, and about half as many of the chains'. Each is one mesh with two layouts, whose
textures are baked and read between their texels at points all over the surface, and compared with
the field there: PSNR, and the values below which 95, 99 and 99.9% of the points are off in their
worst channel, in steps of a byte. ``texels`` is the share of the texture that charts cover,
``uneven`` the 95th percentile over the 5th of the texture's area an area of surface.

The picture shows the field and both textures from 30 cm, where colors change most in three objects:
the middle of each picture, twice as large.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # see backend/process_tuning.py

import numpy as np
from PIL import Image

from backend.atlas.bake import bake
from backend.atlas.detail import squared_slopes, texel_scale
from backend.atlas.unwrap import unwrap
from backend.engine import Engine
from backend.field_reader import Reader
from backend.mesh_pipeline import PipelineConfig, surface
from backend.progress import CancelToken, Stages
from backend.protocol.options import MeshOptions
from backend.surface.geometry import face_areas, vertex_normals
from backend.surface.project import newton
from backend.surface.topology import links
from backend.textured_mesh import GeneratedMesh
from benchmarks.pictures import (
    SIZE,
    Camera,
    bilinear,
    decibels,
    finer_near,
    of_field,
    of_mesh,
    over_white,
    surface_of,
)
from benchmarks.unwrap import distortions, weighted

ROOT = Path(__file__).resolve().parent.parent
CHAINS = ("tree-seasons", "cottage-tudor", "baby-dragon", "vehicles")
POINTS, REACH = 60_000, 0.02
SHOWN = (
    ("toybox", "a rabbit playing the guitar"),
    ("toybox", "a tiger riding a bike"),
    ("cottage-tudor", "a tudor house"),
)
DISTANCE, FINE, NEAR = 0.3, 256, 0.25


@dataclass(frozen=True)
class Made:
    """One object, with a texture whose texels lie the same everywhere and one where they do not."""

    reader: Reader
    even: GeneratedMesh
    dense: GeneratedMesh


def made(engine: Engine, prompt: str) -> Made:
    """As the pipeline makes it."""
    reader, options = Reader(engine.field(prompt)[0], CancelToken()), MeshOptions()
    vertices, faces, _ = surface(reader, options, PipelineConfig(), Stages())
    found = []
    for scale in (None, texel_scale(reader, vertices, faces)):
        size = options.texture_size
        uvs = unwrap(vertices, faces, size, reader.cancel, "own", scale).uvs
        texture = bake(reader, vertices, faces, uvs, size, with_normals=False).color
        found.append(GeneratedMesh(vertices, faces, uvs, texture))
    return Made(reader, *found)


def drawn(objects: int) -> Iterator[tuple[str, str, Made]]:
    """Kind of checkpoint, prompt, object."""
    for name in ("toybox", "props", *CHAINS):
        engine = Engine(ROOT / "checkpoints" / f"{name}.safetensors", "cpu")
        prompts = list(engine.checkpoint.metadata.prompts)
        count = objects if name not in CHAINS else -(-objects // (2 * len(CHAINS)))
        for prompt in random.Random(0).sample(prompts, min(count, len(prompts))):
            yield "chains" if name in CHAINS else name, prompt, made(engine, prompt)


def measure(reader: Reader, mesh: GeneratedMesh) -> dict[str, float]:
    """All figures of one layout."""
    draw = np.random.default_rng(0)
    area = face_areas(mesh.vertices.astype(np.float64), mesh.faces)
    face = draw.choice(len(mesh.faces), POINTS, p=area / area.sum())
    share = draw.dirichlet(np.ones(3), POINTS)[:, :, None]
    points = (mesh.vertices[mesh.faces[face]] * share).sum(axis=1).astype(np.float32)
    truth = reader.color(newton(reader, points, 1, REACH))
    off = bilinear(mesh.texture, (mesh.uvs[face] * share).sum(axis=1)) - truth
    worst = 255.0 * np.abs(off).max(axis=1)
    _, density = distortions(mesh.vertices, mesh.faces, mesh.uvs)
    sound = area > 1e-4 * area.mean()
    density, weights = density[sound], area[sound]
    return {
        "psnr": decibels(off),
        "p95": float(np.quantile(worst, 0.95)),
        "p99": float(np.quantile(worst, 0.99)),
        "p99.9": float(np.quantile(worst, 0.999)),
        "texels": float((density * weights).sum()),
        "uneven": weighted(density, weights, 0.95) / max(weighted(density, weights, 0.05), 1e-12),
    }


def close(found: Made) -> list[np.ndarray]:
    """Pictures of the field and of both meshes where colors change most, seen straight on."""
    mesh, reader = found.even, found.reader
    slopes = squared_slopes(reader, mesh.vertices, mesh.faces)
    joined = links(mesh.faces, len(slopes))
    for _ in range(8):
        slopes = 0.5 * slopes + 0.5 * (joined @ slopes) / np.asarray(joined.sum(axis=1)).ravel()
    normals = vertex_normals(mesh.vertices.astype(np.float64), mesh.faces)
    slopes[normals[:, 1] > -0.7] = 0.0  # what looks forwards
    place = mesh.vertices[slopes.argmax()].astype(np.float64)
    camera = Camera(place + DISTANCE * normals[slopes.argmax()], place)
    fine = finer_near(reader, surface_of(reader, FINE), place, NEAR)
    pictures = [of_field(reader, fine, camera), of_mesh(mesh, camera), of_mesh(found.dense, camera)]
    middle = slice(SIZE // 4, SIZE - SIZE // 4)
    return [
        over_white(picture).reshape(SIZE, SIZE, 3)[middle, middle].repeat(2, 0).repeat(2, 1)
        for picture in pictures
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--objects", type=int, default=20)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path)
    arguments = parser.parse_args()
    if arguments.picture:
        rows = []
        for name, prompt in SHOWN:
            engine = Engine(ROOT / "checkpoints" / f"{name}.safetensors", "cpu")
            rows.append(np.concatenate(close(made(engine, prompt)), axis=1))
        sheet = np.rint(255 * np.concatenate(rows)).astype(np.uint8)
        Image.fromarray(sheet).save(arguments.picture, quality=92)
    if not arguments.objects:
        return
    rows = []
    for kind, prompt, found in drawn(arguments.objects):
        both = {way: measure(found.reader, getattr(found, way)) for way in ("even", "dense")}
        rows.append({"kind": kind, "prompt": prompt, **both})
        print(".", end="", flush=True, file=sys.stderr)
    print(file=sys.stderr)
    means = {
        kind: {
            way: {
                figure: float(np.mean([row[way][figure] for row in rows if row["kind"] == kind]))
                for figure in rows[0][way]
            }
            for way in ("even", "dense")
        }
        for kind in ("toybox", "props", "chains")
    }
    for kind, ways in means.items():
        for way, figures in ways.items():
            cells = "  ".join(f"{name} {value:.3g}" for name, value in figures.items())
            print(f"{kind:7} {way:6} {cells}")
    if arguments.json:
        arguments.json.write_text(json.dumps({"means": means, "objects": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
