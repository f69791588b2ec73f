"""The loop of every training here: resumable at any moment, watched, stopped when it diverges.

What is trained, and how a step goes, is the caller's. The loop restores the state, counts steps and
time, saves, and tells a watcher.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from tqdm import tqdm

from backend.protocol.errors import TrainingError

from .state import STATE_FILE, Progress, first_not_finite, load_state, save_state

MAX_BAD_STEPS = 20
"""So many steps in a row without a finite loss end the run."""

PACE_STEPS = 20
"""Steps after which a run says how long it will take."""

Figures = dict[str, float]
"""What a step gives: ``loss`` (NaN if the step changed nothing), and more for the log."""


@dataclass(frozen=True)
class LoopConfig:
    """How long a run is, and where and how often it is saved."""

    name: str
    folder: Path
    steps: int | None
    """The run's length; None: ``minutes`` is."""
    save_every: int
    """Steps between saves of the whole state."""
    resume: bool
    """Go on from the folder's state if there is one."""
    rate_option: str
    """The option of the learning rate, for the remedy of a run that diverges."""
    minutes: float = math.inf

    def share(self, progress: Progress) -> float:
        """Share of the run that is over: 1 at its end, and more after a run that was longer."""
        if self.steps is not None:
            return progress.step / max(self.steps, 1)
        return progress.seconds / (self.minutes * 60.0)


@dataclass(frozen=True)
class Loop:
    """What a run trains, and how it goes on."""

    config: LoopConfig
    module: nn.Module
    """All weights that the state holds."""
    optimizer: torch.optim.Optimizer
    identity: Mapping[str, object]
    """What must not change between the starts of a run, as JSON-ready values."""
    step: Callable[[int], Figures]
    """One update, given its number. Gradients that are not finite change nothing."""
    watch: Callable[[Progress, Figures], None] = lambda progress, figures: None
    """Called after every step."""
    start: Callable[[Progress], None] = lambda progress: None
    """Called once, after the state was restored and before the first step."""
    frames: Callable[[Figures], int] = lambda figures: 0
    """Pictures that a step of these figures used (A33)."""
    options: Any = None
    """The dataclass that ``identity`` was made from; options that a run's state does not know yet
    were its defaults."""
    main: bool = True
    """Whether this process saves, shows progress and watches; of several, the first does."""

    def run(self) -> Progress:
        """Train to the end.

        Raises:
            TrainingError: the loss or the weights stay without finite values, or the saved state
                cannot be used.
            OutputError: the state cannot be saved.
        """
        config = self.config
        progress = Progress(0, 0.0)
        if config.resume:
            found = load_state(
                config.folder, self.module, self.optimizer, self.identity, self.options
            )
            progress = found or progress
        self.start(progress)
        started = time.monotonic() - progress.seconds
        first = progress
        bad = 0
        with tqdm(
            initial=progress.step,
            total=config.steps,
            desc=config.name,
            unit="step",
            dynamic_ncols=True,
            mininterval=1.0,
            disable=not self.main,
        ) as bar:
            while config.share(progress) < 1.0:
                index = progress.step
                figures = self.step(index)
                bad = bad + 1 if math.isnan(figures["loss"]) else 0
                if bad >= MAX_BAD_STEPS:
                    raise self._diverged(
                        f"the loss is not finite (no finite loss for {bad} steps in a row)", index
                    )
                progress = Progress(
                    index + 1,
                    time.monotonic() - started,
                    progress.frames + self.frames(figures),
                )
                bar.set_postfix(loss=f"{figures['loss']:.4f}", refresh=False)
                bar.update()
                last = config.share(progress) >= 1.0
                if bad == 0 and self.main and (progress.step % config.save_every == 0 or last):
                    self._save(progress)
                if self.main:
                    self._promise(progress, first)
                    self.watch(progress, figures)
        return progress

    def _promise(self, progress: Progress, first: Progress) -> None:
        """Say how long the whole run will take, once its pace is known."""
        if self.config.steps is None or progress.step - first.step != PACE_STEPS:
            return
        pace = (progress.seconds - first.seconds) / PACE_STEPS
        left = pace * (self.config.steps - progress.step)
        tqdm.write(
            f"{self.config.name}: {self.config.steps} steps, {pace:.2g} s each:"
            f" about {math.ceil(left / 60)} min"
        )

    def _save(self, progress: Progress) -> None:
        name = first_not_finite(self.module.state_dict())
        if name is not None:
            raise self._diverged(f"the weights are not finite ({name})", progress.step - 1)
        save_state(self.config.folder, self.module, self.optimizer, progress, self.identity)

    def _diverged(self, what: str, index: int) -> TrainingError:
        config = self.config
        kept = (config.folder / STATE_FILE).exists()
        where = f"the last good state is in {config.folder}; " if kept else ""
        return TrainingError(
            f"{what}, up to step {index}" + ("" if kept else ", and there is no earlier state"),
            f"{where}lower {config.rate_option} and start again in a new --run",
        )
