"""Algorithm 1's loop: several prompts a step, one update of the shared network.

A run can be killed at any moment and started again with the same command; the losses are those of
a run that never stopped.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from backend.model.att3d import ATT3D
from backend.protocol.errors import TrainingError

from .config import TrainConfig, config_as_json
from .guidance import Guidance, Step
from .optimizer import build_optimizer, set_rates
from .state import Progress, load_state, save_state

MAX_BAD_STEPS = 20
"""So many steps in a row without a finite loss end the run."""

Embed = Callable[[Sequence[int], torch.Generator], Float[Tensor, "prompts tokens width"]]
"""Text embeddings of some prompts of the set, said in words of the generator's choosing."""

Watcher = Callable[["Trainer", Progress, dict[str, float]], None]
"""Called after every step with its losses: logs, pictures, evaluation."""


@dataclass
class Trainer:
    """A model in training, and everything a step needs."""

    config: TrainConfig
    model: ATT3D
    embed: Embed
    guidance: Guidance
    seen: Sequence[int]
    """Prompts that may be trained on."""
    device: torch.device

    def __post_init__(self) -> None:
        if self.model.mapping.components:
            # Twice: as the set says them, or in other words, as in training.
            said = [self.embed(self.seen, self.generator(-1 - turn)) for turn in range(2)]
            self.model.mapping.whiten_on(torch.cat(said))
        self.model.to(self.device).train()
        self.optimizer = build_optimizer(self.model, self.config.optimizer)

    def generator(self, step: int) -> torch.Generator:
        """The randomness of one step: a function of the seed and the step's number only."""
        return torch.Generator().manual_seed(self.config.seed * 1_000_003 + step)

    def choose_prompts(self, step: int) -> list[int]:
        """The step's prompts: each epoch visits every seen prompt once, in an order of its own."""
        batch, count = self.config.batch, len(self.seen)
        chosen: list[int] = []
        position = step * batch
        while len(chosen) < batch:
            epoch, start = divmod(position, count)
            seeded = torch.Generator().manual_seed(self.config.seed * 7919 + epoch)
            order = torch.randperm(count, generator=seeded)
            part = order[start : start + batch - len(chosen)].tolist()
            chosen += [self.seen[i] for i in part]
            position += len(part)
        return chosen

    def step(self, index: int) -> dict[str, float]:
        """One update; returns the losses. Gradients that are not finite change nothing."""
        generator = self.generator(index)
        prompts = self.choose_prompts(index)
        set_rates(self.optimizer, self.config.optimizer, index, self.config.steps)
        with self._autocast():
            objects = self.model.objects(self.embed(prompts, generator).to(self.device))
            loss, parts = self.guidance(Step(self.model, objects, prompts, index, generator))
        self.optimizer.zero_grad(set_to_none=True)
        if math.isfinite(loss.item()):
            loss.backward()
            if all(
                p.grad is None or bool(torch.isfinite(p.grad.sum()))
                for p in self.model.parameters()
            ):
                self.optimizer.step()
                return {"loss": loss.item(), **parts}
        return {"loss": math.nan, **parts}

    def run(self, watch: Watcher) -> Progress:
        """Train to the end of the configured steps.

        Raises:
            TrainingError: the loss stays without a finite value, or the saved state cannot be
                used.
            OutputError: the state cannot be saved.
        """
        config, folder = self.config, self.config.folder
        plain = config_as_json(config)
        progress = Progress(0, 0.0)
        if config.resume:
            progress = load_state(folder, self.model, self.optimizer, plain) or progress
        bad = 0
        started = time.monotonic() - progress.seconds
        bar = tqdm(
            range(progress.step, config.steps),
            initial=progress.step,
            total=config.steps,
            desc=config.name,
            dynamic_ncols=True,
        )
        for index in bar:
            losses = self.step(index)
            bad = bad + 1 if math.isnan(losses["loss"]) else 0
            if bad >= MAX_BAD_STEPS:
                raise TrainingError(
                    f"no finite loss for {bad} steps in a row, up to step {index}",
                    f"the last good state is in {folder}; lower --optimizer.lr and go on in a"
                    " new --run",
                )
            progress = Progress(
                index + 1, time.monotonic() - started, progress.frames + config.batch
            )
            bar.set_postfix(loss=f"{losses['loss']:.4f}")
            if progress.step % config.save_every == 0 or progress.step == config.steps:
                if bad == 0:
                    save_state(folder, self.model, self.optimizer, progress, plain)
            watch(self, progress, losses)
        return progress

    def _autocast(self) -> contextlib.AbstractContextManager[object]:
        if self.config.precision == "bf16":
            return torch.autocast(self.device.type, torch.bfloat16)
        return contextlib.nullcontext()
