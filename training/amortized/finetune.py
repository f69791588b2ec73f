"""Fine-tuning of a checkpoint on one prompt (A25).

Only an offset on the mapping network's output is trained, with a new optimizer; text, mapping
network and MLP stay as they are. The first step's object is the checkpoint's own.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from backend.model.att3d import OutputOffset

from ..prompts import PromptSet
from ..runs.folder import locked
from ..runs.ranges import check_ranges
from .config import TrainConfig
from .one_prompt import OnePrompt
from .run import build_guidance, finish


def finetune(
    checkpoint: Path, prompt: str, config: TrainConfig, among: PromptSet | None = None
) -> Path:
    """Train the offset to the end of ``config``; returns the new checkpoint's path.

    The model's configuration is the checkpoint's; ``config.batch`` is the number of views a step,
    all of the one prompt. ``among``: as for :class:`~training.amortized.one_prompt.OnePrompt`.

    Raises:
        CheckpointError: the checkpoint cannot be used.
        BadPrompt: the prompt is empty or too long.
        TrainingError, NotDownloaded, OutputError: as :func:`~training.amortized.run.train`.
    """
    check_ranges(config)
    with locked(config.folder):
        return _finetune(checkpoint, prompt, config, among)


def _finetune(checkpoint: Path, prompt: str, config: TrainConfig, among: PromptSet | None) -> Path:
    start = OnePrompt(checkpoint, prompt, config, among)
    config = dataclasses.replace(config, model=start.model.config)
    guidance = build_guidance(config, start.prompts, start.encoder, start.assets, start.device)
    trainer = start.trainer(config, guidance, OutputOffset(start.model))
    return finish(trainer, start.prompts, start.encoder, start.collection, start.assets)
