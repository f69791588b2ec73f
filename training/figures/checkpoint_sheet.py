"""What a checkpoint makes of some prompts, beside what it should make, as one picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from backend.model.checkpoint import Checkpoint
from backend.model.checkpoint_file import CheckpointMetadata
from backend.rendering.cameras import orbit
from backend.rendering.lighting import headlight
from backend.rendering.volume import view_field

from ..amortized.drawn import DrawnPrompts
from ..assets import AssetCollection, lit_on_white, references_of
from ..prompts import PromptSet
from ..rendering.contact_sheet import Row, contact_sheet


def checkpoint_sheet(
    path: Path,
    checkpoint: Checkpoint,
    prompt_set: PromptSet,
    prompts: Sequence[int],
    collection: AssetCollection | None,
    *,
    tile: int,
    across: int = 0,
) -> None:
    """Draw what a checkpoint makes of some prompts of a set, from the front and from behind, and
    the references from the front, if ``collection`` has them. Four rays a pixel."""
    drawn = DrawnPrompts(checkpoint, checkpoint.encoder())
    said = [prompt_set.prompts[index] for index in prompts]
    assets = None
    if collection is not None:
        assets = references_of(collection, said, torch.device("cpu"), compiled=False)
    cameras = orbit(2, start=25.0)
    seen = set(prompt_set.seen)
    columns: list[str] = []
    fronts: list[Tensor] = []
    backs: list[Tensor] = []
    truths: list[Tensor] = []
    for asset, index in enumerate(tqdm(prompts, desc="sheet", dynamic_ncols=True)):
        prompt = prompt_set.prompts[index]
        field = drawn.field(prompt)
        views = view_field(field, cameras, 2 * tile, samples=160)
        front, back = views.picture("full", headlight(cameras), torch.ones(3))
        columns.append(prompt if index in seen else f"UNSEEN: {prompt}")
        fronts.append(front)
        backs.append(back)
        if assets is not None:
            truths.append(lit_on_white(assets, asset, cameras[0:1], 2 * tile)[0])
    rows: list[Row] = [("ours", fronts), ("ours, from behind", backs)]
    if truths:
        rows.append(("reference", truths))
    contact_sheet(path, columns, rows, tile=tile, across=across)


def prompts_known(metadata: CheckpointMetadata) -> PromptSet:
    """The prompts that a checkpoint knows, and those of their set that it was not trained on."""
    seen, unseen = metadata.prompts, metadata.unseen
    every = range(len(seen) + len(unseen))
    return PromptSet(
        metadata.name,
        (*seen, *unseen),
        tuple(every[: len(seen)]),
        tuple(every[len(seen) :]),
    )
