"""The set-up of this Blender: what runs, what was found out about the machine. No bpy.

There is one instance, :data:`control`. The worker and two short threads do the work; whoever draws
only looks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from ...backend.protocol.errors import Att3dError, InternalError
from . import builds, folders
from .plan import Plan
from .run import SetupRun

_FREE_SECONDS = 5.0
"""How long a look at the free space is good for."""


class Control:
    """The set-up that runs, or the last one: started, stopped, and what it says."""

    def __init__(self) -> None:
        self.run: SetupRun | None = None
        """What runs, or ran last."""
        self.error: Att3dError | None = None
        """Why the set-up, or deleting, came to nothing; None while it goes on."""
        self._machine: builds.Machine | None = None
        self._looking: threading.Thread | None = None
        self._waiting: Callable[[builds.Suggestion], Plan] | None = None
        self._deleting: threading.Thread | None = None
        self._free: tuple[float, Path, int | None] | None = None

    # --- what is known ---

    @property
    def running(self) -> bool:
        """Whether a backend is being set up."""
        return self._waiting is not None or (self.run is not None and self.run.running)

    @property
    def deleting(self) -> bool:
        return self._deleting is not None and self._deleting.is_alive()

    @property
    def fraction(self) -> float:
        return self.run.fraction if self.run is not None and self._waiting is None else 0.0

    @property
    def step(self) -> tuple[str, str]:
        """The step's name, and what is in hand."""
        if self._waiting is not None or self.run is None:
            return "look", ""
        return self.run.step, self.run.text

    @property
    def suggestion(self) -> builds.Suggestion | None:
        """The build for this machine; None: not known yet (:meth:`look` finds out)."""
        return builds.suggest(self._machine) if self._machine is not None else None

    def free_mb(self, folder: Path) -> int | None:
        """Free space there, not looked at more often than every few seconds."""
        now = time.monotonic()
        if self._free is None or self._free[1] != folder or now - self._free[0] > _FREE_SECONDS:
            self._free = (now, folder, folders.free_mb(folder))
        return self._free[2]

    # --- what can be done ---

    def look(self) -> None:
        """Find out about the graphics card, once; returns at once."""
        if self._machine is None and self._looking is None:

            def look() -> None:
                self._machine = builds.look()

            self._looking = threading.Thread(target=look, name="att3d look", daemon=True)
            self._looking.start()

    def start(self, make_plan: Callable[[builds.Suggestion], Plan]) -> None:
        """Begin, or wait for :meth:`look` and begin then (:meth:`tick` does).

        Args:
            make_plan: from the build that suits the machine. Raises Att3dError: not possible.
        """
        self.error = None
        self._waiting = make_plan
        self.look()
        self.tick()

    def tick(self) -> bool:
        """Go on where something was waited for; true when a set-up or deletion has just ended."""
        if self._waiting is not None:
            suggestion = self.suggestion
            if suggestion is None:
                return False
            make_plan, self._waiting = self._waiting, None
            try:
                self.run = SetupRun(make_plan(suggestion))
            except Att3dError as error:
                self.error = error
                return True
            return False
        if self.run is not None and not self.run.running:
            self.error = self.run.error
            self.run = None
            return True
        if self._deleting is not None and not self._deleting.is_alive():
            self._deleting = None
            return True
        return False

    def wait(self) -> None:
        """Block until what was started has ended; for scripts."""
        while self._waiting is not None or self.run is not None or self._deleting is not None:
            self.tick()
            time.sleep(0.02)

    def cancel(self) -> None:
        self._waiting = None
        if self.run is not None:
            self.run.cancel()

    def delete(self, folder: Path) -> None:
        """Begin to delete a backend; :meth:`tick` says when it is gone."""
        self.error = None

        def delete() -> None:
            try:
                folders.delete(folder)
            except Att3dError as error:
                self.error = error
            except Exception as error:
                self.error = InternalError(f"Deleting failed: {type(error).__name__}: {error}")

        self._deleting = threading.Thread(target=delete, name="att3d delete", daemon=True)
        self._deleting.start()

    def close(self) -> None:
        """End what runs, and wait for that."""
        self._waiting = None
        if self.run is not None:
            self.run.close()
            self.run = None
        if self._deleting is not None:
            self._deleting.join(5.0)


control = Control()
