"""The one backend process of this Blender, the one request in progress, and how it ended.

The panel draws what is here; the operators drive it. Everything runs on Blender's main thread: the
client's threads only fill its replies, which the operators look at.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import bpy

from ...backend.protocol.errors import Att3dError, BackendDied, Cancelled
from ...backend.protocol.messages import InfoParams
from .backend_state import Facts, State, state_of
from .client import BackendClient, Status
from .launch import extension_version
from .watchdog import SILENT_SECONDS, Watchdog

if TYPE_CHECKING:
    from .client import Reply
    from .launch import Launch

WATCH_SECONDS = 0.5
"""How often the panel notices that the backend has got ready, or has died, by itself."""


class Session:
    """See the module. There is one instance, :data:`session`."""

    def __init__(self) -> None:
        self.launch: Launch | None = None
        """How the running process was started."""
        self.error: Att3dError | None = None
        """Why the last request failed; shown until the next one starts."""
        self.notes: tuple[str, ...] = ()
        """What the backend remarked about the last result."""
        self.seconds: float | None = None
        """How long the last result took."""
        self.is_set_up: Callable[[], bool] = lambda: True
        """Whether there is something to start; the preferences know."""
        self.setting_up: Callable[[], bool] = lambda: False
        """Whether the backend's environment is being made just now."""
        self.setup_error: Callable[[], Att3dError | None] = lambda: None
        """Why the last set-up came to nothing; the set-up knows."""
        self._client: BackendClient | None = None
        self._reply: Reply | None = None
        self._watchdog = Watchdog()
        self._settled: Status | None = None

    # --- what the panel shows ---

    @property
    def busy(self) -> bool:
        return self._reply is not None

    @property
    def fraction(self) -> float:
        return self._reply.progress[0] if self._reply is not None else 0.0

    @property
    def stage(self) -> str:
        return self._reply.progress[1] if self._reply is not None else ""

    @property
    def elapsed(self) -> float:
        """Seconds since the request in progress was sent; 0 when there is none."""
        return self._reply.seconds if self._reply is not None else 0.0

    @property
    def began(self) -> Mapping[str, float]:
        """When each stage of the request in progress began, in seconds since it was sent."""
        return self._reply.began if self._reply is not None else {}

    @property
    def method(self) -> str:
        """The method of the request in progress; empty when there is none."""
        return self._reply.method if self._reply is not None else ""

    @property
    def process(self) -> Status:
        """What the backend says about itself."""
        status = self._client.status if self._client is not None else Status()
        if status.state == "failed" and status == self._settled:
            return replace(status, state="ready", message="", remedy="")
        return status

    @property
    def pid(self) -> int | None:
        """The running process's number; None when there is none."""
        return self._client.pid if self._client is not None else None

    @property
    def problem(self) -> Att3dError | None:
        """What the panel shows: why the last request failed, or why the backend cannot work."""
        if self.error is not None or self.process.state != "failed":
            return self.error
        return Att3dError(self.process.message, self.process.remedy)

    @property
    def state(self) -> State:
        """See :mod:`.states`, which decides."""
        return state_of(
            Facts(
                setting_up=self.setting_up(),
                set_up=self.is_set_up(),
                process=self.process,
                busy=self.busy,
                silent=self._watchdog.silent,
                error=self.error,
                of_set_up=self.error is not None and self.error is self.setup_error(),
            )
        )

    # --- what the operators do ---

    def submit(
        self,
        launch: Callable[[], Launch],
        method: str,
        params: Any,
        prepare: Callable[[Any], Any] | None = None,
    ) -> Reply:
        """Send one request, starting the process if need be.

        Args:
            launch: how to start it; a process started in another way is ended first.
            method: of the protocol.
            params: its dataclass.
            prepare: see :class:`Reply`.

        Raises:
            Att3dError: the process is not set up or cannot be started.
        """
        self.error = self._settled = None
        self.notes = ()
        client = self._connect(launch(), getattr(params, "checkpoint", None))
        self._reply = client.request(method, params, prepare)
        watch()
        return self._reply

    def ask(self, launch: Callable[[], Launch], method: str, params: Any) -> Reply:
        """Send a request beside the one in progress, if any: a preview, which nobody waits for.

        Raises:
            Att3dError: the process is not set up or cannot be started.
        """
        if self.busy and self._client is not None:
            return self._client.request(method, params)
        client = self._connect(launch(), getattr(params, "checkpoint", None))
        watch()
        return client.request(method, params)

    def _connect(self, wanted: Launch, checkpoint: str | None) -> BackendClient:
        """The client of the process that ``wanted`` starts; one started otherwise is ended."""
        if wanted != self.launch:
            self.close(wait=bpy.app.background)
        if self._client is None:
            self._client = BackendClient(
                wanted.command,
                wanted.environment,
                wanted.log,
                name=f"att3d {extension_version()} in Blender {bpy.app.version_string}",
                checkpoint=checkpoint,
            )
            self.launch = wanted
        return self._client

    def wait(self, reply: Reply) -> None:
        """Block until there is an answer; a process that hangs is ended, so there always is."""
        while not reply.done():
            time.sleep(0.01)
            self.look()
            if self._watchdog.silent and self._client is not None:
                self._client.condemn(
                    BackendDied(f"The engine has said nothing for {SILENT_SECONDS:.0f} s.")
                )
                self._watchdog.reset()

    def look(self) -> None:
        """Take note of whether the process gives signs of life; ask it for one when it is quiet."""
        client = self._client
        if client is None:
            self._watchdog.reset()
        elif self._watchdog.tick(time.monotonic(), client.heard, client.expecting):
            client.request("info", InfoParams())

    def succeed(self, notes: Sequence[str] = (), seconds: float | None = None) -> None:
        """The request in progress has been answered, and the answer used."""
        self._reply = None
        self.notes = tuple(notes)
        self.seconds = seconds

    def fail(self, error: Att3dError) -> None:
        """The request in progress came to nothing. A cancelled one is not an error to show."""
        self._reply = None
        self.error = None if isinstance(error, Cancelled) else error

    def settle(self) -> None:
        """What was wrong no longer matters: the person has chosen something else."""
        self.error = None
        self._settled = self.process

    def cancel(self) -> None:
        """Ask the backend to stop, and wait for it no longer."""
        if self._reply is not None:
            self._reply.drop()

    def restart(self, launch: Callable[[], Launch]) -> None:
        """End the process at once, even one that hangs, and start another; nothing waits.

        Raises:
            Att3dError: the process is not set up or cannot be started.
        """
        if self._client is not None:
            self._client.condemn(Cancelled("The engine was restarted."))
        self.error = None
        self.close(wait=False)
        self._connect(launch(), None).start()
        watch()

    def forget(self) -> None:
        """Another file is open: what is shown about the last result belongs to the one before."""
        self.notes, self.seconds, self.error = (), None, None
        if self._reply is not None and self._reply.dropped:
            self._reply = None  # its operator ended with the file

    def close(self, *, wait: bool = True) -> None:
        """End the process. The next request starts another.

        Args:
            wait: until it has ended, which may take some seconds.
        """
        client, self._client, self.launch = self._client, None, None
        self._reply = None
        self._watchdog.reset()
        if client is not None:
            client.close(wait=wait)


session = Session()


def redraw(*, views: bool = False) -> None:
    """Draw the sidebars and the preferences again. Blender does not know that our state changed.

    Args:
        views: the 3D viewports too, which can be slow.
    """
    for window in bpy.context.window_manager.windows if bpy.context.window_manager else ():
        for area in window.screen.areas:
            for region in area.regions:
                kind = (area.type, region.type)
                if kind in (("VIEW_3D", "UI"), ("PREFERENCES", "WINDOW")) or (
                    views and kind == ("VIEW_3D", "WINDOW")
                ):
                    region.tag_redraw()


_seen: tuple[State, str] | None = None


def watch() -> None:
    """Keep the panel true while a process lives, even when nobody asks it anything."""
    if not bpy.app.background and not bpy.app.timers.is_registered(_look):
        bpy.app.timers.register(_look, first_interval=WATCH_SECONDS, persistent=True)


def _look() -> float | None:
    global _seen
    session.look()
    now = (session.state, session.process.device)
    if now != _seen:
        _seen = now
        redraw()
    return None if session.state in (State.STOPPED, State.NOT_SET_UP) else WATCH_SECONDS


def unwatch() -> None:
    if bpy.app.timers.is_registered(_look):
        bpy.app.timers.unregister(_look)
