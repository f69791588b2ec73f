"""Small pieces that the tests of the diffusion training share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from training.clip.conditioning import conditioning_encoder
from training.diffusion.bank import StreamingBank, ViewMaker
from training.diffusion.captions import Captions, Tokens
from training.diffusion.config import DataConfig, DiffusionConfig, preset
from training.diffusion.loop import DiffusionTrainer
from training.diffusion.model import build_scheduler, build_unet
from training.diffusion.text import PixelTextEncoder, with_views

PROMPTS = ["a pig", "a rabbit wearing a suit", "a robot wearing a tophat"]
CPU = torch.device("cpu")


def encoder() -> PixelTextEncoder:
    """The bundled text tower with view words."""
    base = conditioning_encoder("small")
    return with_views(base, "sided")


def tiny_config(folder: Path, **changes) -> DiffusionConfig:
    """Three prompts, a small network, no compiler."""
    config = preset("tiny")
    data = replace(config.data, chunk=6)
    return replace(config, run=folder, data=data, **changes)


def tiny_maker(config: DataConfig, seed: int = 0, size: int = 16) -> ViewMaker:
    return ViewMaker(PROMPTS, config, size, seed, CPU, compiled=False)


class FlatMaker(ViewMaker):
    """Squares in place of toys, each prompt's in its own color: the loop does not care."""

    def _render(self, objects, cameras, lights, shading):
        views = torch.zeros(len(objects), 4, self.size, self.size)
        colors = torch.tensor([[0.9, 0.2, 0.2], [0.2, 0.9, 0.2], [0.2, 0.2, 0.9]])[objects]
        views[:, :3, 4:12, 4:12] = colors[:, :, None, None] * (0.8 if shading == "full" else 1.0)
        views[:, 3, 4:12, 4:12] = 1.0
        return views


def tiny_trainer(folder: Path, **changes) -> DiffusionTrainer:
    config = tiny_config(folder, **changes)
    torch.manual_seed(config.seed)
    text = encoder()
    maker = FlatMaker(PROMPTS, config.data, config.unet.size, config.seed, CPU, compiled=False)
    return DiffusionTrainer(
        config=config,
        unet=build_unet(config.unet, text.width),
        scheduler=build_scheduler(),
        bank=StreamingBank(maker, folder / "bank"),
        captions=Captions(PROMPTS, config.data),
        tokens=Tokens(text),
        device=CPU,
    )


def losses_of(trainer: DiffusionTrainer) -> list[float]:
    """Train to the end; the loss of every step."""
    losses: list[float] = []
    trainer.run(lambda _trainer, _progress, figures: losses.append(figures["loss"]))
    trainer.bank.close()
    return losses
