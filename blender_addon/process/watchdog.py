"""Noticing that a process says nothing although it should. No bpy.

Time is counted in ticks, not read from a clock: when the machine sleeps, or Blender is stopped for
a while, hours may lie between two ticks, and they say nothing about the process.
"""

from __future__ import annotations

ASK_SECONDS = 10.0
"""Silence after which it is asked whether it is there."""
SILENT_SECONDS = 60.0
"""Silence after which it is said not to answer: longer than any stage holds Python's lock."""
_LONGEST_TICK = 2.0
"""More than this between two looks is a pause of ours, not silence of its."""


class Watchdog:
    """Looks at how much was heard, at every tick.

    ``silent`` says that nothing was heard for :data:`SILENT_SECONDS` of counted time while
    something was expected; ``ask`` that it is time to ask.
    """

    def __init__(self) -> None:
        self._heard = -1
        self._last: float | None = None
        self._quiet = 0.0
        self._asked = False

    @property
    def silent(self) -> bool:
        return self._quiet >= SILENT_SECONDS

    def reset(self) -> None:
        """Another process, or nothing is expected any more."""
        self.__init__()

    def tick(self, now: float, heard: int, expecting: bool) -> bool:
        """Take a look; true when the process should be asked for a sign of life now.

        Args:
            now: seconds, of any clock that does not go back.
            heard: how many messages have come from the process; any change counts.
            expecting: whether it owes an answer.
        """
        step = min(max(now - self._last, 0.0), _LONGEST_TICK) if self._last is not None else 0.0
        self._last = now
        if heard != self._heard or not expecting:
            self._heard, self._quiet, self._asked = heard, 0.0, False
            return False
        self._quiet += step
        if self._quiet >= ASK_SECONDS and not self._asked:
            self._asked = True
            return True
        return False
