"""A run's figures against frames a prompt (A33), one JSON object a line in its folder.

A run that was resumed from an older state may have measured a step twice; the later line counts.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from backend.files import check_source
from backend.protocol.errors import BadRequest, TrainingError
from backend.protocol.foreign_text import parse_json
from backend.protocol.schema import decode, to_json

from ..runs.log import append_line
from ..runs.state import Progress

CURVE_FILE = "curve.jsonl"


@dataclass(frozen=True)
class _Point:
    """A line of the file."""

    step: int
    seconds: float
    frames_per_prompt: float
    figures: dict[str, dict[str, float | None]]
    """Each figure by group of prompts; None: it has no finite value."""


def append_point(
    folder: Path, progress: Progress, prompts: int, figures: dict[str, dict[str, float]]
) -> dict[str, Any]:
    """Add what was measured after ``progress`` of a run on ``prompts`` seen prompts.

    Returns the point: ``step``, ``seconds``, ``frames_per_prompt``, and each figure by group.

    Raises:
        OutputError: the file cannot be written.
    """
    point: dict[str, Any] = {
        "step": progress.step,
        "seconds": round(progress.seconds, 1),
        "frames_per_prompt": round(progress.frames / max(prompts, 1), 2),
        **{name: groups for name, groups in figures.items() if groups},
    }
    append_line(folder / CURVE_FILE, to_json(point))
    return point


def read_curve(folder: Path) -> list[dict[str, Any]]:
    """The points of the run in ``folder``, by step.

    A line that was cut off or is no point is passed over, with a word on stderr. A figure without a
    finite value, which JSON does not have, is NaN.

    Raises:
        TrainingError: the file is missing, cannot be read, or holds no point.
    """
    path = folder / CURVE_FILE
    points: dict[int, dict[str, Any]] = {}
    bad = 0
    reason = "there is no point in it"
    try:
        with check_source(path).open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                try:
                    point = _point(line)
                    points[point["step"]] = point
                except (ValueError, BadRequest):
                    bad += 1
    except OSError as error:
        reason = error.strerror or str(error)
    if not points:
        raise TrainingError(
            f"the run in {folder} has no figures: {path} cannot be read: {reason}",
            "delete the run's folder and start the same command again: it is trained anew",
        )
    if bad:
        tqdm.write(f"{path}: damaged lines are passed over: {bad}", file=sys.stderr)
    return [points[step] for step in sorted(points)]


def _point(line: str) -> dict[str, Any]:
    """Raises ValueError or BadRequest: the line is no point."""
    said = parse_json(line)
    if not isinstance(said, dict):
        raise ValueError("it is no object")
    place = {name: said.pop(name, None) for name in ("step", "seconds", "frames_per_prompt")}
    point = decode(_Point, {**place, "figures": said}, CURVE_FILE)
    if min(point.step, point.seconds, point.frames_per_prompt) < 0:
        raise ValueError("it is negative")
    figures = {
        name: {group: math.nan if value is None else value for group, value in groups.items()}
        for name, groups in point.figures.items()
    }
    return {**place, **figures}
