"""The backend process, seen from Blender: requests go in, replies come out. No bpy.

Nothing here blocks except :meth:`Reply.result` and :meth:`BackendClient.close`. Threads own the
pipes; they only fill replies and the status, which Blender's main thread looks at when it likes.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...backend.protocol import messages as m
from ...backend.protocol.errors import Att3dError, BackendDied
from ...backend.protocol.schema import encode
from .connection import Connection
from .launch import clean_environment
from .reply import Reply, Status

__all__ = ["BackendClient", "Reply", "Status"]


class BackendClient:
    """Starts the backend with the first request, and again with the first after it has died.

    Args:
        command: starts it, as an argument list; anything that talks on stdin and stdout will do
            (``["ssh", "host", "att3d", "serve"]``).
        env: its whole environment; None: ours, cleaned of what Blender tells its own Python.
        log_path: where its stderr goes; None: only the last lines are kept, for errors.
        name: what to call ourselves in its log.
        checkpoint: what it loads first; None: the bundled default.
        device: ``auto``, ``cpu``, ``cuda`` ...
        on_log: takes its warnings; called in another thread.
    """

    def __init__(
        self,
        command: Sequence[str],
        env: Mapping[str, str] | None = None,
        log_path: Path | str | None = None,
        *,
        name: str = "att3d for Blender",
        checkpoint: str | None = None,
        device: str = "auto",
        on_log: Callable[[m.LogParams], None] = lambda _: None,
    ) -> None:
        self.command = list(command)
        self.log_path = Path(log_path) if log_path is not None else None
        self._env = env
        self._hello = {"client": name, "checkpoint": checkpoint, "device": device}
        self._on_log = on_log
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._folders: list[Path] = []
        _clients.add(self)

    @property
    def status(self) -> Status:
        connection = self._connection
        return connection.status if connection is not None else Status()

    @property
    def pid(self) -> int | None:
        """The running process's number; None when there is none."""
        connection = self._connection
        return connection.process.pid if connection is not None and connection.alive() else None

    def start(self) -> None:
        """Start the process if none runs; returns at once.

        Raises:
            BackendDied: it cannot be started.
        """
        with self._lock:
            self._connected()

    def request(
        self,
        method: str,
        params: object | None = None,
        prepare: Callable[[Any], Any] | None = None,
    ) -> Reply:
        """Send a request; an error is in the reply, never raised here.

        Args:
            method: a key of :data:`backend.protocol.messages.METHODS`.
            params: the method's params dataclass; None: its defaults.
            prepare: see :class:`Reply`.
        """
        params_class = m.METHODS[method].params
        values = encode(params_class() if params is None else params)
        reply = Reply(method, prepare)
        try:
            with self._lock:
                self._connected().send(reply, values)
        except Att3dError as error:
            reply._finish(error)
        return reply

    @property
    def heard(self) -> int:
        """Changes with every message from the running process, and with the process."""
        connection = self._connection
        return 0 if connection is None else hash((connection.process.pid, connection.heard))

    @property
    def expecting(self) -> bool:
        """Whether the running process owes an answer."""
        connection = self._connection
        return connection is not None and connection.alive() and connection.expecting

    def condemn(self, error: Att3dError) -> None:
        """End the process at once, even one that hangs; open replies fail with ``error``."""
        connection = self._connection
        if connection is not None:
            connection.condemn(error)

    def close(self, *, wait: bool = True) -> None:
        """End the process; open replies fail. A later request starts a new one.

        Args:
            wait: until it has ended. Without, a thread waits: it may take some seconds.
        """
        with self._lock:
            connection, self._connection = self._connection, None
            folders, self._folders = self._folders, []

        def end() -> None:
            if connection is not None:
                connection.close()
            for folder in folders:
                shutil.rmtree(folder, ignore_errors=True)

        if wait:
            end()
        else:
            thread = threading.Thread(target=end, name="att3d close", daemon=True)
            _ending.add(thread)
            thread.start()

    def _connected(self) -> Connection:
        if self._connection is None or not self._connection.alive():
            try:
                folder = Path(tempfile.mkdtemp(prefix="att3d-")).resolve()  # mode 0700
                self._folders.append(folder)
                environment = self._env
                if environment is None:
                    environment = clean_environment(os.environ, online=True)
                self._connection = Connection(
                    self.command, environment, self.log_path, folder, self._hello, self._on_log
                )
            except (OSError, ValueError) as error:
                raise BackendDied(
                    f"The engine could not be started: {error}.",
                    "Check the engine's Python in the preferences.",
                ) from error
        return self._connection


_clients: weakref.WeakSet[BackendClient] = weakref.WeakSet()
_ending: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
"""Threads that wait for the end of a process."""


@atexit.register
def close_all() -> None:
    """End every process of this Blender, and wait for it."""
    for client in list(_clients):
        client.close()
    for thread in list(_ending):
        thread.join(10.0)
