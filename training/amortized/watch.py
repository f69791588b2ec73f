"""What a person sees of a run: curves for TensorBoard, contact sheets, figures, snapshots."""

from __future__ import annotations

import torch
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from backend.model.checkpoint import Checkpoint, load_checkpoint
from backend.text.encoder import TextEncoder

from ..assets.toybox import ToyboxAssets
from ..figures.contact_sheet import Row, contact_sheet
from ..prompts import PromptSet
from ..runs.state import Progress
from .config import TrainConfig
from .evaluation import Views, evenly, iou, look, psnr
from .export import export
from .trainer import Trainer


class Watcher:
    """Looks at some seen and some unseen prompts every so many steps.

    Prompts without references (``assets`` is None) are drawn, not measured.
    """

    def __init__(
        self,
        config: TrainConfig,
        prompts: PromptSet,
        encoder: TextEncoder,
        assets: ToyboxAssets | None,
    ) -> None:
        self._config = config
        self._set = prompts
        self._encoder = encoder
        self._assets = assets
        self._writer = SummaryWriter(str(config.folder / "tensorboard"))
        self._seen = evenly(prompts.seen, config.watched)
        self._unseen = evenly(prompts.unseen, config.watched)

    def __call__(self, trainer: Trainer, progress: Progress, losses: dict[str, float]) -> None:
        step = progress.step
        if step % 10 == 0:
            for name, value in losses.items():
                self._writer.add_scalar(f"loss/{name}", value, step)
            self._writer.add_scalar(
                "frames_per_prompt", progress.frames / max(len(self._set.seen), 1), step
            )
        if step % self._config.sheet_every == 0 or step == self._config.steps:
            self._look(trainer, progress)

    def close(self) -> None:
        self._writer.close()

    def _look(self, trainer: Trainer, progress: Progress) -> None:
        snapshot = self._config.folder / "snapshot.safetensors"
        export(
            trainer.model,
            self._config,
            self._set,
            self._encoder,
            progress,
            snapshot,
            offset=trainer.offset,
        )
        checkpoint: Checkpoint = load_checkpoint(snapshot, trainer.device)
        columns = self._seen + self._unseen
        prompts = [self._set.prompts[i] for i in columns]
        embeddings = self._encoder.encode(prompts)
        views = [
            look(checkpoint, embedding, self._assets, index)
            for embedding, index in zip(embeddings, columns, strict=True)
        ]
        said = self._figures(progress, views)
        tqdm.write(
            f"step {progress.step}, {progress.seconds / 60:.1f} min,"
            f" {progress.frames / max(len(self._set.seen), 1):.0f} frames a prompt"
            + "".join(f", {figure}" for figure in said)
        )
        rows: list[Row] = [
            ("ours", [v.lit[0] for v in views]),
            ("ours, from its left", [v.lit[1] for v in views]),
            ("ours, from behind", [v.lit[2] for v in views]),
        ]
        truths = [v.truth for v in views if v.truth]
        if truths:
            rows.insert(0, ("truth", [truth.lit[0] for truth in truths]))
        contact_sheet(
            self._config.folder / "sheets" / f"{progress.step:06d}.png",
            [f"{'seen' if i < len(self._seen) else 'UNSEEN'}: {p}" for i, p in enumerate(prompts)],
            rows,
        )

    def _figures(self, progress: Progress, views: list[Views]) -> list[str]:
        said = []
        groups = {"seen": views[: len(self._seen)], "unseen": views[len(self._seen) :]}
        for name, group in groups.items():
            both = [(v, v.truth) for v in group if v.truth]
            if both:
                decibels = torch.tensor([psnr(v.albedo, truth.albedo) for v, truth in both])
                overlap = torch.tensor([iou(v.alpha, truth.alpha) for v, truth in both])
                self._writer.add_scalar(f"psnr/{name}", decibels.mean().item(), progress.step)
                self._writer.add_scalar(f"iou/{name}", overlap.mean().item(), progress.step)
                said.append(f"{name} {decibels.mean():.2f} dB, IoU {overlap.mean():.3f}")
        return said
