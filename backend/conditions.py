"""Values of what a checkpoint amortizes over beside the text, chosen after training (A31).

A checkpoint trained with conditions (a guidance weight, a regularizer's weight, an augmentation)
answers each prompt for every value in their ranges; one that is not given has its default.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from .model.config import Condition
from .protocol.errors import BadRequest


def parse_conditions(said: Sequence[str]) -> dict[str, float]:
    """The values that ``NAME=VALUE`` texts give.

    Raises:
        BadRequest: a text of another form, or a name given twice.
    """
    values: dict[str, float] = {}
    for text in said:
        name, equals, number = text.partition("=")
        name = name.strip()
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not equals or not name or not math.isfinite(value):
            raise BadRequest(
                f"the condition {text!r} is not NAME=VALUE with a number",
                "write it as in --condition guidance_weight=20",
            )
        if name in values:
            raise BadRequest(f"the condition {name} is given twice", "give it once")
        values[name] = value
    return values


def check_conditions(
    known: Sequence[Condition], given: Mapping[str, float] | None
) -> dict[str, float]:
    """The given values, each in the range that the checkpoint was trained on.

    Raises:
        BadRequest: the checkpoint has no such condition, or the value is out of its range.
    """
    found = {condition.name: condition for condition in known}
    for name, value in (given or {}).items():
        if name not in found:
            named = ", ".join(found) or "none"
            raise BadRequest(
                f"this model has no condition {name!r}; it has: {named}",
                "leave it out, or choose a model that was trained with it",
            )
        low, high = found[name].low, found[name].high
        if not low <= value <= high:
            raise BadRequest(
                f"the condition {name} must be from {low:g} to {high:g}, where this model was"
                f" trained, not {value:g}",
                f"choose a value from {low:g} to {high:g}",
            )
    return dict(given or {})
