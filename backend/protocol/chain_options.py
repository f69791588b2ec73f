"""What may be asked of a chain. Standard library only: refused before torch is loaded."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..prompts.normalize import normalise_prompt
from .chains import KEYS, MAX_PROMPTS, PREVIEW_RESOLUTION
from .errors import BadRequest
from .options import MeshOptions

RESOLUTION = 256
"""Most samples along each axis for a chain."""


@dataclass(frozen=True)
class TrackOptions:
    """Size and detail. Raises BadRequest when a value is outside its range."""

    faces: int = 8000
    texture_size: int = 1024
    resolution: int = 128
    keys: int = 7
    """Most keys between two neighbouring prompts, both included."""
    quality: bool = True
    """Measure the result against fresh extractions."""
    seed: int = 0
    """Of the alphas between keys at which quality is measured."""
    mesh: MeshOptions = field(init=False)

    def __post_init__(self) -> None:
        mesh = MeshOptions(self.faces, self.texture_size, self.resolution)
        object.__setattr__(self, "mesh", mesh)
        if self.resolution > RESOLUTION:
            raise BadRequest(
                f"a chain's resolution must be at most {RESOLUTION}, not {self.resolution}: it is "
                "read at many places",
                f"choose a value up to {RESOLUTION}",
            )
        low, high = KEYS
        if isinstance(self.keys, bool) or not low <= self.keys <= high:
            raise BadRequest(
                f"keys (between two prompts, both included) must be a whole number from {low} to "
                f"{high}, not {self.keys!r}",
                f"choose a value from {low} to {high}",
            )


def check_chain(prompts: Sequence[str]) -> list[str]:
    """The prompts as normalised.

    Raises:
        BadPrompt: one of them has nothing to draw, or is too long.
        BadRequest: fewer than two, more than :data:`MAX_PROMPTS`, or two equal neighbours.
    """
    if len(prompts) < 2:
        raise BadRequest(
            f"a chain needs at least two prompts, and this one has {len(prompts)}",
            "add a prompt, or generate a single object instead",
        )
    if len(prompts) > MAX_PROMPTS:
        raise BadRequest(
            f"a chain has at most {MAX_PROMPTS} prompts, and this one has {len(prompts)}",
            "remove prompts, or make two chains",
        )
    found = [normalise_prompt(prompt) for prompt in prompts]
    for index, (one, other) in enumerate(itertools.pairwise(found), start=1):
        if one.casefold() == other.casefold():
            raise BadRequest(
                f"the prompts {index} and {index + 1} of the chain are equal ({one!r}): nothing "
                "would change between them",
                "remove one of the two; to hold an object still, set two keyframes with the same "
                "value",
            )
    return found


def check_preview(prompts: Sequence[str], alpha: float, resolution: int) -> list[str]:
    """The prompts as normalised.

    Raises:
        BadPrompt: one of them has nothing to draw, or is too long.
        BadRequest: no prompt, too many, or a number out of range.
    """
    if not 1 <= len(prompts) <= MAX_PROMPTS:
        raise BadRequest(
            f"a preview needs 1 to {MAX_PROMPTS} prompts, and this has {len(prompts)}",
            "add or remove prompts",
        )
    last = len(prompts) - 1
    if not math.isfinite(alpha) or not 0.0 <= alpha <= last:
        raise BadRequest(
            f"alpha must be from 0 to {last} for {last + 1} prompts, not {alpha!r}",
            f"choose a value from 0 to {last}",
        )
    low, high = PREVIEW_RESOLUTION
    if not low <= resolution <= high:
        raise BadRequest(
            f"a preview's resolution must be from {low} to {high}, not {resolution}",
            f"choose a value from {low} to {high}",
        )
    return [normalise_prompt(prompt) for prompt in prompts]
