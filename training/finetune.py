"""Fine-tuning of a checkpoint on one prompt (A25).

Only an offset on the mapping network's output is trained, with a new optimizer; text, mapping
network and MLP stay as they are. The first step's object is the checkpoint's own.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch

from backend.engine import choose_device
from backend.model.checkpoint import load_checkpoint
from backend.model.offset import OutputOffset
from backend.text.normalise import normalise_prompt

from .config import TrainConfig
from .guidance.toybox_assets import reference_assets
from .loop import Trainer
from .prompts import PromptSet
from .run import build_guidance, embedder, finish


def finetune(checkpoint: Path, prompt: str, config: TrainConfig) -> Path:
    """Train the offset to the end of ``config``; returns the new checkpoint's path.

    The model's configuration is the checkpoint's; ``config.batch`` is the number of views a step,
    all of the one prompt.

    Raises:
        CheckpointError: the checkpoint cannot be used.
        BadPrompt: the prompt is empty or too long.
        TrainingError, NotDownloaded, OutputError: as :func:`~training.run.train`.
    """
    torch.manual_seed(config.seed)
    device = choose_device(config.device)
    loaded = load_checkpoint(checkpoint, device)
    prompt = normalise_prompt(prompt)
    prompts = PromptSet(f"{loaded.metadata.name}, {prompt!r}", (prompt,), (0,), ())
    encoder = loaded.encoder()
    assets = reference_assets(prompts.prompts, device, compiled=config.compiled)
    config = dataclasses.replace(config, model=loaded.model.config)
    trainer = Trainer(
        config=config,
        model=loaded.model,
        embed=embedder(prompts, encoder, 0.0),
        guidance=build_guidance(config, prompts, encoder, assets, device),
        seen=prompts.seen,
        device=device,
        offset=OutputOffset(loaded.model),
    )
    return finish(trainer, prompts, encoder, assets)
