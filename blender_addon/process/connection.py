"""One backend process, from its start to its end: the threads that own its pipes. No bpy."""

from __future__ import annotations

import contextlib
import io
import itertools
import queue
import secrets
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, cast

from ...backend.protocol import jsonrpc as rpc
from ...backend.protocol import messages as m
from ...backend.protocol.errors import Att3dError, BackendDied, BadRequest, Cancelled, ProtocolError
from ...backend.protocol.framing import read_frame, write_frame
from ...backend.protocol.schema import decode, encode
from . import child as processes
from .download import Download
from .reply import Reply, Status

HANDSHAKE_SECONDS = 60.0
"""How long a new process may take to answer ``initialize``: Python's start, from a slow disk."""


class Connection:
    """See the module.

    Args:
        command, environment, log_path: how to start the process, and where its stderr goes.
        folder: private and empty; the backend writes results there if it sees the same disk.
        hello: the rest of ``initialize``'s parameters.
        on_log: takes its warnings; called in another thread.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        log_path: Path | None,
        folder: Path,
        hello: Mapping[str, Any],
        on_log: Callable[[m.LogParams], None],
    ) -> None:
        self.status = Status("starting")
        self.heard = 0
        """Messages that have come; any change is a sign of life."""
        self._folder = folder
        self._on_log = on_log
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._open: dict[int, Reply | Download] = {}
        self._sent: set[int] = set()
        self._outbox: queue.SimpleQueue[tuple[int | None, bytes] | None] = queue.SimpleQueue()
        self._shaken = threading.Event()
        self._remote = False
        self._dead = False
        self._closing = False
        self._doom: Att3dError | None = None
        token = secrets.token_hex(16)
        (folder / "token").write_text(token, encoding="ascii")
        self.process: subprocess.Popen[bytes] = processes.start(command, environment)
        self._drain = processes.Drain(cast(BinaryIO, self.process.stderr), log_path)
        self.send(
            Reply("initialize"),
            encode(
                m.InitializeParams(
                    protocol_version=m.PROTOCOL_VERSION,
                    session_folder=str(folder),
                    session_token=token,
                    **hello,
                )
            ),
        )
        self._reader = self._thread(self._read)
        self._thread(self._write)
        self._waiter = self._thread(self._wait)

    def _thread(self, target: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=target, name=f"att3d {target.__name__}", daemon=True)
        thread.start()
        return thread

    def alive(self) -> bool:
        return not self._dead and not self._closing and self.process.poll() is None

    # --- called from any thread --------------------------------------------------------------

    def send(self, reply: Reply | Download, params: Mapping[str, Any]) -> None:
        id = next(self._ids)
        if isinstance(reply, Reply):
            reply._cancel = lambda reply: self._cancel(id, reply)
        with self._lock:
            error = self._ended() if self._dead else None
            self._open[id] = reply
        if error is not None:
            self._fail_all(error)
            return
        self._outbox.put((id, rpc.dump_message(rpc.Request(id, reply.method, params))))

    @property
    def expecting(self) -> bool:
        """Whether the process owes an answer."""
        return bool(self._open)

    def condemn(self, error: Att3dError) -> None:
        """End it at once, hung or not; open replies fail with ``error``. Does not wait."""
        self._condemn(error)

    def _cancel(self, id: int, reply: Reply) -> None:
        with self._lock:
            waiting = id in self._open and id not in self._sent
            if waiting:
                del self._open[id]
        if waiting:
            reply._finish(Cancelled())
        else:
            params = encode(m.CancelParams(id=id))
            self._outbox.put((None, rpc.dump_message(rpc.Notification("$/cancel", params))))

    def close(self) -> None:
        """Close its stdin, then insist: terminate, then kill. Returns when it has ended."""
        self._closing = True
        self._outbox.put(None)
        self._shaken.set()
        self._waiter.join(1.2)
        for gently in (True, False):
            if self._waiter.is_alive():
                processes.kill(self.process, gently=gently)
                self._waiter.join(0.6 if gently else 5.0)

    # --- threads -----------------------------------------------------------------------------

    def _write(self) -> None:
        pipe = cast(BinaryIO, self.process.stdin)
        with contextlib.suppress(OSError, ValueError), pipe:  # _wait says why it is gone
            while (item := self._outbox.get()) is not None:
                id, body = item
                with self._lock:
                    if id is not None:
                        if id not in self._open:
                            continue  # cancelled while it waited
                        self._sent.add(id)
                        reply = self._open[id]
                        if isinstance(reply, Reply):
                            loading = self.status.state in ("starting", "loading")
                            reply._goes_on(0.0, "load" if loading else "queued")
                write_frame(pipe, body)
                # Nothing else is sent before initialize has been answered.
                if not self._shaken.wait(HANDSHAKE_SECONDS):
                    self._condemn(
                        BackendDied(f"The engine said nothing for {HANDSHAKE_SECONDS:.0f} s.")
                    )
                if self._closing:
                    return

    def _read(self) -> None:
        pipe = io.BufferedReader(cast(io.RawIOBase, self.process.stdout))
        with contextlib.suppress(OSError), pipe:
            try:
                while (body := read_frame(cast(BinaryIO, pipe))) is not None:
                    self._receive(rpc.parse_message(body))
            except Att3dError as error:
                self._condemn(error)

    def _wait(self) -> None:
        code = self.process.wait()
        self._reader.join(1.0)  # the last answers may still be in the pipe
        self._drain.join(0.3)
        with self._lock:
            if self._doom is None:
                self._doom = self._obituary(code)
            self._dead = True
        self.status = Status()
        self._fail_all(self._ended())
        self._outbox.put(None)
        self._shaken.set()

    def _obituary(self, code: int) -> Att3dError:
        if self._closing:
            return BackendDied("The engine was closed.")
        words = " | ".join(self._drain.last_lines())
        last = f" Its last words: {words}" if words else ""
        return BackendDied(f"The engine ended: {processes.describe_exit(code)}.{last}")

    def _ended(self) -> Att3dError:
        return self._doom if self._doom is not None else BackendDied("The engine has ended.")

    def _fail_all(self, error: Att3dError) -> None:
        with self._lock:
            replies = list(self._open.values())
            self._open.clear()
        for reply in replies:
            # each gets its own: a raised exception collects the traceback of whoever raised it
            reply._finish(Att3dError.from_dict(error.to_dict()))

    def _condemn(self, error: Att3dError) -> None:
        """The process cannot be understood any more: end it, and say why."""
        with self._lock:
            if self._doom is None:
                self._doom = error
        processes.kill(self.process)

    # --- messages ----------------------------------------------------------------------------

    def _receive(self, message: rpc.Message) -> None:
        self.heard += 1
        match message:
            case rpc.Notification(method, params):
                self._notified(method, params)
            case rpc.Response(id, result):
                if (reply := self._take(id)) is not None:
                    try:
                        self._answered(reply, result)
                    except Att3dError as error:
                        reply._finish(error)
                        raise
            case rpc.ErrorResponse(None, error):
                self._condemn(error)
            case rpc.ErrorResponse(id, error):
                reply = self._take(id)
                if reply is not None and reply.method == "initialize":
                    self._condemn(error)
                elif reply is not None:
                    reply._finish(error)
            case rpc.Request():
                raise ProtocolError("The engine sent a request; it may only answer.")

    def _take(self, id: object) -> Reply | Download | None:
        with self._lock:
            return self._open.pop(id, None) if isinstance(id, int) else None

    def _answered(self, reply: Reply | Download, result: Mapping[str, object]) -> None:
        if reply.method == "initialize":
            theirs = result.get("protocol_version")
            if theirs != m.PROTOCOL_VERSION:
                raise ProtocolError(
                    f"The engine speaks version {theirs!r} of the protocol, this extension"
                    f" version {m.PROTOCOL_VERSION}."
                )
        try:
            answer = decode(m.METHODS[reply.method].result, result, reply.method)
        except BadRequest as error:
            raise ProtocolError(f"The engine's answer is not understood: {error}") from error
        if isinstance(reply, Download):
            if reply.add(answer):
                self._fetch(reply)
        elif isinstance(answer, m.InitializeResult):
            theirs = Path(answer.session_folder)
            self._remote = theirs.parent != self._folder or theirs.is_symlink()
            reply._finish(answer)
            self._shaken.set()
        elif (file := m.METHODS[reply.method].file) and self._remote:
            self._fetch(Download(reply._finish, answer, file, self._folder))
        elif file and not self._ours(getattr(answer, file)):
            raise ProtocolError("The engine named a result file outside this session's folder.")
        else:
            reply._finish(answer)

    def _ours(self, path: str) -> bool:
        """Whether a result's path is a plain file of this session: it is read, and then deleted."""
        named = Path(path)
        if not named.is_absolute() or ".." in named.parts or named.is_symlink():
            return False
        return named.is_file() and self._folder in named.resolve().parents

    def _fetch(self, download: Download) -> None:
        params = m.FetchParams(path=download.remote_path, offset=download.offset)
        self.send(download, encode(params))

    def _notified(self, method: str, params: Mapping[str, object]) -> None:
        kind = m.NOTIFICATIONS.get(method)
        if kind is None:
            return  # a newer backend may say more
        try:
            said = decode(kind, params, method)
        except BadRequest as error:
            raise ProtocolError(f"A notification is not understood: {error}") from error
        if isinstance(said, m.ProgressParams) and isinstance(said.id, int):
            reply = self._open.get(said.id)
            if isinstance(reply, Reply):
                reply._goes_on(said.fraction, said.stage)
        elif isinstance(said, m.StatusParams):
            self.status = replace(Status(), **encode(said))
        elif isinstance(said, m.LogParams):
            self._on_log(said)
