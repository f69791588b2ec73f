"""Reference assets whose truth is a formula: colored balls of different sizes."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from backend.rendering.cameras import intersect_ball
from tests.tiny import TINY, tiny_model
from training.amortized.config import OptimizerConfig, TrainConfig
from training.amortized.latents import LatentTable
from training.amortized.trainer import Trainer
from training.guidance.references import ReferenceGuidance, ReferencesConfig

RADII = torch.tensor([0.3, 0.45, 0.6, 0.5])
COLORS = torch.tensor([[0.9, 0.1, 0.1], [0.1, 0.8, 0.2], [0.2, 0.3, 0.9], [0.8, 0.8, 0.1]])


@dataclass
class Balls:
    """Implements ``ReferenceBatch``."""

    radii: torch.Tensor
    colors: torch.Tensor
    wrong: float = 0.0
    """Added to every distance."""

    def near_points(self, count, sigma, generator):
        direction = torch.randn(len(self.radii), count, 3, generator=generator)
        direction = torch.nn.functional.normalize(direction, dim=-1)
        spread = sigma * torch.randn(len(self.radii), count, 1, generator=generator)
        return direction * (self.radii[:, None, None] + spread)

    def query(self, points):
        distance = points.norm(dim=-1) - self.radii[:, None]
        return distance + self.wrong, self.colors[:, None].expand_as(points)

    def pictures(self, cameras, size):
        origins, directions = cameras.rays(size)
        alpha = torch.stack(
            [
                (lambda near, far: (far > near).float()[0])(
                    *intersect_ball(origins[i : i + 1], directions[i : i + 1], radius)
                )
                for i, radius in enumerate(self.radii.tolist())
            ]
        )
        color = alpha[..., None] * self.colors[:, None]
        count = len(self.radii)
        return color.view(count, size, size, 3), alpha.view(count, size, size)


class Spheres:
    """Implements ``ReferenceAssets``: between two balls lies the ball of mean radius and color."""

    pictures_between = True

    def assets_at(self, mix):
        radii = (RADII[mix.prompts] * mix.shares).sum(1)
        return Balls(radii, (COLORS[mix.prompts] * mix.shares[..., None]).sum(1))

    def unstretched(self):
        return self


REFERENCES = ReferencesConfig(size=16, rays=32, samples=24, points=256)


def sphere_trainer(
    folder, *, steps=6, batch=3, references=REFERENCES, save_every=2, eps=1e-8, **changes
) -> Trainer:
    """A tiny trainer on the balls; its prompts are fixed random embeddings."""
    config = TrainConfig(
        name="spheres",
        run=folder,
        steps=steps,
        batch=batch,
        save_every=save_every,
        model=TINY,
        references=references,
        optimizer=OptimizerConfig(mlp_lr=0.005, eps=eps),
        device="cpu",
        **changes,
    )
    embeddings = torch.randn(len(RADII), 8, 16, generator=torch.Generator().manual_seed(9))
    return Trainer(
        config=config,
        model=tiny_model(),
        embed=lambda prompts, generator: embeddings[list(prompts)],
        guidance=ReferenceGuidance(Spheres(), config.references, config.cameras),
        seen=range(len(RADII)),
        device=torch.device("cpu"),
        latents=LatentTable(range(len(RADII)), config.model, config.latents)
        if config.latents.own
        else None,
    )


def losses_of(trainer: Trainer) -> list[float]:
    """Train to the end; the losses of the steps of this start."""
    seen: list[float] = []
    trainer.run(lambda _trainer, _progress, losses: seen.append(losses["loss"]))
    return seen
