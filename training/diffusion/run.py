"""A run, from a configuration to a model's folder: builds the parts, trains, looks, saves."""

from __future__ import annotations

import math
from contextlib import closing
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor
from tqdm import tqdm

from backend.accelerator import choose_device
from backend.protocol.errors import OutputError, TrainingError
from backend.text.small_encoder import SmallEncoder

from ..clip.conditioning import conditioning_encoder
from ..clip.scoring import ScoringClip
from ..prompts import PromptSet, known_words, prompt_set, synonyms
from ..prompts.views import VIEW_WORDS, close_words
from ..rendering.contact_sheet import Row, contact_sheet
from ..runs.contents import fingerprint
from ..runs.folder import locked
from ..runs.log import TENSORBOARD, append_line, tensorboard
from ..runs.precision import used_precision
from ..runs.ranges import check_ranges
from ..runs.state import STATE_FILE, Progress
from .bank import StreamingBank, ViewMaker
from .captions import Captions, Tokens
from .config import DiffusionConfig
from .evaluation import caption_accuracy, held_out, side_words, view_accuracy
from .folder import PixelModelConfig, load_pixel_model, save_pixel_model, tower_file
from .loop import DiffusionTrainer
from .model import PixelUNet, build_scheduler, build_unet, sample
from .text import PixelTextEncoder, with_views

LOG_FILE = "log.txt"
WRITTEN = (STATE_FILE, LOG_FILE, "model/", "bank/", "sheets/", TENSORBOARD)
"""What a run leaves in its folder."""
GUIDANCE = 3.0
"""Weight at which samples are scored."""
SHEET_GUIDANCE = (1.0, 3.0, 5.0)


def train_diffusion(config: DiffusionConfig) -> Path:
    """Train to the end and return the model's folder.

    Raises:
        TrainingError: bad configuration, prompts without toys, a run that diverges.
        OutputError: the run folder cannot be written.
    """
    check_ranges(config)
    device = choose_device(config.device)
    with locked(config.folder, WRITTEN):
        return _train(config, device)


def _train(config: DiffusionConfig, device: torch.device) -> Path:
    torch.manual_seed(config.seed)
    prompts = prompt_set(config.data.prompts)
    known = _known(prompts, config)
    captions = Captions(known, config.data)
    text = str(tower_file(config.start)) if config.start else config.text
    base = conditioning_encoder(text, words=known_words(known), synonyms=synonyms(known))
    if not isinstance(base, SmallEncoder):
        raise TrainingError(
            f"the diffusion model carries its text tower with it; {config.text!r} is too large",
            "use --text small, or a tower's .safetensors file",
        )
    encoder = with_views(base, config.data.views)
    seed, size = config.seed, config.unet.size
    maker = ViewMaker(known, config.data, size, seed, device, compiled=config.compiled)
    trainer = DiffusionTrainer(
        config=config,
        unet=_network(config, encoder.width),
        scheduler=build_scheduler(config.noise, zero_terminal_snr=config.zero_terminal_snr),
        bank=StreamingBank(maker, config.folder / "bank"),
        captions=captions,
        tokens=Tokens(encoder),
        device=device,
        contents={
            "text": fingerprint(base.fingerprint),
            "data.prompts": fingerprint([known, maker.looks]),
            **({"start": fingerprint(config.start)} if config.start else {}),
        },
    )
    watcher = _Watcher(config, known, encoder, maker, trainer)
    with closing(trainer.bank):
        progress = trainer.run(watcher)
    watcher.finish(progress)
    return config.model_folder


def _network(config: DiffusionConfig, text_width: int) -> PixelUNet:
    """Random weights, or those of the model to go on from.

    Raises:
        TrainingError: that model cannot be read, or has another shape.
    """
    unet = build_unet(config.unet, text_width)
    if config.start is not None:
        earlier, *_ = load_pixel_model(config.start)
        try:
            unet.load_state_dict(earlier.state_dict())
        except RuntimeError:
            raise TrainingError(
                f"the model in {config.start} has another shape than this run's network",
                "give the preset or the --unet options that it was trained with",
            ) from None
    return unet


def _known(prompts: PromptSet, config: DiffusionConfig) -> list[str]:
    """The prompts whose pictures are trained on."""
    rows = prompts.seen if config.data.split == "seen" else range(len(prompts.prompts))
    return [prompts.prompts[row] for row in rows]


class _Watcher:
    """Curves for TensorBoard, sample sheets, figures, snapshots of the model's folder."""

    def __init__(
        self,
        config: DiffusionConfig,
        prompts: list[str],
        encoder: PixelTextEncoder,
        maker: ViewMaker,
        trainer: DiffusionTrainer,
    ) -> None:
        self._config = config
        self._prompts = prompts
        self._encoder = encoder
        self._trainer = trainer
        self._empty = encoder.encode([""])[0]
        self._scoring = ScoringClip.load()
        self._writer = tensorboard(config.folder)
        self._sides = side_words(config.data.views, maker.elevation)
        self._maker = maker
        self._held_out = held_out(maker, trainer.captions, trainer.tokens)
        self._watched = _some(len(prompts), config.watched)
        self._watched_truth = maker.around(self._watched)

    def __call__(
        self, trainer: DiffusionTrainer, progress: Progress, figures: dict[str, float]
    ) -> None:
        if progress.step % 10 == 0:
            for name, value in figures.items():
                self._writer.add_scalar(f"train/{name}", value, progress.step)
        if progress.step % self._config.sheet_every == 0 and progress.step < self._config.steps:
            self._look(progress, self._config.scored)

    def finish(self, progress: Progress) -> None:
        """The last look, over all prompts; an old run's again when it has nothing left to do."""
        self._look(progress, len(self._prompts))
        self._writer.close()

    def _look(self, progress: Progress, scored: int) -> None:
        figures = self._measure(scored)
        for name, value in figures.items():
            self._writer.add_scalar(f"look/{name}", value, progress.step)
        said = ", ".join(f"{name} {value:.3f}" for name, value in figures.items())
        line = f"step {progress.step}, {progress.seconds / 60:.1f} min: {said}"
        tqdm.write(line)
        append_line(self._config.folder / LOG_FILE, line)
        try:
            self._sheet(self._config.folder / "sheets" / f"{progress.step:06d}.png")
        except OSError as error:
            raise OutputError(f"cannot write in {self._config.folder}: {error}") from error
        save_pixel_model(
            self._config.model_folder,
            self._trainer.average,
            self._trainer.scheduler,
            self._encoder,
            describe(self._config, progress, figures, self._trainer.device),
        )

    def _measure(self, scored: int) -> dict[str, float]:
        """Figures of the averaged weights; those of real pictures beside them are the ceiling."""
        trainer = self._trainer
        rows = _some(len(self._prompts), scored)
        sides = torch.arange(len(rows)) % 4
        words = self._sides[sides]
        pictures = self._samples(rows, words, GUIDANCE, seed=2)
        truth = self._maker.around(rows)
        real = truth[torch.arange(len(rows)), sides]
        colors = torch.rand(len(rows), 3, generator=torch.Generator().manual_seed(3))
        real = real[:, :3] + (1.0 - real[:, 3:]) * colors[:, :, None, None]
        score = partial(caption_accuracy, self._scoring, prompts=self._prompts, objects=rows)
        return {
            "held-out loss": self._held_out.loss(trainer.average, trainer.scheduler),
            "caption accuracy": score(pictures=pictures),
            "of real pictures": score(pictures=real.permute(0, 2, 3, 1)),
            "view accuracy": view_accuracy(pictures, truth, words, self._sides),
        }

    def _samples(
        self,
        objects: Int[Tensor, " pictures"],
        words: Int[Tensor, " pictures"],
        guidance: float,
        seed: int,
    ) -> Float[Tensor, "pictures size size 3"]:
        trainer = self._trainer
        with trainer.arithmetic():
            return sample(
                trainer.average,
                trainer.scheduler,
                trainer.tokens(trainer.captions.full(objects, words)),
                self._empty,
                self._config.unet.size,
                guidance,
                torch.Generator().manual_seed(seed),
            )

    def _sheet(self, path: Path) -> None:
        """Watched prompts: the truth, guidance weights, the other sides, close-ups if known."""
        names = VIEW_WORDS[self._config.data.views]
        front = self._watched_truth[:, 0]
        white = (front[:, :3] + 1.0 - front[:, 3:]).permute(0, 2, 3, 1)
        rows: list[Row] = [("real, front view", list(white))]
        looks = [(weight, 0) for weight in SHEET_GUIDANCE] + [
            (GUIDANCE, side) for side in (1, 2, 3)
        ]
        for weight, side in looks:
            word = int(self._sides[side])
            words = torch.full((len(self._watched),), word)
            pictures = self._samples(self._watched, words, weight, seed=side)
            rows.append((f"weight {weight:g}, {names[word]}", list(pictures)))
        for word in close_words(self._config.data.views):
            words = torch.full((len(self._watched),), word)
            pictures = self._samples(self._watched, words, GUIDANCE, seed=4)
            rows.append((f"weight {GUIDANCE:g}, {names[word]}", list(pictures)))
        contact_sheet(path, [self._prompts[i] for i in self._watched.tolist()], rows, tile=96)


def describe(
    config: DiffusionConfig, progress: Progress, figures: dict[str, float], device: torch.device
) -> PixelModelConfig:
    """What the model's folder says of it."""
    return PixelModelConfig(
        size=config.unet.size,
        patch=config.unet.patch,
        views=config.data.views,
        prompts=config.data.prompts,
        split=config.data.split,
        cameras=config.data.cameras,
        lights=config.data.lights,
        albedo_share=config.data.albedo_share,
        recipe={
            "config": config.as_json(),
            "precision": used_precision(config.precision, device),
            "steps": progress.step,
            "images": progress.frames,
            "seconds": round(progress.seconds),
            "figures": {name: round(value, 4) for name, value in figures.items()},
            "torch": torch.__version__,
        },
    )


def _some(count: int, wanted: int) -> Int[Tensor, " some"]:
    """Always the same ``wanted`` of ``count`` prompts (all, if there are fewer), in golden steps:
    prompts in order of their parts, a few of them have all parts."""
    stride = max(round(0.381966 * count), 1)
    while math.gcd(stride, count) > 1:
        stride += 1
    return (torch.arange(min(wanted, count)) * stride % count).sort().values
