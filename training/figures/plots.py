"""What figures are drawn with: curves of the R-metrics, tables of pictures."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Plot
from PIL import Image
from torch import Tensor

from backend.files import check_source
from backend.model.checkpoint import Checkpoint, load_checkpoint
from backend.protocol.errors import TrainingError
from backend.rendering.cameras import orbit
from backend.rendering.lighting import headlight
from backend.rendering.volume import view_field

from ..amortized.evaluation import evenly
from ..amortized.run import chosen_prompts
from ..prompts import PromptSet

if TYPE_CHECKING:
    from .figure import Finished

METRICS = (("r_precision", "R-precision"), ("r_probability", "R-probability"))


def _plot(width: float, height: float) -> Plot:
    plot = Plot(figsize=(width, height))
    FigureCanvasAgg(plot)
    return plot


def quality_curves(finished: Sequence[Finished]) -> tuple[Plot, dict[str, Any]]:
    """R-metrics against frames a prompt; runs of a group are averaged, point by point."""
    lines: dict[str, list[dict[str, Any]]] = {}
    groups: dict[str, list[list[dict[str, Any]]]] = {}
    for one in finished:
        groups.setdefault(one.run.group or one.run.label, []).append(one.curve)
    for label, curves in groups.items():
        lines[label] = [_mean(points) for points in zip(*curves, strict=False)]
    plot = _plot(9, 3.6)
    for place, (metric, title) in enumerate(METRICS, 1):
        axes = plot.add_subplot(1, 2, place)
        for number, (label, points) in enumerate(lines.items()):
            for group, style in (("seen", "-"), ("unseen", "--"), ("truth", ":")):
                known = [p for p in points if group in p.get(metric, {})]
                if group == "truth" and number:
                    continue
                if known:
                    axes.plot(
                        [p["frames_per_prompt"] for p in known],
                        [p[metric][group] for p in known],
                        style,
                        color="grey" if group == "truth" else f"C{number}",
                        label="references" if group == "truth" else f"{label}, {group}",
                    )
        axes.set_xlabel("frames a prompt")
        axes.set_title(title)
        axes.set_xscale("symlog", linthresh=10)
        axes.set_ylim(0, 1)
    plot.axes[0].legend(fontsize=7)
    return plot, {"lines": lines}


def _mean(points: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The mean of points that runs reached after the same frames a prompt."""
    mean: dict[str, Any] = {"frames_per_prompt": points[0]["frames_per_prompt"]}
    for metric, _ in METRICS:
        found: dict[str, list[float]] = {}
        for point in points:
            for group, value in point.get(metric, {}).items():
                found.setdefault(group, []).append(value)
        mean[metric] = {group: sum(values) / len(values) for group, values in found.items()}
    return mean


PLACES = 5
"""Places along a chain that :func:`interpolation_rows` draws, its prompts among them."""
COLUMNS = 12
"""Prompts that :func:`prompt_rows` draws, at most."""
SHEETS = 4
"""Contact sheets that :func:`trajectory` shows, at most."""
TILE = 128
"""Pixels of a picture's side."""

Picture = Float[np.ndarray, "size size 3"]
Row = tuple[str, list[Picture | None]]
"""A row's name and its pictures; None leaves a place empty."""


class Drawer:
    """Volume-rendered pictures of checkpoints; each is read once."""

    def __init__(self) -> None:
        self._loaded: dict[Path, tuple[Checkpoint, Callable[..., Tensor]]] = {}

    def embed(self, path: Path, prompts: Sequence[str]) -> Float[Tensor, "prompts tokens width"]:
        return self._load(path)[1](prompts)

    def picture(
        self,
        path: Path,
        embedding: Float[Tensor, "tokens width"],
        conditions: dict[str, float] | None = None,
    ) -> Picture:
        """The object from the front, a little from its left."""
        field = self._load(path)[0].field(embedding, conditions)
        cameras = orbit(1, start=25.0)
        views = view_field(field, cameras, TILE)
        return views.picture("full", headlight(cameras), torch.ones(3))[0].numpy()

    def prompt(self, path: Path, prompt: str) -> Picture:
        return self.picture(path, self.embed(path, [prompt])[0])

    def _load(self, path: Path) -> tuple[Checkpoint, Callable[..., Tensor]]:
        if path not in self._loaded:
            checkpoint = load_checkpoint(path)
            self._loaded[path] = (checkpoint, checkpoint.encoder().encode)
        return self._loaded[path]


def prompts_of_run(one: Finished) -> PromptSet:
    """The set that a run was trained on."""
    return one.run.prompts or chosen_prompts(one.run.config, one.run.config.assets.open())


def table(columns: Sequence[str], rows: Sequence[Row]) -> Plot:
    """Pictures with names of columns above and of rows at the left."""
    plot = _plot(1.6 * len(columns), 1.7 * len(rows) + 0.6)
    for y, (label, pictures) in enumerate(rows):
        for x, picture in enumerate(pictures):
            axes = plot.add_subplot(len(rows), len(columns), y * len(columns) + x + 1)
            axes.set_xticks([])
            axes.set_yticks([])
            if picture is None:
                axes.set_frame_on(False)
            else:
                axes.imshow(picture)
            if x == 0:
                axes.set_ylabel(textwrap.fill(label, 18), fontsize=7)
            if y == 0:
                axes.set_title(textwrap.fill(columns[x], 20), fontsize=6)
    return plot


def curves_of(finished: Sequence[Finished]) -> dict[str, Any]:
    """What is written beside a picture: each run's figures against frames a prompt."""
    return {"runs": {one.run.label: one.curve for one in finished}}


def interpolation_rows(finished: Sequence[Finished]) -> tuple[Plot, dict[str, Any]]:
    """A row along each run's prompts (A30), from the first to the last."""
    drawer = Drawer()
    places = [place / (PLACES - 1) for place in range(PLACES)]
    rows: list[Row] = []
    for one in finished:
        ends = drawer.embed(one.checkpoint, prompts_of_run(one).prompts)
        pictures: list[Picture | None] = []
        for place in places:
            along = place * (len(ends) - 1)
            first = min(int(along), len(ends) - 2)
            mixed = torch.lerp(ends[first], ends[first + 1], along - first)
            pictures.append(drawer.picture(one.checkpoint, mixed))
        rows.append((one.run.label, pictures))
    return table([f"{place:g}" for place in places], rows), {
        "places": places,
        "prompts": {one.run.label: list(prompts_of_run(one).prompts) for one in finished},
        **curves_of(finished),
    }


def prompt_rows(
    choose: Callable[[PromptSet], Sequence[int]],
) -> Callable[[Sequence[Finished]], tuple[Plot, dict[str, Any]]]:
    """A row a group of runs; columns are prompts that have a run of their own, and some of those
    that ``choose`` takes from the first run's set: two thirds of all, unless it takes none.

    A run that was trained on one prompt alone fills that prompt's place in its group's row.
    """

    def draw(finished: Sequence[Finished]) -> tuple[Plot, dict[str, Any]]:
        drawer = Drawer()
        whole = prompts_of_run(finished[0])
        alone = [
            i
            for one in finished
            if len(prompts_of_run(one).seen) == 1
            for i in prompts_of_run(one).seen
        ]
        taken = choose(whole)
        first = list(dict.fromkeys(alone))[: COLUMNS // 3 if taken else COLUMNS]
        further = [index for index in taken if index not in first]
        chosen = [*first, *evenly(further, COLUMNS - len(first))]
        rows: dict[str, list[Picture | None]] = {}
        for one in finished:
            row = rows.setdefault(one.run.group or one.run.label, [None] * len(chosen))
            seen = prompts_of_run(one).seen
            for place, index in enumerate(chosen):
                if len(seen) > 1 or index in seen:
                    row[place] = drawer.prompt(one.checkpoint, whole.prompts[index])
        unseen = set(whole.unseen)
        columns = [f"{'UNSEEN: ' * (i in unseen)}{whole.prompts[i]}" for i in chosen]
        return table(columns, list(rows.items())), {"prompts": columns, **curves_of(finished)}

    return draw


def between_rows(
    choose: Callable[[PromptSet], Sequence[int]],
) -> Callable[[Sequence[Finished]], tuple[Plot, dict[str, Any]]]:
    """Rows between each two neighbours of the prompts that ``choose`` takes from a run's set."""

    def draw(finished: Sequence[Finished]) -> tuple[Plot, dict[str, Any]]:
        (one, *_) = finished
        drawer = Drawer()
        whole = prompts_of_run(one)
        said = [whole.prompts[index] for index in choose(whole)]
        ends = drawer.embed(one.checkpoint, said)
        shares = [place / (PLACES - 1) for place in range(PLACES)]
        rows: list[Row] = [
            (
                f"{said[i]} - {said[i + 1]}",
                [
                    drawer.picture(one.checkpoint, torch.lerp(ends[i], ends[i + 1], share))
                    for share in shares
                ],
            )
            for i in range(len(said) - 1)
        ]
        return table([f"{share:g}" for share in shares], rows), {
            "prompts": said,
            "shares": shares,
            **curves_of(finished),
        }

    return draw


def trajectory(finished: Sequence[Finished]) -> tuple[Plot, dict[str, Any]]:
    """Some of a run's contact sheets one below the other, from the first to the last: what its
    prompts were from step 0 on."""
    (one, *_) = finished
    sheets = contact_sheets(one.folder)
    widest = max(picture.shape[1] for picture in sheets.values())
    plot = _plot(0.011 * widest, 0.011 * sum(len(picture) for picture in sheets.values()))
    for place, (step, picture) in enumerate(sheets.items()):
        axes = plot.add_subplot(len(sheets), 1, place + 1)
        axes.imshow(picture)
        axes.set_axis_off()
        axes.set_title(f"step {step}", fontsize=8, loc="left")
    return plot, {"steps": list(sheets), **curves_of(finished)}


def contact_sheets(folder: Path) -> dict[int, UInt8[np.ndarray, "height width 3"]]:
    """Contact sheets of the run in ``folder`` by step, at most :data:`SHEETS` from the first to the
    last; pictures of other names are not ours.

    Raises:
        TrainingError: there are none, or one cannot be read.
    """
    remedy = "delete the run's folder and start the same command again: it is trained anew"
    paths = sorted(p for p in (folder / "sheets").glob("*.png") if p.stem.isdecimal())
    if not paths:
        raise TrainingError(f"the run in {folder} has no contact sheets", remedy)
    places = {round(turn * (len(paths) - 1) / (SHEETS - 1)) for turn in range(SHEETS)}
    sheets = {}
    for path in [paths[place] for place in sorted(places)]:
        try:
            with Image.open(check_source(path)) as picture:
                sheets[int(path.stem)] = np.asarray(picture.convert("RGB"))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            reason = getattr(error, "strerror", None) or "it is no picture, or a damaged one"
            raise TrainingError(f"the contact sheet {path} cannot be read: {reason}", remedy) from (
                error
            )
    return sheets


def condition_rows(
    name: str, values: Sequence[float]
) -> Callable[[Sequence[Finished]], tuple[Plot, dict[str, Any]]]:
    """A row a prompt, a column a value of a condition that was amortized over (A31)."""

    def draw(finished: Sequence[Finished]) -> tuple[Plot, dict[str, Any]]:
        (one, *_) = finished
        drawer = Drawer()
        prompts = prompts_of_run(one).prompts
        rows: list[Row] = [
            (
                prompt,
                [
                    drawer.picture(
                        one.checkpoint, drawer.embed(one.checkpoint, [prompt])[0], {name: value}
                    )
                    for value in values
                ],
            )
            for prompt in prompts
        ]
        columns = [f"{name.replace('_', ' ')} {value:g}" for value in values]
        return table(columns, rows), {"values": list(values), **curves_of(finished)}

    return draw
