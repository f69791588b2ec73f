"""A small real checkpoint with random weights: the density bias (A20) makes it a colored ball; and
what tests measure of networks."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from backend.model.att3d import ATT3D
from backend.model.checkpoint import Storage, save_checkpoint
from backend.model.checkpoint_file import CheckpointMetadata
from backend.model.config import GridConfig, ModelConfig
from backend.model.spectral import plain_state
from backend.text.open_clip_import import import_open_clip
from backend.text.text_tower import SmallEncoderConfig

TINY = ModelConfig(
    tokens=8,
    width=16,
    latent=6,
    grid=GridConfig(resolutions=(5, 9, 14), support="ball"),
    gain=20.0,
    bound=1.0,
    # A ball of radius about .5 that is opaque within a few centimetres of its surface.
    density_bias=150.0,
    density_bias_radius=0.55,
    environment=False,
)

WORDS = ("a", "pig", "lion", "wearing", "tophat", "holding", "blue", "balloon", "on", "chair")
PROMPTS = ["a pig wearing a tophat", "a lion holding a blue balloon", "a pig on a chair"]


def tiny_model(seed: int = 0, config: ModelConfig = TINY) -> ATT3D:
    """A model with random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return ATT3D(config)


def tiny_checkpoint(
    path: Path, *, seed: int = 0, storage: Storage = "int8", config: ModelConfig = TINY
) -> Path:
    """Write such a checkpoint to ``path``, text encoder inside, and return ``path``."""
    text = SmallEncoderConfig(words=WORDS, context=8, width=16, layers=1, heads=2, features=8)
    with torch.random.fork_rng():
        torch.manual_seed(seed + 1)
        tower = build_tower(text)
    metadata = CheckpointMetadata(
        name="tiny",
        config=config,
        text_encoder=text.to_dict(),
        prompts=PROMPTS,
        words=list(WORDS),
        description="Random weights, for tests.",
        licence="GPL-3.0-or-later",
    )
    model = tiny_model(seed, config)
    save_checkpoint(path, model, metadata, dict(tower.state_dict()), storage=storage)
    return path


def build_tower(text: SmallEncoderConfig) -> nn.Module:
    """open_clip's text tower with random weights, giving (features, tokens)."""
    settings = text.text_cfg() | {"output_dim": text.features, "output_tokens": True}
    return import_open_clip().transformer.TextTransformer(**settings)


def largest_singular_values(module: nn.Module) -> dict[str, float]:
    """Largest singular value of the weight of every linear layer in ``module``, exactly."""
    norms = {}
    for name, weight in plain_state(module).items():
        if name.endswith("weight") and weight.ndim == 2:
            tall = weight.shape[0] > weight.shape[1]
            weight = weight.double()
            square = weight.T @ weight if tall else weight @ weight.T
            largest = torch.linalg.eigvalsh(square)[-1]
            norms[name] = largest.clamp_min(0.0).sqrt().item()
    return norms
