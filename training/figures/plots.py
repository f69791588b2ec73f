"""What figures are drawn with: curves of the R-metrics, rows of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Plot

from backend.model.checkpoint import load_checkpoint
from backend.rendering.cameras import orbit
from backend.rendering.lighting import headlight
from backend.rendering.volume import view_field

from ..amortized.run import chosen_prompts

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
        axes.set_xscale("symlog", linthresh=1)
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


SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Places between two prompts that :func:`interpolation_rows` draws."""


def interpolation_rows(finished: Sequence[Finished]) -> tuple[Plot, dict[str, Any]]:
    """A row of volume-rendered pictures between a run's first two prompts, for each run."""
    plot = _plot(1.6 * len(SHARES), 1.7 * len(finished))
    cameras = orbit(1, start=25.0)
    for row, one in enumerate(finished):
        checkpoint = load_checkpoint(one.checkpoint)
        prompts = one.run.prompts or chosen_prompts(one.run.config, one.run.config.assets.open())
        first, second = checkpoint.encoder().encode(prompts.prompts[:2])
        for column, share in enumerate(SHARES):
            field = checkpoint.field(torch.lerp(first, second, share))
            views = view_field(field, cameras, 128)
            picture = views.picture("full", headlight(cameras), torch.ones(3))[0]
            axes = plot.add_subplot(len(finished), len(SHARES), row * len(SHARES) + column + 1)
            axes.imshow(picture.numpy())
            axes.set_xticks([])
            axes.set_yticks([])
            if column == 0:
                axes.set_ylabel(one.run.label, fontsize=7)
            if row == 0:
                axes.set_title(f"{share:g}", fontsize=8)
    return plot, {"shares": SHARES, "runs": {one.run.label: one.curve for one in finished}}
