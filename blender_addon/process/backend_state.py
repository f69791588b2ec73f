"""How the backend is, in one place: what a person is told, and what mends it. No bpy.

One function decides, from facts; the panel, the preferences and scripts all show what it says.

    NOT_SET_UP -> SETTING_UP -> STOPPED -> STARTING -> LOADING -> READY <-> BUSY
                      |                        |          |        |        |
                      |                        +----------+--------+--------+-> HUNG, FAILED
                      +-> SETUP_FAILED
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from ...backend.protocol.errors import (
    Att3dError,
    BackendDied,
    MissingDependency,
    NotDownloaded,
    OutOfMemory,
    ProtocolError,
    TooThin,
)
from .reply import Status


class State(enum.Enum):
    """What a person is told about the backend; the value is the text."""

    NOT_SET_UP = "Not set up"
    SETTING_UP = "Setting up"
    STOPPED = "Starts with the first prompt"
    STARTING = "Starting"
    LOADING = "Loading"
    READY = "Ready"
    GENERATING = "Generating"
    HUNG = "Not answering"
    FAILED = "Failed"
    SETUP_FAILED = "Set-up failed"


@dataclass(frozen=True)
class Facts:
    """What is known of the backend at one moment."""

    setting_up: bool = False
    """The worker of the set-up runs."""
    set_up: bool = True
    """There is something to start: the wheels that the extension carries, which need no set-up; an
    environment, a Python that was named, or a command."""
    process: Status = field(default_factory=Status)
    """What the backend's process says; its state is None when there is no process."""
    busy: bool = False
    """A request waits for its answer."""
    silent: bool = False
    """It has said nothing for so long, while it should, that it probably hangs."""
    error: Att3dError | None = None
    """Why the last request, or the set-up, came to nothing."""
    of_set_up: bool = False
    """That error is the set-up's; what there was to start before can be started still."""


def state_of(facts: Facts) -> State:
    """The state that these facts mean.

    What is going on now comes before what went wrong before it; a process that hangs before both.
    """
    if facts.silent and facts.process.state is not None:
        return State.HUNG
    if facts.setting_up:
        return State.SETTING_UP
    if not facts.busy and facts.error is not None:
        if facts.of_set_up:
            return State.SETUP_FAILED
        missing = isinstance(facts.error, MissingDependency) and not facts.set_up
        return State.NOT_SET_UP if missing else State.FAILED
    match facts.process.state:
        case None:
            if facts.busy:
                return State.STARTING
            return State.STOPPED if facts.set_up else State.NOT_SET_UP
        case "starting":
            return State.STARTING
        case "loading":
            return State.LOADING
        case "failed" if not facts.busy:
            return State.FAILED
    return State.GENERATING if facts.busy else State.READY


@dataclass(frozen=True)
class Mend:
    """A button that does something about it."""

    operator: str
    """The operator's name, ``att3d.something``."""
    icon: str


SET_UP = Mend("att3d.set_up", "IMPORT")
RESTART = Mend("att3d.restart_backend", "FILE_REFRESH")
SMALLER = Mend("att3d.smaller", "TRIA_DOWN")
TRIANGLES = Mend("att3d.use_triangles", "MESH_DATA")
LOG = Mend("att3d.open_log", "TEXT")
SETUP_LOG = Mend("att3d.open_setup_log", "TEXT")
SETTINGS = Mend("att3d.open_preferences", "PREFERENCES")
ONLINE = Mend("att3d.open_network_settings", "INTERNET")


def mends(state: State, error: Att3dError | None, set_up: bool = True) -> tuple[Mend, ...]:
    """The buttons for a state, the most likely to help first; none where nothing is wrong.

    Args:
        state: as :func:`state_of` says.
        error: what is shown.
        set_up: whether there is something to start; where there is not, the choices of the set-up
            and its button are shown in any case, and what has failed is the set-up.
    """
    if not set_up:
        if error is None:
            return ()
        return (ONLINE, SETUP_LOG) if isinstance(error, NotDownloaded) else (SETUP_LOG,)
    if state is State.SETUP_FAILED:
        return (ONLINE, SETUP_LOG) if isinstance(error, NotDownloaded) else (SETTINGS, SETUP_LOG)
    if state is State.HUNG:
        return (RESTART, LOG)
    if state is State.NOT_SET_UP:
        return (SET_UP, SETTINGS)
    if state is not State.FAILED or error is None:
        return ()
    if isinstance(error, OutOfMemory):
        return (SMALLER, RESTART, LOG)
    if isinstance(error, BackendDied) and "SIGKILL" in error.message:
        return (SMALLER, LOG)  # the system's way to say that memory has run out
    if isinstance(error, TooThin):
        return (TRIANGLES,)
    if isinstance(error, MissingDependency):
        return (SET_UP, SETTINGS)
    if isinstance(error, NotDownloaded):
        return (ONLINE, LOG)
    if isinstance(error, BackendDied | ProtocolError):
        return (RESTART, SETTINGS, LOG)
    return (LOG,) if error.code in ("internal", "output") else ()
