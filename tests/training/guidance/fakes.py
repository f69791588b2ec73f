"""A diffusion model whose prediction is a formula, and a renderer that shows given images."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace

import torch

from backend.model.att3d import Objects
from backend.rendering.cameras import Cameras, orbit
from tests.tiny import tiny_model
from training.guidance.diffusion.conditions import TextCondition
from training.guidance.diffusion.schedule import NoiseSchedule
from training.prompts import PromptMix
from training.rendering.scene import Step

SIZE = 6
LEVELS = torch.linspace(0.9995, 0.001, 1000)


class FormulaModel:
    """``predict`` is a smooth function of noisy image, level and text; every call is recorded."""

    name = "formula"
    device = torch.device("cpu")
    channels = 3
    size = SIZE
    pixels = True
    views = None

    def __init__(self, prediction="epsilon"):
        self.schedule = NoiseSchedule(LEVELS)
        self.prediction = prediction
        self.prepared: list[str] = []
        self.asked: list[str] = []
        self.calls: list[tuple[torch.Tensor, torch.Tensor, TextCondition, Cameras]] = []

    def encode(self, images):
        return images.permute(0, 3, 1, 2) * 2.0 - 1.0

    def prepare(self, prompts):
        self.prepared += list(prompts)

    def embed(self, prompts):
        self.asked += prompts
        return TextCondition(torch.stack([embedding(prompt) for prompt in prompts]))

    def predict(self, noisy, t, condition, cameras=None):
        self.calls.append((noisy, t, condition, cameras))
        return formula(noisy, t, condition.tokens)


def embedding(prompt: str) -> torch.Tensor:
    """Three random numbers of each prompt's own, as one token."""
    seed = int.from_bytes(hashlib.sha256(prompt.encode()).digest()[:6], "little")
    return torch.randn(1, 3, generator=torch.Generator().manual_seed(seed))


def formula(noisy, t, tokens):
    """Not linear in the text, so that mixing before and after differ."""
    color = torch.tanh(tokens.sum(1))[:, :, None, None]
    shift = torch.roll(noisy, 1, dims=-1)
    return 0.6 * noisy + 0.3 * color * shift + 0.1 * color + (t / 5000.0)[:, None, None, None]


class Shown:
    """A renderer of fixed images, which are leaves of the graph."""

    def __init__(self, count=3, cameras: Cameras | None = None, regularizers=None):
        generator = torch.Generator().manual_seed(5)
        self.images = torch.rand(count, SIZE, SIZE, 3, generator=generator).requires_grad_()
        self.cameras = cameras or orbit(count, elevation=20.0, start=30.0)
        self.regularizers = regularizers or {}

    def __call__(self, step):
        return SimpleNamespace(
            images=self.images, cameras=self.cameras, regularizers=self.regularizers
        )


def step_of(mix: PromptMix, *, index=10, steps=100, seed=0, conditions=None) -> Step:
    count = len(mix)
    return Step(
        model=tiny_model(),
        objects=Objects(torch.zeros(count, 6), torch.zeros(count, 4)),
        mix=mix,
        index=index,
        steps=steps,
        generator=torch.Generator().manual_seed(seed),
        conditions=conditions or {},
    )


def recorded(model: FormulaModel, x: torch.Tensor, call: int = 0):
    """Levels and noise of a call, found from the noisy images that the model was given."""
    noisy, t, _, _ = model.calls[call]
    count = len(x)
    t, noisy = t[:count], noisy[:count]
    a = LEVELS[t].sqrt()[:, None, None, None]
    s = (1 - LEVELS[t]).sqrt()[:, None, None, None]
    return t, (noisy - a * x) / s, noisy, a, s
