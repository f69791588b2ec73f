"""Smaller checkpoints: vertices that no object needs are not stored.

About half of a grid lies so far from every surface that training never reached it; what is there
is what initialisation drew. Which vertices these are is decided by looking: as many are left out,
the smallest weights first, as change no picture visibly.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from backend.export.files import check_ending, check_folder, working_folder
from backend.model.checkpoint import Checkpoint, load_checkpoint, makes_up_grids, save_checkpoint
from backend.protocol.errors import BadRequest, CheckpointError
from backend.rendering.cameras import orbit
from backend.rendering.volume import render_field

from .evaluation import EQUAL, evenly, psnr

PROMPTS = 96
"""Prompts that are looked at, from two sides each, evenly chosen among seen and unseen ones."""
SIZE = 48
"""Pixels of a picture's side, and samples a ray."""
TURNS = 10
"""Halvings of the interval that the share of vertices left out is sought in."""


@dataclass(frozen=True)
class Compacted:
    """What :func:`compact` did."""

    left_out: float
    """Share of the vertices."""
    decibels: float
    """PSNR of the picture that changed most, against the same picture before; ``EQUAL`` if none
    changed."""
    before: int
    after: int
    """Bytes of the file."""


def compact(path: Path, target: Path, *, decibels: float = 46.0) -> Compacted:
    """Write ``path`` to ``target`` with as few vertices as leave every picture the same.

    ``decibels`` is the least PSNR between a picture before and after. A checkpoint of which
    nothing can be left out is written as it is, in eight bits.

    Raises:
        BadRequest: ``decibels`` is out of range, or ``target`` no ``.safetensors``.
        CheckpointError: ``path`` is no checkpoint, or names no prompts to look at.
        OutputError: ``target`` cannot be written.
    """
    if not 0 < decibels <= EQUAL:
        raise BadRequest(
            f"decibels is {decibels:g}, but must be positive and at most {EQUAL:g}",
            "46 is what no eye can tell apart",
        )
    check_ending(target, (".safetensors",), "checkpoint")
    check_folder(target)
    first = load_checkpoint(path)
    if not (first.metadata.prompts or first.metadata.unseen):
        raise CheckpointError(
            f"{path} names no prompts, so there are no pictures to compare",
            "compact a checkpoint made by `python -m training train`",
        )
    truth = _pictures(first)
    sizes = _vertex_sizes(first)
    before = path.stat().st_size

    def write(file: Path, share: float) -> None:
        floor = sizes[int(share * len(sizes)) - 1].item() if share > 0 else -1.0
        save_checkpoint(file, first.model, first.metadata, first.text_tensors, floor=floor)

    with working_folder() as folder:
        trial = folder / "trial.safetensors"

        def closeness(share: float) -> float:
            write(trial, share)
            now = _pictures(load_checkpoint(trial))
            return min(psnr(*pair) for pair in zip(now, truth, strict=True))

        low, high, found = 0.0, 1.0, closeness(0.0)
        for _ in range(TURNS):
            middle = 0.5 * (low + high)
            reached = closeness(middle)
            if reached >= decibels:
                low, found = middle, reached
            else:
                high = middle
    write(target, low)
    return Compacted(low, found, before, target.stat().st_size)


def _vertex_sizes(checkpoint: Checkpoint) -> Float[Tensor, " vertices"]:
    """Every vertex's largest weight, ascending."""
    features = checkpoint.metadata.config.grid.features
    sizes = [
        weight.reshape(len(weight) // features, -1).abs().amax(1)
        for name, weight in checkpoint.model.state_dict().items()
        if makes_up_grids(checkpoint.model, name)
    ]
    return torch.cat(sizes).sort().values


@torch.inference_mode()
def _pictures(checkpoint: Checkpoint) -> list[Float[Tensor, "views size size 3"]]:
    known = checkpoint.metadata.prompts
    chosen = evenly(known, PROMPTS // 2 if checkpoint.metadata.unseen else PROMPTS)
    chosen = [*chosen, *evenly(checkpoint.metadata.unseen, PROMPTS - len(chosen))]
    embeddings = checkpoint.encoder().encode(chosen)
    return [
        render_field(checkpoint.field(embedding), orbit(2, start=30.0), SIZE, samples=SIZE)[0]
        for embedding in embeddings
    ]
