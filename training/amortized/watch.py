"""What a person sees of a run: curves for TensorBoard, contact sheets, figures, snapshots."""

from __future__ import annotations

from functools import cached_property

from tqdm import tqdm

from backend.accelerator import choose_device
from backend.model.checkpoint import Checkpoint, load_checkpoint
from backend.protocol.errors import Att3dError, MissingDependency, NotDownloaded
from backend.text.encoder import TextEncoder

from ..assets import AssetCollection, ReferenceAssets
from ..clip.scoring import Scorer, load_scorer
from ..prompts import PromptSet
from ..rendering.contact_sheet import Row, contact_sheet
from ..runs.log import tensorboard
from ..runs.state import Progress
from .config import TrainConfig
from .curve import append_point
from .drawn import DrawnPrompts
from .evaluation import Figures, Sides, evenly, look, reference_sides
from .export import export
from .r_metrics import Queries
from .trainer import Trainer

SNAPSHOT_FILE = "snapshot.safetensors"
LOOKING = 10
"""Epochs in which a snapshot's mapping network learns the assets' own parts of v: enough to see
how a run goes; the run's checkpoint takes the time it needs."""


class Watcher:
    """Looks at some seen and some unseen prompts every so many steps.

    Their figures go to TensorBoard and to the run's curve (``curve.py``). Prompts without
    references (``assets`` is None) have R-figures only, and those that the scoring model cannot
    score have none: a word is said, and the run goes on, as it does where the scoring model is not
    on this machine.

    Raises:
        BadRequest, CheckpointError: there is no such scoring model.
    """

    def __init__(
        self,
        config: TrainConfig,
        prompts: PromptSet,
        collection: AssetCollection,
        encoder: TextEncoder,
        assets: ReferenceAssets | None,
    ) -> None:
        self._config = config
        self._set = prompts
        self._collection = collection
        self._encoder = encoder
        self._assets = assets
        self._truths: dict[int, Sides] = {}
        self._scoring = _scoring_model(config)
        self._writer = tensorboard(config.folder)
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
        snapshot = self._config.folder / SNAPSHOT_FILE
        export(
            trainer.by_text(epochs=LOOKING),
            self._config,
            self._set,
            self._collection,
            self._encoder,
            progress,
            snapshot,
            offset=trainer.offset,
        )
        checkpoint: Checkpoint = load_checkpoint(snapshot, trainer.device)
        drawn = DrawnPrompts(checkpoint, self._encoder)
        figures = Figures(self._queries)
        columns = self._seen + self._unseen
        views = {}
        for name, whole, shown in (
            ("seen", self._set.seen, self._seen),
            ("unseen", self._set.unseen, self._unseen),
        ):
            measured = evenly(whole, self._config.scored) if self._config.scored else shown
            for index in dict.fromkeys((*shown, *measured)):
                view = look(drawn.field(self._set.prompts[index]), self._truth(index))
                if index in measured:
                    figures.add(name, view, index, truth=name == "unseen")
                if index in shown:
                    views[index] = view
        self._record(progress, figures.means())
        sides = [views[index] for index in columns]
        rows: list[Row] = [
            ("ours", [v.lit[0] for v in sides]),
            ("ours, from its left", [v.lit[1] for v in sides]),
            ("ours, from behind", [v.lit[2] for v in sides]),
        ]
        truths = [v.truth for v in sides if v.truth]
        if truths:
            rows.insert(0, ("truth", [truth.lit[0] for truth in truths]))
        contact_sheet(
            self._config.folder / "sheets" / f"{progress.step:06d}.png",
            [
                f"{'seen' if place < len(self._seen) else 'UNSEEN'}: {self._set.prompts[index]}"
                for place, index in enumerate(columns)
            ],
            rows,
        )

    def _truth(self, index: int) -> Sides | None:
        """A prompt's reference, drawn at the first look and kept."""
        if self._assets is None:
            return None
        if index not in self._truths:
            self._truths[index] = reference_sides(self._assets, index)
        return self._truths[index]

    def _record(self, progress: Progress, means: dict[str, dict[str, float]]) -> None:
        """Write the figures to the curve, to TensorBoard and for the person who watches."""
        point = append_point(self._config.folder, progress, len(self._set.seen), means)
        frames = point["frames_per_prompt"]
        for name, groups in means.items():
            for group, value in groups.items():
                self._writer.add_scalar(f"{name}/{group}", value, progress.step)
                self._writer.add_scalar(f"by_frames/{name}/{group}", value, round(frames))
        said = "".join(
            f", {name} {group} {groups[group]:{digits}}"
            for name, digits in (("psnr", ".2f"), ("iou", ".3f"), ("r_precision", ".3f"))
            for groups in [means[name]]
            for group in ("seen", "unseen")
            if group in groups
        )
        tqdm.write(
            f"step {progress.step}, {progress.seconds / 60:.1f} min,"
            f" {frames:.0f} frames a prompt{said}"
        )

    @cached_property
    def _queries(self) -> Queries | None:
        """The set's prompts as the scoring model sees them; made at the first look."""
        if self._scoring is None:
            return None
        try:
            return Queries(self._scoring, self._set.prompts)
        except Att3dError as error:
            _say_unscored(error)
            return None


def _scoring_model(config: TrainConfig) -> Scorer | None:
    """The model that ``config`` names, if it is on this machine; loaded before the first step, so
    that a wrong name is not noticed after hours."""
    if config.scoring == "none":
        return None
    try:
        return load_scorer(config.scoring, choose_device(config.device))
    except (NotDownloaded, MissingDependency) as error:
        _say_unscored(error)
        return None


def _say_unscored(error: Att3dError) -> None:
    tqdm.write(f"no R-precision in this run: {error.message}")
