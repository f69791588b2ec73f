"""Algorithm 1's loop: several prompts a step, one update of the shared network.

A run can be killed at any moment and started again with the same command; the losses are those of
a run that never stopped.

A step's batch is computed in ``accumulate * processes`` equal parts, one after the other in a
process and side by side under ``torchrun``. Each part has randomness of its own, so the
update is the same however the parts are spread over processes, and a run may go on with another
number of them.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import cast

import torch
from accelerate import Accelerator
from jaxtyping import Float
from torch import Tensor, nn

from backend.accelerator import full_precision, use_accelerator, use_tf32
from backend.model.att3d import ATT3D, OutputOffset
from backend.model.mapping import MappingNetwork
from backend.protocol.errors import BadRequest, TrainingError

from ..guidance import Guidance, Log
from ..prompts import PromptMix
from ..prompts.mix import sample_conditions, sample_mix
from ..rendering.scene import Step
from ..runs.contents import with_contents
from ..runs.distributed import build_accelerator, leave
from ..runs.loop import Loop, LoopConfig
from ..runs.optimizer import build_optimizer, set_rates
from ..runs.state import Progress
from .config import TrainConfig, config_as_json
from .latents import Imagined, LatentTable, say_latents_by_text

FRAME_LOSSES = ("picture", "sds")
"""Parts of the loss for which each object of the batch was rendered (A33)."""
WHITENED_PROMPTS = 1024
"""Prompts that the principal components of text embeddings are found on, at most: a step's memory
does not grow with the set."""

EMBEDDED = 64
"""Prompts embedded at once, where all are."""

Embed = Callable[[Sequence[int], torch.Generator], Float[Tensor, "prompts tokens width"]]
"""Text embeddings of some prompts of the set, said in words of the generator's choosing."""

Watcher = Callable[["Trainer", Progress, dict[str, float]], None]
"""Called after every step with its losses: logs, pictures, evaluation."""


class StepLoss(nn.Module):
    """A part of a step's batch, from text embeddings to loss; a module, so that wrappers which
    synchronise gradients see every use of the parameters."""

    _guidance: Guidance

    def __init__(
        self,
        model: ATT3D,
        guidance: Guidance,
        offset: OutputOffset | None = None,
        latents: LatentTable | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.offset = offset
        self.latents = latents
        self._guidance = guidance

    def forward(
        self,
        embedding: Float[Tensor, "objects tokens width"],
        mix: PromptMix,
        conditions: dict[str, Float[Tensor, " objects"]],
        index: int,
        steps: int,
        generator: torch.Generator,
    ) -> tuple[Float[Tensor, ""], Log]:
        # Text and what it maps to are never in half precision: where v has two numbers, bfloat16
        # keeps 175 of 1,001 shares between two prompts apart.
        with torch.autocast(embedding.device.type, enabled=False), full_precision():
            shift = None if self.latents is None else self.latents(mix)
            objects = self.model.objects(embedding, conditions, shift)
        if self.offset is not None:
            objects = self.offset(objects)
        return self._guidance(Step(self.model, objects, mix, index, steps, generator, conditions))


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
    offset: OutputOffset | None = None
    """Fine-tuning: all that is trained (A25)."""
    latents: LatentTable | None = None
    """The assets' own parts of v; the run's checkpoints say them by text."""
    imagine: Callable[[Sequence[int]], Sequence[Imagined]] | None = None
    """Captions that nobody wrote, explained by some prompts of the set, for these checkpoints."""
    contents: Mapping[str, str] = field(default_factory=dict)
    """Hashes of what the configuration only names, such as files of prompts, by option: a resumed
    run has the same."""

    def __post_init__(self) -> None:
        mapping = self.model.mapping
        if isinstance(mapping, MappingNetwork) and mapping.components:
            # Twice: as the set says them, or in other words, as in training.
            some = self._some(WHITENED_PROMPTS)
            said = [self.embed(some, self.generator(-1 - turn)) for turn in range(2)]
            mapping.whiten_on(torch.cat(said))
        self.accelerator: Accelerator = build_accelerator(
            self.config.accumulate, self.config.precision == "bf16", self.device
        )
        self.model.to(self.device).train()
        use_tf32(self.config.tf32, self.device)
        used = use_accelerator(self.model, self.config.accelerator, self.device)
        if used == "tinycudann" and self.config.rendering.normals == "analytic":
            raise BadRequest(
                "tinycudann has no second derivatives, which analytic normals need",
                "choose --rendering.normals differences, or --accelerator torch",
            )
        if self.offset is not None:
            self.model.requires_grad_(False)
            if self.config.tuned == "decoder":
                self.model.mlp.requires_grad_(True)
                if self.model.environment is not None:
                    self.model.environment.requires_grad_(True)
        if self.config.compile_mlp:
            self.model.mlp.compile()
        self.module = StepLoss(self.model, self.guidance, self.offset, self.latents)
        self._loss: nn.Module
        self.optimizer: torch.optim.Optimizer
        self._adam = build_optimizer(self.module, self.config.optimizer)
        self._loss, self.optimizer = self.accelerator.prepare(self.module, self._adam)
        self._epoch_order = lru_cache(maxsize=4)(self._order)
        self.parts = self.config.accumulate * self.accelerator.num_processes
        if self.config.batch % self.parts:
            raise TrainingError(
                f"a batch of {self.config.batch} cannot be split into {self.parts} equal parts"
                f" ({self.config.accumulate} accumulated on {self.accelerator.num_processes}"
                " processes)",
                "choose --batch as a multiple of them",
            )

    def by_text(self, *, epochs: int | None = None) -> ATT3D:
        """The model that needs no more than text: itself, or where assets have parts of v of their
        own, one with a deep mapping network that says them (A5), fitted for so many epochs."""
        if self.latents is None:
            return self.model
        seen = list(dict.fromkeys(self.seen))
        visits = Counter(self.seen)

        def said(turn: int) -> Tensor:
            generator = self.generator(-10 - turn)
            parts = [seen[start : start + EMBEDDED] for start in range(0, len(seen), EMBEDDED)]
            return torch.cat([self.embed(part, generator).to(self.device) for part in parts])

        return say_latents_by_text(
            self.model,
            self.latents(PromptMix.plain(seen)).detach(),
            [said(turn) for turn in range(self.config.latents.wordings)],
            torch.tensor([float(visits[index]) for index in seen]),
            dataclasses.replace(self.config.latents, epochs=epochs or self.config.latents.epochs),
            self._imagined,
            seed=self.config.seed,
        )

    @cached_property
    def _imagined(self) -> Sequence[Imagined]:
        return self.imagine(self.seen) if self.imagine else ()

    def _some(self, count: int) -> list[int]:
        """All seen prompts, or ``count`` of them; not at equal distances, which would be those
        with one hat where the set lists all hats in turn."""
        if len(self.seen) <= count:
            return list(self.seen)
        drawn = torch.randperm(len(self.seen), generator=self.generator(-3))[:count]
        return [self.seen[i] for i in drawn.tolist()]

    def generator(self, step: int, part: int = 0) -> torch.Generator:
        """The randomness of a part of a step: a function of the seed and these numbers only."""
        seed = self.config.seed * 1_000_003 + step + part * 0x9E3779B97F4A7C15 % (1 << 61)
        return torch.Generator().manual_seed(seed)

    def choose_prompts(self, step: int) -> list[int]:
        """The step's prompts: each epoch visits every seen prompt once, in an order of its own."""
        batch, count = self.config.batch, len(self.seen)
        chosen: list[int] = []
        position = step * batch
        while len(chosen) < batch:
            epoch, start = divmod(position, count)
            part = self._epoch_order(epoch)[start : start + batch - len(chosen)].tolist()
            chosen += [self.seen[i] for i in part]
            position += len(part)
        return chosen

    def _order(self, epoch: int) -> Tensor:
        seeded = torch.Generator().manual_seed(self.config.seed * 7919 + epoch)
        return torch.randperm(len(self.seen), generator=seeded)

    def step(self, index: int) -> dict[str, float]:
        """One update; returns the losses. Gradients that are not finite change nothing, and the
        loss is then NaN."""
        names, values = self.update(index)
        return dict(zip(names, values.tolist(), strict=True))

    def update(self, index: int) -> tuple[list[str], Float[Tensor, " losses"]]:
        """:meth:`step` without waiting for the device: names of the losses, and their values
        there."""
        prompts = self.choose_prompts(index)
        set_rates(self.optimizer, self.config.optimizer, index, self.config.steps)
        self.optimizer.zero_grad(set_to_none=True)
        rank, processes = self.accelerator.process_index, self.accelerator.num_processes
        size = len(prompts) // self.parts
        sums: Log = {}
        for turn in range(self.config.accumulate):
            part = turn * processes + rank
            last = turn == self.config.accumulate - 1
            # Spectral norm's power iteration advances once a step, in its first part.
            self.model.mapping.train(turn == 0)
            inputs = self._inputs(prompts[part * size : (part + 1) * size], index, part)
            with self.accelerator.autocast():
                if last:
                    loss, parts = self._loss(*inputs)
                    self.accelerator.backward(loss / self.config.accumulate)
                else:
                    with self.accelerator.no_sync(self._loss):
                        loss, parts = self._loss(*inputs)
                        self.accelerator.backward(loss / self.config.accumulate)
            for name, value in {"loss": loss.detach(), **parts}.items():
                share = value.float() / self.config.accumulate
                sums[name] = sums[name] + share if name in sums else share
        self.model.mapping.train()
        names, losses = list(sums), torch.stack(list(sums.values()))
        if self.accelerator.num_processes > 1:
            losses = cast(Tensor, self.accelerator.reduce(losses, "mean"))
        gradients = [p.grad.sum() for p in self.module.parameters() if p.grad is not None]
        total = torch.stack([losses[names.index("loss")].float(), *gradients]).sum()
        bad = ~torch.isfinite(total)
        # Adam looks at this by itself and changes nothing where it is one.
        self._adam.found_inf = bad.float()  # pyright: ignore[reportAttributeAccessIssue]
        self.optimizer.step()
        losses[names.index("loss")] += torch.where(bad, math.nan, 0.0)
        return names, losses

    def _inputs(
        self, leading: list[int], index: int, part: int
    ) -> tuple[Tensor, PromptMix, dict[str, Tensor], int, int, torch.Generator]:
        generator = self.generator(index, part)
        mix = sample_mix(leading, self.seen, self.config.interpolation, index, generator)
        ends = mix.prompts.shape[1]
        said = self.embed(mix.prompts.flatten().tolist(), generator)
        said = said.to(self.device, non_blocking=True).view(len(mix), ends, *said.shape[1:])
        shares = mix.shares.to(said.dtype).to(self.device, non_blocking=True)
        with full_precision():
            embedding = torch.einsum("oe,oetw->otw", shares, said)
        conditions = {
            name: value.to(self.device, non_blocking=True)
            for name, value in sample_conditions(
                self.model.config.conditions, len(mix), generator
            ).items()
        }
        return embedding, mix, conditions, index, self.config.steps, generator

    def run(self, watch: Watcher) -> Progress:
        """Train to the end of the configured steps.

        Raises:
            TrainingError: the loss stays without a finite value, or the saved state cannot be
                used.
            OutputError: the state cannot be saved.
        """
        config = self.config

        def start(progress: Progress) -> None:
            if config.sheet_first and progress.step == 0 and self.accelerator.is_main_process:
                watch(self, progress, {})

        return Loop(
            LoopConfig(
                name=config.name,
                folder=config.folder,
                steps=config.steps,
                save_every=config.save_every,
                resume=config.resume,
                rate_option="--optimizer.lr",
            ),
            self.module,
            self.optimizer,
            with_contents(config_as_json(config), self.contents),
            self.step,
            watch=lambda progress, losses: watch(self, progress, losses),
            frames=lambda losses: config.batch * sum(name in losses for name in FRAME_LOSSES),
            start=start,
            options=config,
            main=self.accelerator.is_main_process,
        ).run()

    def close(self) -> None:
        """Leave the other processes; nothing can be trained after it. The model stays."""
        del self._loss, self.optimizer
        leave(self.accelerator)
