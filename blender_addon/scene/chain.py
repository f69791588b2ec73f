"""A chain: prompts, each with the frame at which the object is just that.

The list in the sidebar, and the JSON that an animated object carries, are both this. No bpy.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from ...backend.protocol.errors import BadPrompt, BadRequest
from ...backend.protocol.foreign_text import parse_json
from ...backend.protocol.options import MAX_PROMPTS
from ...backend.protocol.schema import decode, to_json

PROPERTY = "att3d_chain"
"""Custom property of the object that holds :meth:`Chain.to_json`."""


@dataclass(frozen=True)
class Chain:
    """Two prompts or more, in the order of their frames."""

    prompts: tuple[str, ...]
    """Equal neighbours mean that the object stays as it is from the one frame to the other."""
    frames: tuple[int, ...]
    """Frame of each prompt, rising."""

    @property
    def stops(self) -> tuple[str, ...]:
        """The prompts with equal neighbours taken together: the chain that the backend knows."""
        return tuple(next(group) for _, group in itertools.groupby(self.prompts, _key))

    @property
    def values(self) -> tuple[int, ...]:
        """What Interpolation is at each frame: the index into :attr:`stops`."""
        changes = (_key(a) != _key(b) for a, b in itertools.pairwise(self.prompts))
        return tuple(itertools.accumulate(changes, initial=0))

    @property
    def title(self) -> str:
        """What to call the object: "oak chair to stone throne"."""
        return f"{self.prompts[0]} to {self.prompts[-1]}"

    def to_json(self) -> str:
        return to_json(self)

    @staticmethod
    def from_json(text: object) -> Chain | None:
        """The chain that :meth:`to_json` described; None when somebody has edited it away."""
        try:
            chain = decode(Chain, parse_json(text) if isinstance(text, str) else None)
        except (ValueError, BadRequest):
            return None
        return chain if len(chain.prompts) == len(chain.frames) >= 2 else None


def check(rows: list[tuple[str, int]]) -> Chain:
    """The chain that a list of prompts and frames means.

    Rows need not be in the order of their frames: a frame says when, so the earlier comes first.

    Raises:
        BadRequest: fewer than two rows or more than :data:`MAX_PROMPTS` prompts; two rows with
            the same frame; the same prompt everywhere.
        BadPrompt: a row without words.
    """
    if len(rows) < 2:
        raise BadRequest(
            f"A chain needs at least two prompts; the list has {len(rows) or 'none'}.",
            "Add prompts to the list.",
        )
    for number, (prompt, frame) in enumerate(rows, 1):
        if not prompt.strip():
            raise BadPrompt(
                f"Row {number} of the chain (frame {frame}) has no prompt.",
                "Type one, or remove the row.",
            )
    order = sorted(range(len(rows)), key=lambda i: rows[i][1])  # stable
    for i, j in itertools.pairwise(order):
        if rows[i][1] == rows[j][1]:
            raise BadRequest(
                f"Rows {i + 1} and {j + 1} of the chain, “{_short(rows[i][0])}” and "
                f"“{_short(rows[j][0])}”, both have frame {rows[i][1]}.",
                "Give each prompt a frame of its own.",
            )
    chain = Chain(tuple(rows[i][0].strip() for i in order), tuple(rows[i][1] for i in order))
    if len(chain.stops) < 2:
        raise BadRequest(
            f"All prompts of the chain are the same: “{_short(rows[0][0])}”.",
            "Change one: there is nothing to animate between equal prompts.",
        )
    if len(chain.stops) > MAX_PROMPTS:
        raise BadRequest(
            f"The chain has {len(chain.stops)} prompts; at most {MAX_PROMPTS} are possible.",
            "Make two chains of it, one after the other.",
        )
    return chain


def _key(prompt: str) -> str:
    """Prompts that are the same to the backend have the same key."""
    return " ".join(prompt.split()).casefold()


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 40 else text[:39] + "…"
