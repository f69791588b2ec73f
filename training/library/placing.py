"""Where a model stands: Blender's axes, on common ground, as large as the ball allows.

Front is -y and up is +z. The middle of the model's box is on the z axis and its lowest point at
``-GROUND``; it is scaled until it touches the ball of radius ``RADIUS``.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from backend.files import check_source
from backend.protocol.errors import BadRequest
from backend.shapes import Float

from .surfaces import Unreadable

RADIUS = 0.95
GROUND = 0.6
"""Depth of the ground below the ball's centre. Tall and flat models both get large at this one: a
cube's edge is 1.04, the tallest mast 1.55 high, the widest plate 1.47 wide."""
FEET = np.array([0.0, 0.0, -GROUND])
"""The point that models stand on; relative sizes scale about it."""

_FROM_Y_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


def rotation(up: str, yaw: float) -> Float[np.ndarray, "3 3"]:
    """Rotation from a file's axes to ours, then about z by ``yaw`` degrees, counter-clockwise seen
    from above."""
    c, s = math.cos(math.radians(yaw)), math.sin(math.radians(yaw))
    turn = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    return turn @ _FROM_Y_UP if up == "y" else turn


def placement(points: Float[np.ndarray, "points 3"]) -> tuple[float, Float[np.ndarray, "3"]]:
    """Scale and offset: ``scale * points + offset`` stands on the ground and touches the ball.

    Raises Unreadable for a model of no size.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    size = float((high - low).max())
    if not np.isfinite(size) or size <= 0.0 or not np.isfinite(1.0 / size):
        raise Unreadable("it has no size: all its vertices are in one place")
    middle = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
    x, y, height = ((points - middle) / size).T
    # The largest s with s^2 (x^2 + y^2 + h^2) - 2 s h GROUND + GROUND^2 <= RADIUS^2 for every one.
    square = x * x + y * y + height * height
    room = RADIUS**2 - GROUND**2
    reach = height * GROUND + np.sqrt((height * GROUND) ** 2 + square * room)
    scale = float(np.min(reach[square > 0] / square[square > 0])) / size
    return scale, FEET - scale * middle


@dataclass(frozen=True)
class Yaws:
    """Turns of the models of some folders or files, so that all look the same way."""

    degrees: dict[str, float]
    """Degrees by folder or file, as in a source's name or its end; ``*`` and ``?`` are wild."""

    @classmethod
    def parse(cls, given: Sequence[str]) -> Yaws:
        """Read ``90`` (for all), ``FOLDER=90`` and names of tables (``FOLDER,90`` a line).

        Raises BadRequest for anything else.
        """
        degrees: dict[str, float] = {}
        for item in given:
            if Path(item).suffix.lower() in (".csv", ".tsv", ".txt") and "=" not in item:
                for name, value in _table(Path(item)):
                    degrees[name] = _number(value, f"{item}: {name}")
                continue
            name, _, value = item.rpartition("=")
            degrees[name or "*"] = _number(value, item)
        return cls(degrees)

    def of(self, source: str) -> float:
        """The turn of a source; what is named most precisely counts."""
        found = [
            (len(pattern), turn)
            for pattern, turn in self.degrees.items()
            if any(fnmatch(part, pattern) for part in _folders(source))
        ]
        return max(found)[1] if found else 0.0


def _folders(source: str) -> list[str]:
    """The source, the folders that it is in, and their ends: ``a/b/c`` is in ``a/b``, ``b``, ..."""
    parts = source.split("/")
    return [
        "/".join(parts[start:end])
        for start in range(len(parts))
        for end in range(start + 1, len(parts) + 1)
    ]


def _table(path: Path) -> list[tuple[str, str]]:
    try:
        text = check_source(path).read_text(encoding="utf-8-sig")
        table = list(csv.reader(text.replace("\t", ",").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadRequest(f"cannot read yaws from {path}: {error}", _WAY_OUT) from error
    rows = [row for row in table if len(row) >= 2 and row[0]]
    heading = rows and rows[0][0].strip().lower() in ("folder", "file", "path", "name")
    return [(row[0].strip(), row[1].strip()) for row in rows[1 if heading else 0 :]]


def _number(value: str, what: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise BadRequest(f"--yaw: {what!r} is no number of degrees", _WAY_OUT)
    return number % 360.0


_WAY_OUT = "Give --yaw 90, --yaw FOLDER=90, or a CSV with the columns folder and degrees."
