"""A run that begins with a checkpoint's weights: more training, or a library of one's own on top.

Text tower, mapping network, grid and MLP are the checkpoint's, as plain layers; words of the run's
prompts that the tower lacks are added to it. Vertices that the checkpoint leaves out stay so.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from backend.model.att3d import ATT3D
from backend.model.checkpoint import Checkpoint, load_checkpoint, makes_up_grids
from backend.text.encoder import TextEncoder
from backend.text.small_encoder import SmallEncoder


class Start:
    """A checkpoint to go on from.

    Raises:
        CheckpointError: it cannot be used.
    """

    def __init__(self, path: Path, density_scale: float) -> None:
        """``density_scale``: the model's, from here on; see :func:`set_density_scale`."""
        self.checkpoint: Checkpoint = load_checkpoint(path)
        self.model = self.checkpoint.model.requires_grad_(True).train()
        set_density_scale(self.model, density_scale)
        for name, parameter in self.model.named_parameters():
            if makes_up_grids(self.model, name):
                keep_left_out(parameter)

    def encoder(
        self, words: Sequence[str], synonyms: Mapping[str, str], meaning: float
    ) -> TextEncoder:
        """The checkpoint's text encoder, with further words.

        Raises:
            NotDownloaded: it is an open_clip model that is not on this machine.
        """
        encoder = self.checkpoint.encoder()
        if isinstance(encoder, SmallEncoder) and words:
            return encoder.with_words(words, synonyms, meaning)
        return encoder


@torch.no_grad()
def set_density_scale(model: ATT3D, scale: float) -> None:
    """Make density rise ``scale`` times as steeply as the MLP's output; surfaces stay where they
    are, and so does the height above them that references compare."""
    before = model.config
    factor, level = scale / before.density_scale, before.surface_level
    model.config = dataclasses.replace(
        before, density_scale=scale, density_bias=before.density_bias * factor
    )
    model.mlp.density_scale = scale
    model.mlp.head.bias[0] += level * (1.0 - factor) / scale


def keep_left_out(weight: Tensor) -> None:
    """Vertices without a weight get no gradients: they are not stored."""
    learnt = (weight.detach() != 0).reshape(len(weight), -1).any(dim=1)
    if not learnt.all():
        shape = (-1, *(1 for _ in weight.shape[1:]))
        weight.register_hook(lambda gradient: gradient * learnt.to(gradient).view(shape))
