"""The prompts of a chain: what is refused before a model is loaded. Standard library only."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from ..protocol.errors import BadRequest
from ..protocol.options import MAX_PROMPTS
from .normalize import normalize_prompt
from .spelling import split_words


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
    found = [normalize_prompt(prompt) for prompt in prompts]
    for index, (one, other) in enumerate(itertools.pairwise(found), start=1):
        if same_prompt(one, other):
            raise BadRequest(
                f"the prompts {index} and {index + 1} of the chain are equal ({one!r}): nothing "
                "would change between them",
                "remove one of the two; to hold an object still, set two keyframes with the same "
                "value",
            )
    return found


def same_prompt(one: str, other: str) -> bool:
    """Whether two prompts, as normalised, say the same words."""
    return one.casefold() == other.casefold() or split_words(one) == split_words(other) != []


def check_place(prompts: Sequence[str], alpha: float) -> list[str]:
    """The prompts as normalised, of which the object at ``alpha`` is asked for.

    Raises:
        BadPrompt: one of them has nothing to draw, or is too long.
        BadRequest: no prompt, too many, or ``alpha`` is not in the chain.
    """
    if not 1 <= len(prompts) <= MAX_PROMPTS:
        raise BadRequest(
            f"a place in a chain needs 1 to {MAX_PROMPTS} prompts, and this has {len(prompts)}",
            "add or remove prompts",
        )
    last = len(prompts) - 1
    if not math.isfinite(alpha) or not 0.0 <= alpha <= last:
        raise BadRequest(
            f"alpha must be from 0 to {last} for {last + 1} prompts, not {alpha!r}",
            f"choose a value from 0 to {last}",
        )
    return [normalize_prompt(prompt) for prompt in prompts]
