"""A run that goes on from a checkpoint with one prompt: fine-tuning (A25), refinement (A26).

Fine-tuning trains only an offset on the mapping network's output, with a new optimizer; text,
mapping network and MLP stay as they are. The first step's object is the checkpoint's own.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from backend.accelerator import choose_device
from backend.model.att3d import OutputOffset
from backend.model.checkpoint import load_checkpoint
from backend.prompts.normalize import normalize_prompt
from backend.protocol.errors import BadRequest, TrainingError

from ..assets import ToyboxConfig, assets_of, references_of
from ..guidance import Guidance
from ..prompts import PromptSet
from ..runs.contents import fingerprint
from ..runs.folder import locked
from ..runs.ranges import check_ranges
from .config import TrainConfig
from .run import WRITTEN, build_guidance, embedder, finish
from .trainer import Trainer

STRETCHED = 0.9
"""A factor below this is what a word asks for."""


class OnePrompt:
    """What such a run starts from.

    Raises:
        CheckpointError: the checkpoint cannot be used.
        BadPrompt: the prompt is empty or too long.
        BadRequest: there is no such device.
    """

    def __init__(
        self, checkpoint: Path, prompt: str, config: TrainConfig, among: PromptSet | None = None
    ) -> None:
        """``among``: the set whose one seen prompt it is, where the prompt is looked for among
        others (A34); otherwise it is a set of its own."""
        torch.manual_seed(config.seed)
        self.prompt = normalize_prompt(prompt)
        self.device = choose_device(config.device)
        self.checkpoint = load_checkpoint(checkpoint, self.device)
        self.model = self.checkpoint.model
        self.encoder = self.checkpoint.encoder()
        name = f"{self.checkpoint.metadata.name}, {self.prompt!r}"
        self.prompts = among or PromptSet(name, (self.prompt,), (0,), ())
        assets = config.assets
        if isinstance(assets, ToyboxConfig):
            assets = assets_of(self.checkpoint.metadata.recipe)
        self.collection = assets.open()
        """The configuration's, or those that the checkpoint was trained on."""
        self.assets = references_of(
            self.collection, self.prompts.prompts, self.device, compiled=config.compiled
        )
        """None if the collection does not have the prompt."""
        asked = self.encoder.encode([self.prompt]).to(self.device)
        network = self.model.proportions
        self.proportions: Float[Tensor, "3"] | None = network and network(asked)[0]
        """How the prompt's object is stretched, if the model says so."""
        distilled = max(config.guidance.diffusion) > 0
        if distilled and self.proportions is not None and self.proportions.min() < STRETCHED:
            raise TrainingError(
                f"score distillation looks at objects in their own proportions, and {self.prompt!r}"
                " asks for others",
                "leave the word out here, and stretch the mesh in Blender",
            )

    def trainer(self, config: TrainConfig, guidance: Guidance, offset: OutputOffset) -> Trainer:
        """Trains ``offset`` and nothing else; ``config.model`` is the checkpoint's."""
        return Trainer(
            config=config,
            model=self.model,
            embed=embedder(self.prompts, self.encoder),
            guidance=guidance,
            seen=self.prompts.seen,
            device=self.device,
            offset=offset,
            contents={
                "prompts": f"{self.prompt!r} of {self.checkpoint.sha256[:12]}",
                "assets": fingerprint(self.collection.fingerprint(self.prompts.prompts)),
            },
        )


def finetune(
    checkpoint: Path, prompt: str, config: TrainConfig, among: PromptSet | None = None
) -> Path:
    """Train the offset to the end of ``config``; returns the new checkpoint's path.

    The model's configuration is the checkpoint's; ``config.batch`` is the number of views a step,
    all of the one prompt. ``among``: as for :class:`~training.amortized.one_prompt.OnePrompt`.

    Raises:
        CheckpointError: the checkpoint cannot be used.
        BadPrompt: the prompt is empty or too long.
        BadRequest: the configuration names another start.
        TrainingError, NotDownloaded, OutputError: as :func:`~training.amortized.run.train`.
    """
    check_ranges(config)
    if config.start is not None:
        raise BadRequest("finetune begins with its own checkpoint", "leave out --start")
    with locked(config.folder, WRITTEN):
        return _finetune(checkpoint, prompt, config, among)


def _finetune(checkpoint: Path, prompt: str, config: TrainConfig, among: PromptSet | None) -> Path:
    start = OnePrompt(checkpoint, prompt, config, among)
    config = dataclasses.replace(config, model=start.model.config)
    guidance = build_guidance(config, start.prompts, start.encoder, start.assets, start.device)
    trainer = start.trainer(config, guidance, OutputOffset(start.model))
    return finish(trainer, start.prompts, start.encoder, start.collection, start.assets)
