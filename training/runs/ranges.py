"""The range of every number in a configuration, checked before any work.

A field says its range where it is declared: ``batch: int = within(32, 1)``. Numbers that say
nothing are finite, and whole ones not negative. Cameras and lights, which are declared where
pictures are drawn, have theirs here (:data:`RANGES`). A configuration may also say itself what is
wrong with it: its ``problem``, or None.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, cast

from backend.protocol.errors import TrainingError
from backend.rendering.cameras import CameraConfig
from backend.rendering.lighting import LightConfig

_RANGE = "range"
_LARGEST = 2**40
"""No whole number means more, and tensors and floats take it; what has no limit has this one."""
_METRES = (1e-3, 1e6)
RANGES: dict[type, dict[str, tuple[float, float]]] = {
    CameraConfig: {
        "distance": _METRES,
        "focal": (1e-3, 1e3),
        "elevation": (-90.0, 90.0),
        "azimuth": (-720.0, 720.0),
        "close": (0.0, 1.0),
        "zoom": (1.0, 1e3),
        "heights": (-1e3, 1e3),
    },
    LightConfig: {"distance": _METRES, "angle": (0.0, 180.0)},
}
"""Ranges by configuration and field. Fields with two numbers are (smallest, largest)."""


def within(default: float | tuple[float, ...] | None, low: float, high: float = math.inf) -> Any:
    """A dataclass field for a number from ``low`` to ``high``, both included.

    Where the default is None, None is allowed as well.
    """
    return dataclasses.field(default=default, metadata={_RANGE: (low, high)})


def check_ranges(config: object, prefix: str = "") -> None:
    """Check every number in ``config`` and in the configurations inside it.

    Raises:
        TrainingError: a number is out of its range, or numbers contradict each other; the message
            names the option.
    """
    ranges = RANGES.get(type(config), {})
    for field in dataclasses.fields(cast(Any, config)):
        value = getattr(config, field.name)
        option = f"--{prefix}{field.name.replace('_', '-')}"
        if dataclasses.is_dataclass(value):
            check_ranges(value, f"{option[2:]}.")
            continue
        numbers = value if isinstance(value, tuple) else (value,)
        for number in numbers:
            if isinstance(number, int | float) and not isinstance(number, bool):
                allowed = ranges.get(field.name, field.metadata.get(_RANGE))
                _check(option, number, allowed)
        if field.name in ranges and numbers[0] > numbers[-1]:
            raise TrainingError(
                f"{option} is {value[0]:g} {value[-1]:g}, but the smallest value comes first",
                f"write {option} {value[-1]:g} {value[0]:g}",
            )
    problem = getattr(config, "problem", None)
    if problem:
        raise TrainingError(f"--{prefix}* does not fit: {problem}", "change what it names")


def _check(option: str, number: float, allowed: tuple[float, float] | None) -> None:
    low, high = allowed or ((0, math.inf) if isinstance(number, int) else (-math.inf, math.inf))
    if isinstance(number, int) and number > min(high, _LARGEST):
        high, number = min(high, _LARGEST), min(number, 10**300)
    if math.isfinite(number) and low <= number <= high:
        return
    if math.isfinite(high):
        said = f"from {_short(low)} to {_short(high)}"
    else:
        said = f"{_short(low)} or more" if math.isfinite(low) else "a finite number"
    raise TrainingError(f"{option} is {number:g}, but must be {said}", f"choose {option} {said}")


def _short(number: float) -> str:
    return str(int(number)) if float(number).is_integer() and abs(number) < 1e13 else f"{number:g}"
