"""The contrastive training loop: repeatable, resumable at any moment, measured as it goes."""

from __future__ import annotations

import json
import math
import random
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn
from tqdm import tqdm

from backend.export.files import check_ending, check_folder
from backend.text.open_clip_import import import_open_clip
from backend.text.tokenizer import learn_words

from ..runs.contents import fingerprint
from ..runs.folder import locked
from ..runs.log import append_line
from ..runs.loop import Figures, Loop, LoopConfig
from ..runs.precision import used_precision
from ..runs.ranges import check_ranges
from ..runs.state import STATE_FILE, Progress, require_finite
from .bank import Bank, check_bank, held_out_bank, held_out_objects, random_bank
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

_LOG_FILE, _CLIP_FILE = "log.txt", "clip.safetensors"
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
        OutputError: the folder of the run or the file cannot be written.
    """
    check_ranges(config)
    check_ending(config.output_path, (".safetensors",), config.preset)
    check_folder(config.output_path)
    with locked(config.run_folder, (STATE_FILE, _LOG_FILE, _CLIP_FILE)):
        return _train(config, source, shape)


def _train(
    config: ClipTrainConfig, source: PairSource | None, shape: ClipShape | None
) -> Retrieval:
    chosen = source
    if chosen is None:
        from ..prompts import prompt_set
        from .toybox_source import ToyboxSource

        chosen = ToyboxSource(prompt_set("toybox"))
    check_bank(chosen, config.bank)
    run = _Run(config, chosen, SHAPES[config.preset] if shape is None else shape)
    return run.train()


@dataclass(frozen=True)
class _Data:
    """Everything that batches and measurements are drawn from."""

    bank: Bank
    views: list[Int[Tensor, " _"]]
    """Pictures of each object in the bank."""
    near: list[Int[Tensor, " _"]]
    """Objects that differ in one attribute from each that may be trained on."""
    held_out: Int[Tensor, " objects"]
    pictures: UInt8[Tensor, "objects views 4 size size"]


class _Run:
    """One run: the model, its optimizer, its data, and how far it is."""

    def __init__(self, config: ClipTrainConfig, source: PairSource, shape: ClipShape) -> None:
        self.config = config
        self.source = source
        self._precision = used_precision(config.precision, torch.device("cpu"))
        torch.manual_seed(config.random_seed)
        self.clip: SmallClip = build_clip(shape, learn_words(source.vocabulary_texts()))
        self.optimizer = _optimizer(self.clip.towers, config)
        self.loss = import_open_clip().ClipLoss()
        self.progress = Progress(0, 0.0)
        self._data: _Data
        self.loop: LoopConfig
        self.objects = (
            source.trainable
            if config.preset == "conditioning"
            else torch.arange(len(source.captions))
        )

    def train(self) -> Retrieval:
        config = self.config
        self._data = self._load_data()
        self.loop = LoopConfig(
            name=f"clip {config.preset}",
            folder=config.run_folder,
            steps=config.steps,
            minutes=config.minutes,
            save_every=config.save_every,
            resume=config.resume,
            rate_option="--learning-rate",
        )
        self.progress = Loop(
            self.loop,
            self.clip.towers,
            self.optimizer,
            self._identity(),
            self._train_step,
            watch=self._watch,
            start=self._start,
            frames=lambda figures: config.batch,
        ).run()
        final = self._measure()
        self._report(None, final)
        self._write_output(final)
        return final

    def _start(self, progress: Progress) -> None:
        self.progress = progress
        if progress.step == 0:
            spread_features(self.clip, *self._batch(0))
        self.clip.towers.train()

    def _watch(self, progress: Progress, figures: Figures) -> None:
        self.progress = progress
        if progress.step % self.config.save_every == 0 and self.loop.share(progress) < 1.0:
            self._report(figures["loss"], self._measure())

    def _load_data(self) -> _Data:
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

    def _measure(self) -> Retrieval:
        """Retrieval on held-out pictures, with batch norms settled first.

        Their running averages trail behind weights that move fast; training itself never reads
        them, so settling them changes nothing but the measurement (and the file at the end).
        """
        batches = [self._batch(_SETTLING + index)[0] for index in range(_SETTLING_BATCHES)]
        settle_batch_norms(self.clip, batches)
        return retrieval(self.clip, self.source, self._data.held_out, self._data.pictures)

    def _learning_rate(self) -> float:
        warm = min(1.0, (self.progress.step + 1) / max(self.config.warmup, 1))
        cosine = 0.5 * (1.0 + math.cos(math.pi * min(self.loop.share(self.progress), 1.0)))
        return self.config.learning_rate * warm * cosine

    def _batch(
        self, step: int
    ) -> tuple[Float[Tensor, "batch 3 size size"], Int[Tensor, "batch context"]]:
        """The pictures and captions of a step: a function of the seed and the step."""
        config, clip, data = self.config, self.clip, self._data
        seed = config.random_seed * 1_000_003 + step
        generator = torch.Generator().manual_seed(seed)
        chance = random.Random(seed)
        drawn = draw_objects(data.near, config.batch, config.hard_negatives, generator)
        objects = self.objects[drawn]
        rgba = data.bank.rgba[draw_views(data.views, objects, generator)]
        captions = draw_captions(self.source, objects, config.paraphrases, chance)
        ids = tokenize(clip.tokenizer, captions, config.unknown_words, chance)
        return augment(rgba, clip.shape.image_size, config.backgrounds, generator), ids

    def _train_step(self, index: int) -> Figures:
        clip = self.clip
        pictures, ids = self._batch(index)
        pixels = normalise_pixels(pictures)
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self._precision == "bf16"):
            images, texts, scale = clip.towers(pixels, ids)
        loss = self.loss(images.float(), texts.float(), scale)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(clip.towers.parameters(), 1.0)
        if not (math.isfinite(loss.item()) and math.isfinite(norm.item())):
            return {"loss": math.nan}
        self.optimizer.step()
        with torch.no_grad():
            clip.towers.logit_scale.clamp_(0.0, _LARGEST_SCALE)
        return {"loss": loss.item()}

    def _identity(self) -> dict[str, Any]:
        """What must not change between the sessions of a run."""
        config = self.config
        return {
            "preset": config.preset,
            "objects": fingerprint([self.source.fingerprint, self.source.captions]),
            "bank": fingerprint(self._data.bank.fingerprint),
            "shape": json.loads(json.dumps(asdict(self.clip.shape))),
            "words": list(self.clip.text.words),
            "seed": config.random_seed,
            "batch": config.batch,
            "learning_rate": config.learning_rate,
        }

    def _report(self, loss: float | None, figures: Retrieval) -> None:
        text = f"step {self.progress.step:5d}  {self.progress.seconds:5.0f} s  "
        if loss is not None:
            text += f"loss {loss:.3f}  "
        text += f"scale {self.clip.towers.logit_scale.exp().item():.1f}  {figures.line()}"
        tqdm.write(text)
        append_line(self.config.run_folder / _LOG_FILE, text)

    def _write_output(self, figures: Retrieval) -> None:
        config = self.config
        recipe = {
            "command": f"python -m training clip --preset {config.preset}",
            "source": self.source.name,
            "seed": config.random_seed,
            "steps": self.progress.step,
            "seconds": round(self.progress.seconds),
            "precision": self._precision,
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
        if config.preset == "conditioning":
            encoder = self.clip.text_encoder()
            readable = separability(encoder, self.source)
            tqdm.write(readable.line())
            require_finite(encoder.storage(), "--learning-rate")
            encoder.save(path, recipe | {"linear_probe": asdict(readable)})
            save_clip(config.run_folder / _CLIP_FILE, self.clip, recipe)
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
