"""``python -m training evaluate``: a checkpoint's figures, printed or kept in its metadata."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backend.accelerator import choose_device
from backend.export.files import check_folder
from backend.model.checkpoint import load_checkpoint, update_metadata
from backend.model.checkpoint_file import read_metadata
from backend.protocol.errors import BadRequest

from ..assets import prompts_of
from ..clip.scoring import BUNDLED, load_scorer
from ..prompts import PromptSet
from .evaluation import evaluate
from .r_metrics import Queries, UnknownWords

DECIMALS = {"psnr": 2, "psnr_p10": 2, "iou": 3, "sides": 3}
"""Decimals of the figures that :func:`figures_table` prints; three for the others."""


def evaluate_checkpoint(
    path: Path,
    prompts: str = "",
    *,
    library: Path | None = None,
    count: int = 100,
    size: int = 64,
    scoring: str | None = None,
    queries: Sequence[str] = (),
    device: str = "auto",
    compiled: bool = False,
    record: bool = False,
) -> dict[str, Any]:
    """Figures of the checkpoint at ``path`` over a prompt set, by default that which it was
    trained on; see :func:`~training.amortized.evaluation.evaluate`.

    ``library`` is where its library is, if it is not where it was, or another one: seen is then
    what the checkpoint says that it learnt, however such a library would be split.

    ``scoring`` is the scoring model's name, or ``none``. Without one the bundled model scores; if
    it never saw some words of the prompts, R-figures are left out with a line on stderr, as long
    as there are references to measure against. ``record`` keeps the figures in the metadata.

    Raises:
        CheckpointError: the checkpoint or the scoring model cannot be read.
        NotDownloaded: the scoring model or the text encoder is not on this machine.
        TrainingError: no such prompt set; words that the scoring model never saw.
        BadRequest: no such scoring model or device.
        OutputError: the figures cannot be kept, since the checkpoint cannot be replaced.
    """
    chosen = choose_device(device)
    checkpoint = load_checkpoint(path, chosen)
    if record:
        check_folder(path)
    collection, measured = prompts_of(checkpoint.metadata.recipe, prompts, library)
    if library is not None:
        measured = _as_learnt(measured, checkpoint.metadata.prompts)
    asked = None
    if scoring != "none":
        more = [prompt for name in queries for prompt in collection.prompt_set(name).prompts]
        try:
            asked = Queries(load_scorer(scoring or BUNDLED, chosen), measured.prompts, more)
        except UnknownWords as error:
            if scoring is not None or not all(collection.has(p) for p in measured.prompts):
                raise
            print(f"no R-figures: {error.message}", file=sys.stderr)  # noqa: T201
    elif queries:
        raise BadRequest("--queries need a scoring model", "leave out --scoring none")
    result = evaluate(
        checkpoint, measured, collection, asked, count=count, size=size, compiled=compiled
    )
    result["set"] = measured.name
    if record:
        update_metadata(path, dataclasses.replace(read_metadata(path), metrics=result))
    return result


def _as_learnt(prompts: PromptSet, learnt: Sequence[str]) -> PromptSet:
    """The same prompts; seen are those that were learnt."""
    known, places = set(learnt), range(len(prompts.prompts))
    seen = tuple(i for i in places if prompts.prompts[i] in known)
    unseen = tuple(i for i in places if prompts.prompts[i] not in known)
    return dataclasses.replace(prompts, seen=seen, unseen=unseen)


def figures_table(result: dict[str, Any]) -> str:
    """What :func:`evaluate_checkpoint` found, for a person to read."""
    groups = ("seen", "unseen", "truth")
    lines = [f"{'':20}" + "".join(f"{name:>10}" for name in groups)]
    for name, values in result.items():
        if isinstance(values, dict) and values and set(values) <= set(groups) and name != "prompts":
            digits = DECIMALS.get(name, 3)
            cells = [f"{values[g]:>10.{digits}f}" if g in values else " " * 10 for g in groups]
            lines.append(f"{name:20}" + "".join(cells).rstrip())
    counted = result["prompts"]
    said = f"{counted['seen']} seen and {counted['unseen']} unseen prompts, four views each"
    side = result["size"]
    said += f" of {side} x {side}" * (side != 64)
    if "queries" in result:
        said += (
            f"; {result['queries']} queries (chance {result['chance']:.2%}),"
            f" scored by {result['scoring']['model']}"
        )
    return "\n".join([*lines, said])
