"""The contrastive training loop: repeatable, resumable at any moment, measured as it goes."""

from __future__ import annotations

import json
import logging
import math
import random
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int, UInt8
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn
from tqdm import tqdm

from backend.files import atomic_write
from backend.protocol.errors import TrainingError
from backend.text.open_clip_import import import_open_clip
from backend.text.tokenizer import learn_words

from .bank import Bank, held_out_bank, held_out_objects, random_bank
from .config import SHAPES, ClipShape, ClipTrainConfig
from .evaluation import Retrieval, retrieval, separability
from .model import (
    SmallClip,
    build_clip,
    normalise_pixels,
    save_clip,
    settle_batch_norms,
    spread_features,
)
from .sampling import augment, draw_captions, draw_objects, draw_views, neighbours, tokenize
from .source import PairSource

_log = logging.getLogger(__name__)
_LARGEST_SCALE = math.log(100.0)
"""open_clip clamps the learned temperature here."""
_SETTLING = 1_000_000_000
"""Numbers of steps that are never trained on start here."""
_SETTLING_BATCHES = 8


def train_clip(
    config: ClipTrainConfig, source: PairSource | None = None, shape: ClipShape | None = None
) -> Retrieval:
    """Train one preset, write its file, and return the final retrieval figures.

    ``source`` and ``shape`` replace the toybox and the preset's architecture (tests use tiny ones).

    Raises:
        TrainingError: the loss is not finite, or the run folder belongs to another configuration.
    """
    chosen = source
    if chosen is None:
        from ..prompts import prompt_set
        from .toybox_source import ToyboxSource

        chosen = ToyboxSource(prompt_set("toybox"))
    run = _Run(config, chosen, SHAPES[config.preset] if shape is None else shape)
    return run.train()


@dataclass(frozen=True)
class _Data:
    """Everything that batches and measurements are drawn from."""

    bank: Bank
    views: list[Int[Tensor, " views"]]
    """For each object, its pictures in the bank."""
    near: list[Int[Tensor, " near"]]
    """For each object that may be trained on, those that differ in one attribute."""
    held_out: Int[Tensor, " objects"]
    pictures: UInt8[Tensor, "objects views 4 size size"]


class _Run:
    """State of one run: model, optimizer, step, and time spent."""

    def __init__(self, config: ClipTrainConfig, source: PairSource, shape: ClipShape) -> None:
        self.config = config
        self.source = source
        torch.manual_seed(config.random_seed)
        self.clip: SmallClip = build_clip(shape, learn_words(source.vocabulary_texts()))
        self.optimizer = _optimizer(self.clip.towers, config)
        self.loss = import_open_clip().ClipLoss()
        self.step = 0
        self.seconds = 0.0
        """Time spent in training steps, over all sessions of this run."""
        self.objects = (
            source.trainable
            if config.preset == "conditioning"
            else torch.arange(len(source.captions))
        )
        config.run_folder.mkdir(parents=True, exist_ok=True)

    @property
    def state_path(self) -> Path:
        return self.config.run_folder / "state.safetensors"

    def train(self) -> Retrieval:
        config = self.config
        data = self._data()
        if not (config.resume and self._restore()):
            spread_features(self.clip, *self._batch(0, data))
        self.clip.towers.train()
        with tqdm(total=100.0, unit="%", desc=f"clip {config.preset}", mininterval=2.0) as bar:
            while self._progress() < 1.0:
                start = time.monotonic()
                loss = self._train_step(data)
                self.seconds += time.monotonic() - start
                bar.n = round(min(self._progress(), 1.0) * 100.0, 1)
                bar.set_postfix(step=self.step, loss=f"{loss:.3f}", refresh=False)
                bar.update(0)
                if self.step % config.save_every == 0 and self._progress() < 1.0:
                    self._save()
                    self._report(loss, self._measure(data))
        self._save()
        final = self._measure(data)
        self._report(loss=None, figures=final)
        self._write_output(final)
        return final

    def _data(self) -> _Data:
        config = self.config.bank
        with tqdm(desc="pictures", unit="shard", mininterval=2.0) as bar:

            def progress(done: int, total: int) -> None:
                bar.total, bar.n = total, done
                bar.refresh()

            backwards = self.config.preset == "conditioning"
            bank = random_bank(self.source, config, progress, backwards)
            held_out = held_out_objects(self.source, config)
            return _Data(
                bank=bank,
                views=bank.of_object(len(self.source.captions)),
                near=neighbours(self.source.attributes[self.objects]),
                held_out=held_out,
                pictures=held_out_bank(self.source, held_out, config, progress),
            )

    def _measure(self, data: _Data) -> Retrieval:
        """Retrieval on held-out pictures, with batch norms settled first.

        Their running averages trail behind weights that move fast; training itself never reads
        them, so settling them changes nothing but the measurement (and the file at the end).
        """
        batches = [self._batch(_SETTLING + index, data)[0] for index in range(_SETTLING_BATCHES)]
        settle_batch_norms(self.clip, batches)
        return retrieval(self.clip, self.source, data.held_out, data.pictures)

    def _progress(self) -> float:
        """Part of the budget used, in [0, 1]."""
        if self.config.steps is not None:
            return self.step / max(self.config.steps, 1)
        return self.seconds / (self.config.minutes * 60.0)

    def _learning_rate(self) -> float:
        warm = min(1.0, (self.step + 1) / max(self.config.warmup, 1))
        cosine = 0.5 * (1.0 + math.cos(math.pi * min(self._progress(), 1.0)))
        return self.config.learning_rate * warm * cosine

    def _batch(
        self, step: int, data: _Data
    ) -> tuple[Float[Tensor, "batch 3 size size"], Int[Tensor, "batch context"]]:
        """The pictures and captions of a step: a function of the seed and the step."""
        config, clip = self.config, self.clip
        seed = config.random_seed * 1_000_003 + step
        generator = torch.Generator().manual_seed(seed)
        chance = random.Random(seed)
        drawn = draw_objects(data.near, config.batch, config.hard_negatives, generator)
        objects = self.objects[drawn]
        rgba = data.bank.rgba[draw_views(data.views, objects, generator)]
        captions = draw_captions(self.source, objects, config.paraphrases, chance)
        ids = tokenize(clip.tokenizer, captions, config.unknown_words, chance)
        return augment(rgba, clip.shape.image_size, config.backgrounds, generator), ids

    def _train_step(self, data: _Data) -> float:
        config, clip = self.config, self.clip
        pictures, ids = self._batch(self.step, data)
        pixels = normalise_pixels(pictures)
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=config.bfloat16):
            images, texts, scale = clip.towers(pixels, ids)
        loss = self.loss(images.float(), texts.float(), scale)
        if not torch.isfinite(loss):
            raise TrainingError(
                f"The loss of step {self.step} is not finite.", "Lower --learning-rate."
            )
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(clip.towers.parameters(), 1.0)
        self.optimizer.step()
        with torch.no_grad():
            clip.towers.logit_scale.clamp_(0.0, _LARGEST_SCALE)
        self.step += 1
        return loss.item()

    def _save(self) -> None:
        tensors = {f"model.{k}": v for k, v in self.clip.towers.state_dict().items()}
        for index, slots in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": value for name, value in slots.items()}
        contiguous = {k: v.detach().contiguous() for k, v in tensors.items()}
        description = {"step": self.step, "seconds": self.seconds, "identity": self._identity()}
        self.state_path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(self.state_path, save(contiguous, {"run": json.dumps(description)}))

    def _restore(self) -> bool:
        """Take the run's state up again; False when there is none."""
        if not self.state_path.exists():
            return False
        try:
            with safe_open(self.state_path, framework="pt") as file:
                description = json.loads((file.metadata() or {})["run"])
            tensors = load_file(self.state_path)
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise TrainingError(
                f"The state {self.state_path} cannot be read: {error}", "Delete it, or --no-resume."
            ) from error
        if description["identity"] != self._identity():
            raise TrainingError(
                f"{self.config.run_folder} holds a run with other settings.",
                "Use its settings, another --run folder, or --no-resume.",
            )
        model = {k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")}
        self.clip.towers.load_state_dict(model)
        slots: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith("optimizer."):
                _, index, name = key.split(".")
                slots.setdefault(int(index), {})[name] = value
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": slots})
        self.step, self.seconds = description["step"], description["seconds"]
        _log.info("resumed at step %d", self.step)
        return True

    def _identity(self) -> dict[str, Any]:
        """What must not change between the sessions of a run."""
        config = self.config
        return {
            "preset": config.preset,
            "objects": self.source.fingerprint,
            "shape": json.loads(json.dumps(asdict(self.clip.shape))),
            "words": list(self.clip.text.words),
            "seed": config.random_seed,
            "batch": config.batch,
            "learning_rate": config.learning_rate,
        }

    def _report(self, loss: float | None, figures: Retrieval) -> None:
        text = f"step {self.step:5d}  {self.seconds:5.0f} s  "
        if loss is not None:
            text += f"loss {loss:.3f}  "
        text += f"scale {self.clip.towers.logit_scale.exp().item():.1f}  {figures.line()}"
        tqdm.write(text)
        with (self.config.run_folder / "log.txt").open("a", encoding="utf-8") as file:
            file.write(text + "\n")

    def _write_output(self, figures: Retrieval) -> None:
        config = self.config
        recipe = {
            "command": f"python -m training clip --preset {config.preset}",
            "seed": config.random_seed,
            "steps": self.step,
            "seconds": round(self.seconds),
            "batch": config.batch,
            "learning_rate": config.learning_rate,
            "paraphrases": config.paraphrases,
            "hard_negatives": config.hard_negatives,
            "backgrounds": config.backgrounds,
            "views": config.bank.views,
            "captions": len(self.objects),
            "retrieval": asdict(figures),
        }
        path = config.output_path
        path.parent.mkdir(parents=True, exist_ok=True)
        if config.preset == "conditioning":
            encoder = self.clip.text_encoder()
            readable = separability(encoder, self.source)
            tqdm.write(readable.line())
            encoder.save(path, recipe | {"linear_probe": asdict(readable)})
            save_clip(config.run_folder / "clip.safetensors", self.clip, recipe)
        else:
            save_clip(path, self.clip, recipe)
        tqdm.write(f"wrote {path}")


def _optimizer(towers: nn.Module, config: ClipTrainConfig) -> torch.optim.AdamW:
    """AdamW; no decay on norms, biases and the temperature, as in open_clip's own training."""
    decayed = [p for p in towers.parameters() if p.ndim >= 2]
    others = [p for p in towers.parameters() if p.ndim < 2]
    groups = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98), eps=1e-6)
