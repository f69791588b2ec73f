"""How far a linear mapping network of some width can carry a library, before any training.

The grids of all models as a matrix: signed distances (cut off at 5 cm) at the vertices of one grid
level. A linear mapping network of width v gives matrices of rank v at most; the best one is the
truncated singular value decomposition. Printed for each resolution and rank: the share of the
variance that is lost, and the overlap (intersection over union) of the solids that the truncated
grids and the models have at random points of the ball; mean and 10th percentile over models. A
trained model has four features a vertex and an MLP, so its own figures are better; the order of
the rows is what this is for: many coarse components, or few fine ones, in a file of one size.

    python benchmarks/library_rank.py LIB --models 600 --json
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import map_coordinates
from tqdm import tqdm

from backend.model.config import GridConfig
from backend.model.grid import FeatureGrid
from training.library.grid import lookup
from training.library.storage import read_index, read_model

CUT = 0.047
"""Metres beyond which distances are cut off: where training stops to ask for them."""
POINTS = 60_000
MEASURED = 60
"""Models whose solids are compared."""


@dataclass(frozen=True)
class Row:
    """One resolution and rank."""

    resolution: int
    rank: int
    megabytes: float
    """Size of the level's part of a mapping network of this width, in eight bits."""
    lost: float
    overlap: float
    overlap_p10: float


def rows(folder: Path, resolutions: list[int], ranks: list[int], models: int) -> list[Row]:
    """Every combination, over some models of the library."""
    entries = read_index(folder).entries
    chosen = np.random.default_rng(0).permutation(len(entries))[:models]
    points = np.random.default_rng(1).uniform(-1, 1, (POINTS * 2, 3))
    points = points[(points**2).sum(1) < 0.9][:POINTS]
    places = {r: _vertices(r) for r in resolutions}
    grids: dict[int, list[np.ndarray]] = {r: [] for r in resolutions}
    solids = []
    for index in tqdm(chosen, desc="models", unit="model"):
        grid = read_model(folder, entries[index].key).grid
        for r, (_, place) in places.items():
            distance = lookup(grid, place)[0]
            grids[r].append((distance / CUT).clip(-1, 1).astype(np.float32))
        solids.append(lookup(grid, points)[0] < 0)
    found = []
    for r, (kept, _) in places.items():
        matrix = torch.from_numpy(np.stack(grids[r]))
        mean = matrix.mean(0)
        values, vectors = torch.linalg.eigh(((matrix - mean) @ (matrix - mean).T).double())
        values, vectors = values.flip(0), vectors.flip(1).float()
        for rank in ranks:
            left = vectors[:, :rank]
            again = (left @ (left.T @ (matrix - mean)) + mean).numpy()
            overlaps = [
                _overlap(again[row], kept, r, points, solids[row])
                for row in range(0, len(chosen), max(1, len(chosen) // MEASURED))
            ]
            found.append(
                Row(
                    r,
                    rank,
                    round(rank * int(kept.sum()) * 4 / 1e6, 1),
                    round(float(1 - values[:rank].sum() / values.sum()), 4),
                    round(float(np.mean(overlaps)), 3),
                    round(float(np.percentile(overlaps, 10)), 3),
                )
            )
    return found


def _vertices(resolution: int) -> tuple[np.ndarray, np.ndarray]:
    """Which vertices a grid level in a ball keeps, and where they are."""
    grid = FeatureGrid(GridConfig(resolutions=(resolution,), support="ball"))
    kept = (grid.get_buffer("slots0") >= 0).numpy()
    line = np.linspace(-1, 1, resolution)
    every = np.stack(np.meshgrid(line, line, line, indexing="ij"), -1).reshape(-1, 3)
    return kept, every[kept]


def _overlap(
    values: np.ndarray, kept: np.ndarray, resolution: int, points: np.ndarray, solid: np.ndarray
) -> float:
    volume = np.ones(resolution**3, np.float32)
    volume[kept] = values
    place = ((points + 1) / 2 * (resolution - 1)).T
    inside = map_coordinates(volume.reshape((resolution,) * 3), place, order=1, mode="nearest") < 0
    return float((inside & solid).sum() / max((inside | solid).sum(), 1))


def main() -> None:
    parser = argparse.ArgumentParser(
        description="How far a linear mapping network can carry a library."
    )
    parser.add_argument("library", type=Path)
    parser.add_argument("--resolutions", type=int, nargs="+", default=[28, 36, 44, 58])
    parser.add_argument("--ranks", type=int, nargs="+", default=[48, 96, 192, 256, 400])
    parser.add_argument("--models", type=int, default=600, help="models that are looked at")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = rows(options.library, options.resolutions, options.ranks, options.models)
    if options.json:
        print(json.dumps([asdict(row) for row in found], indent=1))
        return
    print("resolution  rank      MB   lost  overlap   p10")
    for row in found:
        print(
            f"{row.resolution:10} {row.rank:5} {row.megabytes:7.1f} {row.lost:6.3f}"
            f" {row.overlap:8.3f} {row.overlap_p10:5.3f}"
        )


if __name__ == "__main__":
    main()
