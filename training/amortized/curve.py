"""A run's figures against frames a prompt (A33), one JSON object a line in its folder.

A run that was resumed from an older state may have measured a step twice; the later line counts.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from backend.protocol.errors import OutputError
from backend.protocol.foreign_text import parse_json
from backend.protocol.schema import to_json

from ..runs.state import Progress

CURVE_FILE = "curve.jsonl"


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
    path = folder / CURVE_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(to_json(point) + "\n")
    except OSError as error:
        raise OutputError(
            f"cannot write the run's figures to {path}: {error}",
            "free some space, then start the same command again: it goes on from the last state",
        ) from error
    return point


def read_curve(folder: Path) -> list[dict[str, Any]]:
    """The points of the run in ``folder``, by step; a line that was cut off is passed over.

    A figure without a finite value, which JSON does not have, is NaN.
    """
    path = folder / CURVE_FILE
    points: dict[int, dict[str, Any]] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            point = parse_json(line)
        except ValueError:
            continue
        points[point["step"]] = {
            name: {group: math.nan if figure is None else figure for group, figure in value.items()}
            if isinstance(value, dict)
            else value
            for name, value in point.items()
        }
    return [points[step] for step in sorted(points)]
