"""Mixes of several prompts: shares that add up to one, as on a pad. Standard library only."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from ..protocol.errors import BadRequest
from ..protocol.options import MAX_PROMPTS
from .chain import same_prompt
from .normalize import normalize_prompt

EXACT = 1e-3
"""How far from one the sum of shares may be, from rounding."""


def check_mix(prompts: Sequence[str], weights: Sequence[float]) -> tuple[list[str], list[float]]:
    """The prompts as normalised, and their shares, which add up to one exactly.

    Raises:
        BadPrompt: a prompt has nothing to draw, or is too long.
        BadRequest: fewer than two prompts or too many, two equal ones, another number of shares, a
            negative one, or shares that do not add up to one.
    """
    if not 2 <= len(prompts) <= MAX_PROMPTS:
        raise BadRequest(
            f"a mix has 2 to {MAX_PROMPTS} prompts, and this one has {len(prompts)}",
            "add or remove prompts",
        )
    clean = [normalize_prompt(prompt) for prompt in prompts]
    for (first, one), (second, other) in itertools.combinations(enumerate(clean, 1), 2):
        if same_prompt(one, other):
            raise BadRequest(
                f"the prompts {first} and {second} of the mix are equal ({one!r})",
                "remove one of the two, or change it",
            )
    if len(weights) != len(clean):
        raise BadRequest(
            f"there are {len(clean)} prompts and {len(weights)} weights",
            "give one weight for each prompt",
        )
    shares = all(0.0 <= weight <= 1.0 + EXACT for weight in weights)
    total = math.fsum(weights) if shares else math.nan  # of infinities there is no sum
    if not abs(total - 1.0) <= EXACT:
        said = ", ".join(f"{weight:g}" for weight in weights)
        raise BadRequest(
            f"weights must be from 0 to 1 and add up to 1, and these do not: {said}",
            "give shares such as 0.5,0.3,0.2",
        )
    return clean, [weight / total for weight in weights]


def check_path(
    prompts: Sequence[str], stops: Sequence[Sequence[float]]
) -> tuple[list[str], list[list[float]]]:
    """The prompts as normalised, and the shares at each stop of a path between them.

    Raises:
        BadPrompt, BadRequest: as :func:`check_mix`; or there are fewer than two stops, too many, or
            two equal ones after each other.
    """
    if not 2 <= len(stops) <= MAX_PROMPTS:
        raise BadRequest(
            f"a path has 2 to {MAX_PROMPTS} stops, and this one has {len(stops)}",
            "add or remove stops",
        )
    clean, checked = [], []
    for weights in stops:
        clean, shares = check_mix(prompts, weights)
        checked.append(shares)
    for index, (one, other) in enumerate(itertools.pairwise(checked), start=1):
        if all(abs(a - b) < EXACT for a, b in zip(one, other, strict=True)):
            raise BadRequest(
                f"the stops {index} and {index + 1} of the path are equal: nothing would change "
                "between them",
                "remove one of the two",
            )
    return clean, checked


def mix_name(prompts: Sequence[str], weights: Sequence[float]) -> str:
    """What to call a mix: ``60% a pig, 40% a lion``; a prompt alone is itself."""
    parts = [
        (round(100 * weight), prompt)
        for weight, prompt in zip(weights, prompts, strict=True)
        if round(100 * weight)
    ]
    if len(parts) == 1:
        return parts[0][1]
    return ", ".join(f"{share}% {prompt}" for share, prompt in parts)
