"""Pictures to be named by someone who sees nothing else: does a checkpoint draw what was asked for?

    python benchmarks/naming.py checkpoints/props.safetensors --count 100 --seed 0 -o hundred.jpg
    python benchmarks/naming.py checkpoints/props.safetensors --truth LIB -o truth.jpg

Draws prompts at random from all that the checkpoint says it knows, and shows the mesh of each, with
its texture, as it comes out: from the front, and from behind and above. Pictures have numbers; the
prompts are in a text file beside the picture, a line a number, and each pair of pictures by itself
in a folder of the same name, which are not drawn again. Who names them gets no list of words. A
pair stays white if nothing is drawn for its prompt. With ``--truth`` the pictures are of the
library's models themselves: what nobody can name there, no checkpoint can draw so that it is named.

With ``--captions`` it is a sheet to look through: one side of each, with its prompt below.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path
from textwrap import wrap

import numpy as np
import torch
from PIL import Image, ImageDraw
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from backend.engine import Engine
from backend.protocol.errors import BadRequest
from backend.protocol.options import MeshOptions
from backend.rendering.cameras import Cameras
from backend.shapes import UInt8
from backend.surface.geometry import normalise
from backend.surface.topology import triangulated
from backend.textured_mesh import GeneratedMesh
from backend.tracking.appearance import FRAME, Camera, mesh_picture
from training.assets import LibraryConfig, ReferenceAssets
from training.prompts import PromptMix

EYES = np.array([[0.5, -0.8, 0.35], [-0.6, 0.7, 0.6]])
"""From the object to the eye, which is in front and at the right; behind, at the left and above."""
FAR, WIDE = 8.0, 2.2
"""Distance of truths' cameras, and what fills a picture there, metres."""
SHARPER = 4
"""Samples of truths an axis of a pixel."""
LABEL, LINES = 16, 2
"""Pixels below a pair of pictures for its number, or for a line of its prompt, and such lines."""


def pictures(mesh: GeneratedMesh, size: int) -> UInt8[np.ndarray, "size twice 3"]:
    """The mesh from both sides, beside each other."""
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    centre = (0.5 * (low + high)).astype(np.float64)
    radius = FRAME * float(np.linalg.norm(mesh.vertices - centre, axis=1).max())
    shown = mesh.vertices, triangulated(mesh.faces), triangulated(mesh.uvs), mesh.texture
    cameras = [Camera(eye, centre, radius, size) for eye in normalise(EYES)]
    both = [mesh_picture(*shown, camera)[1] for camera in cameras]
    return (255.0 * np.concatenate(both, axis=1)).round().astype(np.uint8)


def drawn_of(engine: Engine, prompt: str, size: int) -> UInt8[np.ndarray, "size twice 3"]:
    """:func:`pictures` of what comes out for a prompt, or white ones."""
    try:
        return pictures(engine.generate(prompt, MeshOptions()), size)
    except BadRequest as error:
        tqdm.write(f"{prompt}: {error.message}")
        return np.full((size, 2 * size, 3), 255, dtype=np.uint8)


def truths(assets: ReferenceAssets, place: int, size: int) -> UInt8[np.ndarray, "size twice 3"]:
    """The model of one of the assets' prompts from about the same sides, in the same frame."""
    x, y, z = torch.from_numpy(EYES.T)
    two = torch.ones(2)
    azimuth, elevation = torch.atan2(x, -y).float(), torch.atan2(z, x.hypot(y)).float()
    cameras = Cameras(azimuth, elevation, FAR * two, FAR / WIDE * two, 0.0 * two)
    both = assets.assets_at(PromptMix.plain([place, place]))
    color, alpha = both.pictures(cameras, SHARPER * size, shading="full")
    shown = []
    for picture, seen in zip(color + 1.0 - alpha[..., None], alpha, strict=True):
        rows, columns = (np.flatnonzero(np.asarray(seen.amax(axis))) for axis in (1, 0))
        side = 1 + int(FRAME * max(np.ptp(rows), np.ptp(columns)))
        top, left = (int(0.5 * (line[0] + line[-1] - side)) for line in (rows, columns))
        image = Image.fromarray(np.asarray(255.0 * picture).round().clip(0, 255).astype(np.uint8))
        framed = Image.new("RGB", (side, side), "white")
        framed.paste(image, (-left, -top))
        shown.append(np.asarray(framed.resize((size, size), Image.Resampling.LANCZOS)))
    return np.concatenate(shown, axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=112, help="pixels of a picture's side")
    parser.add_argument("--across", type=int, default=10)
    parser.add_argument("--things", action="store_true", help="only things as they are")
    parser.add_argument("--captions", action="store_true", help="prompts instead of numbers")
    parser.add_argument("--truth", type=Path, help="the library that the checkpoint learnt")
    parser.add_argument("-o", "--output", type=Path, default=Path("out/named/hundred.jpg"))
    options = parser.parse_args()
    engine = Engine(options.checkpoint)
    about = engine.checkpoint.metadata
    known = list(about.kinds) if options.things else [*about.prompts, *about.unseen]
    drawn = random.Random(options.seed).sample(known, min(options.count, len(known)))
    assets = None
    if options.truth:
        collection = LibraryConfig(str(options.truth)).open()
        assets = collection.references(drawn, torch.device("cpu"), compiled=False)
    each = options.output.with_suffix("")
    each.mkdir(parents=True, exist_ok=True)
    sides, label = (1, LINES * LABEL) if options.captions else (2, LABEL)
    width, height = sides * options.size, options.size + label
    rows = -(-len(drawn) // options.across)
    sheet = Image.new("RGB", (width * options.across, height * rows), "white")
    draw = ImageDraw.Draw(sheet)
    for index, prompt in enumerate(tqdm(drawn)):
        path = each / f"{index + 1:03}.png"
        if not path.is_file():
            if assets:
                pair = truths(assets, index, options.size)
            else:
                pair = drawn_of(engine, prompt, options.size)
            Image.fromarray(pair).save(path)
        row, column = divmod(index, options.across)
        with Image.open(path) as pair:
            sheet.paste(pair.crop((0, 0, width, options.size)), (column * width, row * height))
        text = "\n".join(wrap(prompt, width // 7)[:LINES]) if options.captions else f"{index + 1}"
        draw.text((column * width + 4, (row + 1) * height - label), text, fill="black")
    sheet.save(options.output)
    options.output.with_suffix(".txt").write_text("\n".join(drawn) + "\n", encoding="utf-8")
    print(options.output)


if __name__ == "__main__":
    main()
