"""The training loop: repeatable, resumable at any moment, with an average of the weights.

Every step draws from a generator seeded by the run's seed and the step's number, so a killed run
that is started again has the losses of one that never stopped.
"""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from tqdm import tqdm

from ..runs.contents import with_contents
from ..runs.loop import Figures, Loop, LoopConfig
from ..runs.precision import used_precision
from ..runs.state import Progress
from .bank import StreamingBank
from .captions import Captions, Tokens
from .config import DiffusionConfig
from .model import PixelUNet, noise_levels, v_loss

Watcher = Callable[["DiffusionTrainer", Progress, dict[str, float]], None]
"""Called after every step with its figures."""


@dataclass
class DiffusionTrainer:
    """A model in training, and everything a step needs."""

    config: DiffusionConfig
    unet: PixelUNet
    scheduler: Any
    bank: StreamingBank
    captions: Captions
    tokens: Tokens
    device: torch.device
    contents: Mapping[str, str] = field(default_factory=dict)
    """Hashes of what the configuration only names, by option: a resumed run has the same."""
    average: PixelUNet = field(init=False)
    """The exponential moving average of the weights: what is sampled and saved."""

    def __post_init__(self) -> None:
        self.unet.to(self.device).train()
        self.average = copy.deepcopy(self.unet).eval().requires_grad_(False)
        self.optimizer = _optimizer(self.unet, self.config)
        self._forward: Any = self.unet
        if self.config.compiled_unet:
            self._forward = torch.compile(self.unet)

    @property
    def state(self) -> nn.Module:
        """All weights that a run's state holds."""
        return nn.ModuleDict({"network": self.unet, "average": self.average})

    def step(self, index: int) -> dict[str, float]:
        """One update; returns the figures. Gradients that are not finite change nothing."""
        config = self.config
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + index)
        views = self.bank.views
        rows = self.bank.draw(config.batch, generator)
        clean = views.over(rows, torch.rand(config.batch, 3, generator=generator))
        said = self.captions.draw(views.objects[rows], views.words[rows], generator)
        noise = torch.randn(clean.shape, generator=generator)
        t = noise_levels(config.batch, generator)
        rate = learning_rate(config, index)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with self.arithmetic():
            loss = v_loss(
                self._forward,
                self.scheduler,
                clean.to(self.device),
                self.tokens(said).to(self.device),
                noise.to(self.device),
                t.to(self.device),
                min_snr=config.min_snr,
            ).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.unet.parameters(), config.clip)
        if not (math.isfinite(loss.item()) and math.isfinite(norm.item())):
            return {"loss": math.nan, "gradient": norm.item(), "rate": rate}
        self.optimizer.step()
        self._follow(index)
        return {"loss": loss.item(), "gradient": norm.item(), "rate": rate}

    @torch.no_grad()
    def _follow(self, index: int) -> None:
        """Move the average towards the weights; at first by much, so that it forgets the start."""
        keep = min(self.config.ema, (1.0 + index) / (10.0 + index))
        for ours, theirs in zip(self.average.parameters(), self.unet.parameters(), strict=True):
            ours.lerp_(theirs, 1.0 - keep)

    def run(self, watch: Watcher) -> Progress:
        """Train to the end of the configured steps.

        Raises:
            TrainingError: the loss stays without a finite value, or the saved state cannot be
                used.
            OutputError: the state or the pictures cannot be saved.
        """
        config = self.config
        return Loop(
            LoopConfig(
                name=config.name,
                folder=config.folder,
                steps=config.steps,
                save_every=config.save_every,
                resume=config.resume,
                rate_option="--lr",
            ),
            self.state,
            self.optimizer,
            with_contents(config.as_json(), self.contents),
            self._step_on_new_views,
            watch=lambda progress, figures: watch(self, progress, figures),
            start=self._start,
            frames=lambda figures: config.batch,
            options=config,
        ).run()

    def _start(self, progress: Progress) -> None:
        _match_layout(self.optimizer)
        self._fill(progress.step)

    def _step_on_new_views(self, index: int) -> Figures:
        self.bank.advance(index)
        return self.step(index)

    def _fill(self, step: int) -> None:
        with tqdm(desc="pictures", unit="chunk", mininterval=1.0, dynamic_ncols=True) as bar:

            def show(done: int, count: int) -> None:
                bar.total, bar.n = count, done
                bar.refresh()

            self.bank.advance(step, show)

    def arithmetic(self) -> contextlib.AbstractContextManager[object]:
        """Mixed precision, if it is configured; on a CPU, attention by plain products: backwards,
        the fused kernel takes far longer for as few positions as ours."""
        stack = contextlib.ExitStack()
        if used_precision(self.config.precision, self.device) == "bf16":
            stack.enter_context(torch.autocast(self.device.type, torch.bfloat16))
        if self.device.type == "cpu":
            stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        return stack


def _match_layout(optimizer: torch.optim.Optimizer) -> None:
    """Lay the optimizer's state out in memory as its weights are.

    On disk every tensor is contiguous, but convolutions have their channels last, and the fused
    AdamW goes through weights and moments side by side without looking at strides.
    """
    for parameter, values in optimizer.state.items():
        for name, value in values.items():
            if value.shape == parameter.shape:
                values[name] = torch.empty_like(parameter).copy_(value)


def learning_rate(config: DiffusionConfig, index: int) -> float:
    """Rises over the warm-up, stays, and falls to zero over the last steps."""
    rising = min(1.0, (index + 1) / max(config.warmup, 1))
    left = (config.steps - index) / max(config.steps * config.cool, 1.0)
    falling = 0.5 - 0.5 * math.cos(math.pi * min(left, 1.0))
    return config.lr * rising * falling


def _optimizer(unet: PixelUNet, config: DiffusionConfig) -> torch.optim.AdamW:
    """AdamW; no decay on norms and biases."""
    parameters = list(unet.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.lr, betas=(0.9, config.beta2), fused=True)
