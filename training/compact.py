"""Smaller checkpoints: vertices that no object needs are not stored.

About half of a grid lies so far from every surface that training never reached it; what is there
is what initialisation drew. Which vertices these are is decided by looking: as many are left out,
the smallest weights first, as change no picture visibly.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from backend.model.checkpoint import (
    Checkpoint,
    compact_checkpoint,
    list_large,
    load_checkpoint,
)
from backend.rendering.cameras import orbit
from backend.rendering.volume import render_field

from .evaluation import evenly, psnr

PROMPTS = 96
"""Prompts that are looked at, from two sides each, evenly chosen among seen and unseen ones."""
SIZE = 48
TURNS = 7
"""Halvings of the interval that the share of vertices left out is sought in."""


@dataclass(frozen=True)
class Compacted:
    """What :func:`compact` did."""

    left_out: float
    """Share of the vertices."""
    decibels: float
    """PSNR of the picture that changed most, against the same picture before."""
    before: int
    after: int
    """Bytes of the file."""


def compact(path: Path, target: Path, *, decibels: float = 46.0) -> Compacted:
    """Write ``path`` to ``target`` with as few vertices as leave every picture the same.

    ``decibels`` is the least PSNR between a picture before and after. A checkpoint of which
    nothing can be left out is written as it is, in eight bits.

    Raises:
        CheckpointError: ``path`` is no checkpoint.
        OutputError: ``target`` cannot be written.
    """
    first = load_checkpoint(path)
    truth = _pictures(first)
    sizes = _row_sizes(first, list_large(path))
    before = path.stat().st_size
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / "trial.safetensors"

        def closeness(share: float) -> float:
            compact_checkpoint(path, trial, _floor(sizes, share))
            now = _pictures(load_checkpoint(trial))
            return min(psnr(*pair) for pair in zip(now, truth, strict=True))

        low, high, found = 0.0, 1.0, float("inf")
        for _ in range(TURNS):
            middle = 0.5 * (low + high)
            reached = closeness(middle)
            if reached >= decibels:
                low, found = middle, reached
            else:
                high = middle
    compact_checkpoint(path, target, _floor(sizes, low))
    return Compacted(low, found, before, target.stat().st_size)


def _floor(sizes: Float[Tensor, " vertices"], share: float) -> float:
    """The size below which a share of the vertices is."""
    return sizes[int(share * len(sizes)) - 1].item() if share > 0 else -1.0


def _row_sizes(checkpoint: Checkpoint, large: list[str]) -> Float[Tensor, " vertices"]:
    """Every vertex's largest weight, ascending."""
    state = checkpoint.model.state_dict()
    features = checkpoint.metadata.config.grid.features
    rows = [
        weight.reshape(len(weight) // features, -1).abs().amax(1)
        for short in large
        for weight in (state.get(short, state.get(f"{short}.weight")),)
        if weight is not None
    ]
    return torch.cat(rows).sort().values


@torch.inference_mode()
def _pictures(checkpoint: Checkpoint) -> list[Float[Tensor, "views size size 3"]]:
    known = checkpoint.metadata.prompts
    chosen = evenly(known, PROMPTS // 2 if checkpoint.metadata.unseen else PROMPTS)
    chosen = [*chosen, *evenly(checkpoint.metadata.unseen, PROMPTS - len(chosen))]
    embeddings = checkpoint.encoder().encode(chosen)
    return [
        render_field(checkpoint.field(embedding), orbit(2, start=30.0), SIZE, samples=48)[0]
        for embedding in embeddings
    ]
