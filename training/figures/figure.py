"""Figures of the paper: a list of runs, and what is drawn of them (A37).

A figure's runs are trained one after another, each in a folder of its own that figures share, so
that a figure which was interrupted goes on where it was and one that needs the same run does not
train it again. Then the figure is drawn (PNG) and its numbers are written beside it (JSON).
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from backend.export.files import check_folder
from backend.files import replacing
from backend.protocol.errors import BadRequest, OutputError
from backend.protocol.schema import to_json

from ..amortized.config import TrainConfig
from ..amortized.curve import read_curve
from ..amortized.one_prompt import finetune
from ..amortized.run import train
from ..prompts import PromptSet
from ..runs.ranges import check_ranges

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Plot

Scale = Literal["cpu", "paper"]
"""``cpu``: our diffusion model on two cores. ``paper``: the paper's sizes, with models of the
hub."""

Change = Callable[[TrainConfig], TrainConfig]
"""What a person changes in the configuration of every run."""


@dataclass(frozen=True)
class Run:
    """One training run of a figure."""

    label: str
    """Names its line or row, and its folder."""
    config: TrainConfig
    prompts: PromptSet | None = None
    """Stands in for the set that the configuration names."""
    group: str = ""
    """Runs of one group are averaged into one line, or share a row, which has this name."""
    start: str = ""
    """Label of an earlier run of the figure, whose checkpoint this one fine-tunes on the one seen
    prompt of ``prompts`` (A25)."""

    def train(self, done: Mapping[str, Path]) -> Path:
        """Train to the end, or go on where it stopped; returns the checkpoint.

        ``done``: checkpoints of earlier runs by label.

        Raises: as :func:`~training.amortized.run.train`.
        """
        if not self.start:
            return train(self.config, self.prompts)
        assert self.prompts is not None and len(self.prompts.seen) == 1
        prompt = self.prompts.prompts[self.prompts.seen[0]]
        return finetune(done[self.start], prompt, self.config, self.prompts)

    def changed(self, folder: Path, change: Change) -> Run:
        """The same run in ``folder``, as ``change`` makes it.

        Raises:
            BadRequest: what the figure itself decides is changed, or a value is out of range.
        """
        start = dataclasses.replace(self.config, name=self.label, run=folder)
        config = change(start)
        fixed = ["name", "run"] + (["prompt", "prompts"] if self.prompts else [])
        for option in fixed:
            if getattr(config, option) != getattr(start, option):
                raise BadRequest(
                    f"--{option} cannot be changed: the figure sets it for each of its runs",
                    f"leave out --{option}",
                )
        check_ranges(config)
        return dataclasses.replace(self, config=config)


@dataclass(frozen=True)
class Finished:
    """A run that has been trained."""

    run: Run
    checkpoint: Path
    curve: list[dict[str, Any]]
    """Its figures against frames a prompt."""

    @property
    def folder(self) -> Path:
        return self.checkpoint.parent


@dataclass(frozen=True)
class Figure:
    """A figure of the paper."""

    name: str
    numbers: str
    """Which of the paper's figures it stands for."""
    about: str
    """What it shows, in a line."""
    scales: Mapping[Scale, Callable[[], list[Run]]]
    """Its runs at each scale that it has."""
    draw: Callable[[Sequence[Finished]], tuple[Plot, dict[str, Any]]]
    """The plot and its numbers."""

    def runs(self, scale: str) -> list[Run]:
        """What is trained at ``scale``.

        Raises:
            BadRequest: the figure has no such scale.
        """
        for known, runs in self.scales.items():
            if known == scale:
                return runs()
        reason = f"figure {self.name} has no scale" if scale in get_args(Scale) else "no scale is"
        raise BadRequest(f"{reason} {scale!r}", f"choose one of: {', '.join(self.scales)}")


def make_figure(
    figure: Figure,
    scale: str,
    output: Path = Path("docs/paper"),
    runs: Path = Path("runs/figures"),
    change: Change = lambda config: config,
) -> Path:
    """Train what is not trained yet, draw, and return the PNG's path.

    Raises:
        BadRequest: no such scale, a change that cannot be, or a start by ``torchrun``.
        TrainingError, NotDownloaded, OutputError: as :func:`~training.amortized.run.train`. What is
            trained stays, and the same call goes on from there.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise BadRequest(
            "a figure trains its runs in one process, not in several",
            "start it without torchrun; --accumulate N after `--` divides a batch that is too big",
        )
    planned = [
        run.changed(runs / scale / folder_name(run.label), change) for run in figure.runs(scale)
    ]
    picture = output / f"{figure.name}-{scale}.png"
    with _folder_for(picture):
        done: dict[str, Path] = {}
        finished = []
        for run in planned:
            done[run.label] = run.train(done)
            finished.append(Finished(run, done[run.label], read_curve(run.config.folder)))
    plot, numbers = figure.draw(finished)
    said = {"figure": figure.numbers, "about": figure.about, "scale": scale, **numbers}
    with (
        _writing_to(output),
        replacing(picture) as png,
        replacing(picture.with_suffix(".json")) as written,
    ):
        plot.savefig(png, format="png", dpi=120, bbox_inches="tight")
        written.write_text(to_json(said, indent=1) + "\n", encoding="utf-8")
    return picture


@contextmanager
def _folder_for(picture: Path) -> Iterator[None]:
    """The folder of a picture, before hours of training rather than after them.

    Where they come to nothing, a folder that was made for it goes again.
    """
    output = picture.parent
    made = [folder for folder in (output, *output.parents) if not folder.exists()]
    with _writing_to(output):
        output.mkdir(parents=True, exist_ok=True)
    check_folder(picture)
    check_folder(picture.with_suffix(".json"))
    try:
        yield
    except BaseException:
        for folder in made:
            with suppress(OSError):  # somebody has put something into it
                folder.rmdir()
        raise


@contextmanager
def _writing_to(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"cannot write the figure to {output}: {error}",
            "free some space or choose another --output; finished runs are kept",
        ) from error


def folder_name(label: str) -> str:
    """The name of the folder of the run called ``label``."""
    return "".join(c if c.isalnum() or c in "-." else "-" for c in label)[:80]
