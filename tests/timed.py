"""Promised times ("a cancel is heard within 200 ms"), held only on an idle machine.

Every test checks the order of events, which no other program on the machine can change. The seconds
count only in ``make test-timed``, which runs the tests that are marked ``timed`` by themselves and
tries each three times. Standard library only: the checks inside Blender use it too.
"""

from __future__ import annotations

import os

HOLDS_THE_CLOCK = os.environ.get("ATT3D_TIMED") == "1"


def within(taken: float, promised: float) -> bool:
    """Whether something took no longer than promised; true where the clock is not held."""
    return taken <= promised or not HOLDS_THE_CLOCK
