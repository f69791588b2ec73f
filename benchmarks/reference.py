"""How far fresh extractions of one object are from each other: what pictures of it can be held to.

    python benchmarks/reference.py "a robot holding a shovel" "a pig" --alpha 0.4375

A tracked mesh is measured against a fresh extraction of the field at the same alpha, at 128 samples
an axis, the resolution at which chains are read. This reads the same field at other resolutions
(133 is much like 128, on a shifted grid) and compares shaded, colored pictures from eight sides, as
``backend/tracking/appearance.py`` does: PSNR and the overlap of silhouettes. The last row is the
extraction at 128 without its second largest piece, which a picture that sees faults must tell.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from backend.engine import Engine
from backend.field_reader import Reader
from backend.progress import CancelToken
from backend.surface.topology import NewFaces, NewVertices, label_parts
from backend.tracking.appearance import FRAME, VIEWS, Camera, object_picture
from backend.tracking.solids import extract, read_solid
from backend.tracking.visibility import directions

RESOLUTIONS = (128, 133, 192, 256, 320)
Surface = tuple[NewVertices, NewFaces]
Pictures = list[tuple[np.ndarray, np.ndarray]]
"""Of each view which pixels are covered, and the colors of all."""


def without_second_piece(surface: Surface) -> Surface:
    """The surface without its second largest connected piece."""
    vertices, faces = surface
    count, piece = label_parts(faces, len(vertices))
    if count < 2:
        raise SystemExit("there is one piece only: choose an alpha at which something is apart")
    second = int(np.argsort(np.bincount(piece))[-2])
    return vertices, faces[piece != second]


def pictures(reader: Reader, surface: Surface, centre: np.ndarray, radius: float) -> Pictures:
    found = []
    for direction in directions(VIEWS):
        view, picture = object_picture(reader, surface, Camera(direction, centre, radius))
        found.append((view.covered, picture))
    return found


def psnr(one: Pictures, other: Pictures) -> float:
    """Of all pictures together, dB."""
    square = np.mean([((a - b) ** 2).mean() for (_, a), (_, b) in zip(one, other, strict=True)])
    return -10.0 * float(np.log10(max(float(square), 1e-10)))


def overlap(one: Pictures, other: Pictures) -> float:
    """Of the silhouettes: intersection over union, all views together."""
    both = sum(int((a & b).sum()) for (a, _), (b, _) in zip(one, other, strict=True))
    either = sum(int((a | b).sum()) for (a, _), (b, _) in zip(one, other, strict=True))
    return both / max(either, 1)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("prompts", nargs=2)
    parser.add_argument("--alpha", type=float, required=True, help="from 0 to 1")
    parser.add_argument("--checkpoint", type=Path, default=None)
    options = parser.parse_args(arguments)
    cancel = CancelToken()
    reader = Reader(Engine(options.checkpoint).chain(options.prompts).field(options.alpha), cancel)
    surfaces = {
        str(resolution): extract(read_solid(reader, resolution), cancel)
        for resolution in RESOLUTIONS
    }
    surfaces["128, a piece less"] = without_second_piece(surfaces["128"])
    vertices = surfaces[str(RESOLUTIONS[-1])][0].astype(np.float64)
    centre = 0.5 * (vertices.min(axis=0) + vertices.max(axis=0))
    radius = FRAME * float(np.linalg.norm(vertices - centre, axis=1).max())
    seen = {name: pictures(reader, surface, centre, radius) for name, surface in surfaces.items()}
    against = ("128", "256", "320")
    print(f"| read at | {' | '.join(f'dB to {name} | overlap' for name in against)} |")
    print("|---" * (1 + 2 * len(against)) + "|")
    for name, own in seen.items():
        cells = [
            "| "
            if name == other
            else f"{psnr(own, seen[other]):.1f} | {overlap(own, seen[other]):.3f}"
            for other in against
        ]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
