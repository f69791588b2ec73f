"""How long a chain takes: before it begins, and while it is made.

The work grows with the pairs of prompts, the keys and the detail. How fast this machine is, the
last chain that was made on it says; before there was one, two processor cores are assumed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpy.app.translations import pgettext_iface as iface_

from ..process.session import session
from ..ui.preferences import preferences

if TYPE_CHECKING:
    from collections.abc import Mapping

START_SECONDS = 2.0
"""Reading the prompts, and what else does not grow with their number."""
PAIR_SECONDS = 17.0
"""The way from one prompt to the next with the default options, on two processor cores."""
USUAL = {"keys": 7, "resolution": 128, "faces": 8000, "texture_size": 1024}
"""The options that :data:`PAIR_SECONDS` holds for."""
TRUSTED = 0.15
"""How far the work must be before its own progress says how long the rest takes."""


def usual_seconds(prompts: int, options: Mapping[str, float]) -> float:
    """How long a chain takes on two processor cores, roughly.

    Args:
        prompts: how many.
        options: the chain's, by name; those of :data:`USUAL` count.
    """
    keys, detail, faces, texture = (options[name] / usual for name, usual in USUAL.items())
    share = keys * (0.5 * detail**2 + 0.3 * faces + 0.2 * texture**2)
    return START_SECONDS + max(prompts - 1, 1) * PAIR_SECONDS * share


def expected_seconds(prompts: int, options: Mapping[str, float]) -> float:
    """How long a chain takes on this machine, as far as the last one tells."""
    return usual_seconds(prompts, options) * preferences().chain_pace


def learn(prompts: int, options: Mapping[str, float], seconds: float) -> None:
    """Take note of how long a chain really took."""
    pace = seconds / usual_seconds(prompts, options)
    preferences().chain_pace = min(max(pace, 0.01), 100.0)


def remaining_seconds(expected: float) -> float:
    """How long the chain that is being made still takes.

    Args:
        expected: what was said before it began.
    """
    done, elapsed = session.fraction, session.elapsed
    if done < TRUSTED:
        return max(expected - elapsed, 0.0)
    return elapsed * (1.0 - done) / done


def duration_text(seconds: float) -> str:
    """A duration as a person says it: "about 20 seconds", "about 2 minutes"."""
    if seconds < 7.5:
        return iface_("a few seconds")
    if seconds < 52.5:
        return iface_("about {count} seconds").format(count=5 * round(seconds / 5))
    if seconds < 90:
        return iface_("about a minute")
    return iface_("about {count} minutes").format(count=round(seconds / 60))
