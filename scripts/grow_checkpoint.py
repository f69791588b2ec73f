"""Give a checkpoint a wider v and a finer grid, to train on from there.

    python scripts/grow_checkpoint.py CHECKPOINT --latent 128 --resolutions 9 14 22 36 72 -o OUT
    python -m training train --preset NAME --start OUT

Its objects stay as they are but for the resampling: levels of other resolutions are read at the
vertices of the new ones, the new columns of the mapping network's last layer are zero, and the new
numbers of v are random directions among the principal components of the learnt prompts' embeddings,
as strong as the old ones. Vertices that the checkpoint leaves out stay left out.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from backend.model.att3d import ATT3D
from backend.model.checkpoint import load_checkpoint, save_checkpoint
from backend.model.config import ModelConfig
from backend.model.grid import FeatureGrid
from backend.model.mapping import MappingNetwork


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--latent", type=int, required=True, help="v, at least as wide as it is")
    parser.add_argument(
        "--resolutions", type=int, nargs="+", required=True, help="of as many levels"
    )
    parser.add_argument("--components", type=int, default=192, help="that new numbers of v see")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    checkpoint = load_checkpoint(arguments.checkpoint)
    model, before = checkpoint.model, checkpoint.model.config
    levels = before.grid.resolutions
    if before.mapping != "linear" or before.grid.hashed or before.conditions:
        raise SystemExit(
            f"{arguments.checkpoint} has not a linear mapping network and dense levels"
        )
    if arguments.latent < before.latent or len(arguments.resolutions) != len(levels):
        raise SystemExit(
            f"v has {before.latent} numbers and the grid {len(levels)} levels at least"
        )
    torch.manual_seed(arguments.seed)
    resolutions = tuple(arguments.resolutions)
    grid = dataclasses.replace(before.grid, resolutions=resolutions)
    grown = ATT3D(dataclasses.replace(before, latent=arguments.latent, grid=grid))
    old, new = model.mapping, grown.mapping
    assert isinstance(old, MappingNetwork) and isinstance(new, MappingNetwork)
    assert old.decode is not None and new.decode is not None
    encoder, prompts = checkpoint.encoder(), checkpoint.metadata.prompts
    parts = [prompts[first : first + 256] for first in range(0, len(prompts), 256)]
    with torch.no_grad():
        said = torch.cat([encoder.encode(part) for part in parts]).flatten(1)
        heard = old.encode(said)
        rows = random_directions(before, arguments, said, heard.std(0).mean())
        new.encode.weight.copy_(torch.cat([old.encode.weight, rows]))
        new.encode.bias.copy_(torch.cat([old.encode.bias, heard.mean() - rows @ said.mean(0)]))
        new.decode.weight.zero_()
        columns = resampled(old.decode.weight.T, model.grid, grown.grid)
        # Both layers have one learning rate, so their weights are given one size.
        ratio = (new.encode.weight.std() / columns[columns != 0].std()).item()
        new.decode.weight[:, : before.latent] = columns.T * ratio
        new.gain = before.gain / ratio
        grown.config = dataclasses.replace(grown.config, gain=new.gain)
        grown.mlp.load_state_dict(model.mlp.state_dict())
    metadata = dataclasses.replace(checkpoint.metadata, config=grown.config, metrics={})
    save_checkpoint(arguments.output, grown, metadata, checkpoint.text_tensors, floor=0.0)
    left = (new.decode.weight != 0).any(1).float().mean()
    print(
        f"{new.decode.weight.numel() * left / 2**20:.1f} MiB in eight bits: {left:.0%} of the rows"
    )


def random_directions(
    before: ModelConfig,
    arguments: argparse.Namespace,
    said: Float[Tensor, "prompts numbers"],
    spread: Tensor,
) -> Float[Tensor, "new numbers"]:
    """Rows of the first layer whose outputs over the prompts have a standard deviation of
    ``spread``."""
    width = arguments.latent - before.latent
    config = dataclasses.replace(before, latent=width, components=arguments.components)
    fresh = MappingNetwork(config, FeatureGrid(dataclasses.replace(before.grid, resolutions=(2,))))
    fresh.whiten_on(said.unflatten(1, (before.tokens, before.width)))
    rows = fresh.plain_weights()["encode.weight"]
    return rows * (spread / (said @ rows.T).std(0))[:, None]


def resampled(
    values: Float[Tensor, "grids size"], old: FeatureGrid, new: FeatureGrid
) -> Float[Tensor, "grids newsize"]:
    """Grids read at the vertices of finer ones, level by level."""
    features = old.config.features
    levels = []
    sizes = zip(old.level_sizes, old.config.resolutions, new.config.resolutions, strict=True)
    start = 0
    for level, (size, before, after) in enumerate(sizes):
        own = values[:, start : start + size]
        start += size
        if before == after:
            levels.append(own)
            continue
        points = vertices(new, level)
        channels = slice(level * features, (level + 1) * features)
        read = [old.read(grid[None], points[None])[0, :, channels] for grid in values]
        levels.append(torch.stack(read).flatten(1))
    return torch.cat(levels, dim=1)


def vertices(grid: FeatureGrid, level: int) -> Float[Tensor, "vertices 3"]:
    """Where the vertices of a level lie, in the order of a grid's values."""
    resolution = grid.config.resolutions[level]
    axis = torch.linspace(-1.0, 1.0, resolution)
    points = torch.cartesian_prod(axis, axis, axis)
    return points[grid.get_buffer(f"kept{level}")] if grid.config.support == "ball" else points


if __name__ == "__main__":
    main()
