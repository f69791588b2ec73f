"""Lists of prompts, and where the objects stand. No bpy."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...backend.protocol.errors import BadPrompt, BadRequest

MOST = 1000
"""Prompts in one batch; a longer list is more likely the wrong file."""
COMMENT = "#"


def parse_prompts(text: str) -> list[str]:
    """The prompts of a list: one a line; empty lines and lines that begin with ``#`` are none.

    Raises:
        BadPrompt: there is none.
        BadRequest: there are more than :data:`MOST`.
    """
    lines = (" ".join(line.split()) for line in text.splitlines())
    prompts = [line for line in lines if line and not line.startswith(COMMENT)]
    if not prompts:
        raise BadPrompt("The list has no prompts.", "Write one prompt on each line.")
    if len(prompts) > MOST:
        raise BadRequest(
            f"The list has {len(prompts):,} prompts; at most {MOST:,} are made in one go.",
            "Make several lists of it.",
        )
    return prompts


@dataclass(frozen=True)
class Grid:
    """Places in rows, to the right and then back."""

    count: int
    spacing: float
    """Distance between neighbours, metres."""
    wanted_columns: int = 0
    """0: as many as make the grid square."""

    @property
    def columns(self) -> int:
        return self.wanted_columns or math.ceil(math.sqrt(self.count))

    @property
    def rows(self) -> int:
        return math.ceil(self.count / self.columns)

    def place(self, index: int) -> tuple[float, float]:
        """x and y of one object from the first one's."""
        row, column = divmod(index, self.columns)
        return column * self.spacing, row * self.spacing
