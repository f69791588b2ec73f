"""A chain as a strip of pictures: the true object above, the tracked mesh below.

    python benchmarks/chain_picture.py "a robot holding a shovel" "a lion wearing a cape" "a pig"

Evenly spaced frames from the first prompt to the last, each seen from the same side. For each frame
it prints what a person sees of the difference, as ``backend/tracking/appearance.py`` measures it
against a fresh extraction: farthest place of the mesh, and of what it lacks (% of the diagonal),
overlap of silhouettes, PSNR of the pictures (dB) and pixels in which something shows that the
object has not (%).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from backend.engine import Engine
from backend.progress import CancelToken
from backend.protocol.options import ChainOptions
from backend.surface.geometry import normalise
from backend.surface.topology import triangulated
from backend.tracking.appearance import Camera, compare, mesh_picture, object_picture
from backend.tracking.chain_reader import ChainReader
from backend.tracking.quality import diagonal
from backend.tracking.solids import extract

EYE = np.array([0.6, -0.75, 0.35])
"""Direction to the eye: from the front, a little from the left and above."""
ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("prompts", nargs="+", help="two or more")
    parser.add_argument("--frames", type=int, default=15)
    parser.add_argument("--size", type=int, default=140, help="pixels of a picture")
    parser.add_argument("--keys", type=int, default=ChainOptions.keys, help="most keys a pair")
    parser.add_argument("--checkpoint", type=Path, default=None)
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "chain.jpg")
    options = parser.parse_args()
    engine = Engine(options.checkpoint)
    mesh = engine.interpolate(options.prompts, ChainOptions(keys=options.keys, quality=False))
    source = ChainReader(engine.chain(mesh.prompts), ChainOptions.resolution, CancelToken())
    faces, uvs = mesh.triangles, triangulated(mesh.uvs)
    everywhere = mesh.positions.reshape(-1, 3).astype(np.float64)
    centre = 0.5 * (everywhere.min(axis=0) + everywhere.max(axis=0))
    radius = float(np.linalg.norm(everywhere - centre, axis=1).max())
    camera = Camera(normalise(EYE[None])[0], centre, radius, options.size)
    print(f"{len(mesh.alphas)} keys")
    print("| alpha | far | missing | iou | psnr | extra |\n|---|---|---|---|---|---|")
    columns = []
    for alpha in np.linspace(0.0, len(mesh.prompts) - 1, options.frames):
        at = float(alpha)
        reader, truth = source.reader(at), extract(source.solid(at), source.cancel)
        shown = mesh.at(at), faces, uvs, mesh.texture_at(at)
        looks = compare(reader, *shown, truth)
        far, lacks = (100.0 * x / diagonal(truth[0]) for x in (looks.farthest, looks.missing))
        print(
            f"| {at:.3f} | {far:.1f} | {lacks:.1f} | {looks.silhouette_iou:.3f} | {looks.psnr:.1f}"
            f" | {looks.extra:.2f} |",
            flush=True,
        )
        true, own = object_picture(reader, truth, camera)[1], mesh_picture(*shown, camera)[1]
        columns.append(np.concatenate([true, own], axis=0))
    strip = (255.0 * np.concatenate(columns, axis=1)).astype(np.uint8)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(strip).save(options.out, quality=88)


if __name__ == "__main__":
    main()
