"""The process that holds the model: reads requests in a thread, works on them in the main thread.

:mod:`.supervisor` starts it and relays its messages.
"""

from __future__ import annotations

import logging
import os
import platform
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from .. import VERSION
from ..failures import describe_failure
from ..progress import CancelToken, ProgressCallback
from ..protocol import jsonrpc as rpc
from ..protocol import messages as m
from ..protocol.errors import Att3dError, BadRequest, ProtocolError
from ..protocol.framing import MAX_RELAYED, read_frame
from ..protocol.schema import decode, encode
from .checkpoint_list import list_checkpoints
from .engine_pool import EngineFactory, EnginePool, resident_bytes
from .jobs import JobQueue
from .methods import JOBS, Context, JobMethod
from .result_folder import ResultFolder
from .stdio import MessageWriter

log = logging.getLogger(__name__)

_STOP_SECONDS = 0.7
"""How long a running job may take to stop when the client has gone."""


class Worker:
    """Answers one client until the stream of requests ends.

    Args:
        requests: frames from the client.
        writer: takes answers and notifications.
        make_engine: makes an engine; the one thing that tests replace.
        checkpoint, device: what is used when a request does not say.
        accelerator: what computes checkpoints; requests do not say.
    """

    def __init__(
        self,
        requests: BinaryIO,
        writer: MessageWriter,
        make_engine: EngineFactory,
        checkpoint: str | None = None,
        device: str = "auto",
        accelerator: str = "auto",
    ) -> None:
        self._requests = requests
        self._writer = writer
        self._checkpoint = checkpoint
        self._device = device
        self._results: ResultFolder | None = None
        self._state: m.State = "starting"
        self._engine_info: Mapping[str, object] = {}
        self._engines = EnginePool(make_engine, accelerator, lambda _: self._set_state("loading"))
        self._jobs = JobQueue(writer.send, self._on_idle)
        self._at_once: dict[str, Callable[[rpc.Id, Any], object]] = {
            "initialize": self._initialize,
            "checkpoints": self._checkpoints,
            "info": self._info,
            "fetch": self._fetch,
            "shutdown": self._shutdown,
        }

    def run(self) -> None:
        """Serve until the stream ends or ``shutdown`` comes; then remove the folder of results."""
        warnings = _LogToClient(self._writer)
        logging.getLogger().addHandler(warnings)
        threading.Thread(target=self._read, name="requests", daemon=True).start()
        try:
            self._jobs.run()
        finally:
            logging.getLogger().removeHandler(warnings)
            self._remove_results()

    # --- reading, in its own thread ---------------------------------------------------------

    def _read(self) -> None:
        try:
            while (body := read_frame(self._requests, MAX_RELAYED)) is not None:
                self._receive(body)
        except ProtocolError as error:
            log.error("%s", error)
            self._writer.send(rpc.ErrorResponse(None, error))
        except Exception:
            log.exception("Reading requests failed")
        self._jobs.close()
        # A stage that never looks at its token must not outlive the client.
        time.sleep(_STOP_SECONDS)
        self._remove_results()
        os._exit(0)

    def _receive(self, body: bytes) -> None:
        message = rpc.parse_message(body)  # the supervisor lets only valid ones through
        if isinstance(message, rpc.Request):
            self._request(message)
        elif isinstance(message, rpc.Notification):
            params = decode(m.CancelParams, message.params, message.method)
            self._jobs.cancel(params.id)

    def _request(self, request: rpc.Request) -> None:
        try:
            method = m.METHODS.get(request.method)
            if method is None:
                raise rpc.UnknownMethod(
                    f"There is no method {request.method[:60]!r};"
                    f" known methods: {', '.join(m.METHODS)}."
                )
            if self._results is None:
                _check_first(request)
            params = decode(method.params, request.params, request.method)
            if request.method in JOBS:
                self._submit(request, params, JOBS[request.method])
                return
            result = self._at_once[request.method](request.id, params)
        except Att3dError as error:
            self._writer.send(rpc.ErrorResponse(request.id, error))
        except Exception as error:
            log.exception("Request %s (%s) failed", request.id, request.method)
            self._writer.send(rpc.ErrorResponse(request.id, describe_failure(error)))
        else:
            if result is not None:
                self._writer.send(rpc.Response(request.id, encode(result)))
            if request.method == "initialize" and params.preload:
                # Later requests wait for it in the queue.
                self._jobs.submit(None, lambda cancel, progress: self._engine(None))
            if request.method == "shutdown":
                self._jobs.close()

    def _submit(self, request: rpc.Request, params: Any, method: JobMethod) -> None:
        """Queue a job. What can be refused without the model is refused now."""
        method.check(params)

        def work(cancel: CancelToken, progress: ProgressCallback) -> object:
            engine = self._engine(params.checkpoint)
            return method.run(params, Context(engine, self._get_results(), progress, cancel))

        def discard(result: object) -> None:
            """Delete the file of a result that nobody waits for any more."""
            if file := m.METHODS[request.method].file:
                Path(getattr(result, file)).unlink(missing_ok=True)

        latest = request.method if method.latest else None
        self._jobs.submit(request.id, work, discard, latest)

    # --- methods answered at once; None: by a thread that answers later ----------------------

    def _initialize(self, _: rpc.Id, params: m.InitializeParams) -> m.InitializeResult:
        if self._results is not None:
            raise BadRequest("initialize was already called.", "Call it once per connection.")
        self._results = ResultFolder(params.session_folder, params.session_token)
        self._checkpoint = params.checkpoint or self._checkpoint
        if params.device != "auto":
            self._device = params.device
        log.info("Client: %s", params.client[:200])
        return m.InitializeResult(
            protocol_version=m.PROTOCOL_VERSION,
            server=VERSION,
            python=platform.python_version(),
            platform=platform.platform(),
            pid=os.getpid(),
            session_folder=str(self._results.path),
        )

    def _checkpoints(self, id: rpc.Id, params: m.CheckpointsParams) -> None:
        # Beside the queue, so that a list never waits for a mesh; in a thread, because the first
        # time it imports torch.
        def answer() -> None:
            try:
                found = list_checkpoints(params.folders)
                result = m.CheckpointsResult(checkpoints=found)
                self._writer.send(rpc.Response(id, encode(result)))
            except Exception as error:
                log.exception("Listing checkpoints failed")
                self._writer.send(rpc.ErrorResponse(id, describe_failure(error)))

        threading.Thread(target=answer, name="checkpoints", daemon=True).start()

    def _info(self, _: rpc.Id, params: m.InfoParams) -> m.InfoResult:
        return m.InfoResult(
            server=VERSION,
            state=self._state,
            queued=len(self._jobs),
            memory_bytes=resident_bytes(),
            engine=dict(self._engine_info),
        )

    def _fetch(self, _: rpc.Id, params: m.FetchParams) -> m.FetchResult:
        return self._get_results().fetch(params)

    def _shutdown(self, _: rpc.Id, params: m.ShutdownParams) -> m.ShutdownResult:
        return m.ShutdownResult()

    # --- working, in the main thread ---------------------------------------------------------

    def _engine(self, checkpoint: str | None) -> Any:
        path = checkpoint or self._checkpoint
        try:
            engine = self._engines.get(path, self._device)
            self._engine_info = engine.info()
        except Exception as failure:
            error = describe_failure(failure)
            self._set_state("failed", error)
            if error is failure:
                raise
            log.exception("Loading failed")
            raise error from failure
        self._set_state("busy")
        return engine

    def _on_idle(self) -> None:
        if self._state == "busy":
            self._set_state("ready")

    def _set_state(self, state: m.State, error: Att3dError | None = None) -> None:
        if state == self._state:
            return
        self._state = state
        status = m.StatusParams(
            state=state,
            **{
                name: str(self._engine_info.get(name, ""))
                for name in ("device", "library", "reason", "broken", "checkpoint")
            },
            memory_bytes=resident_bytes(),
            message=error.message if error else "",
            remedy=error.remedy if error else "",
        )
        self._writer.send(rpc.Notification("$/status", encode(status)))

    def _get_results(self) -> ResultFolder:
        if self._results is None:
            raise ProtocolError("The first request must be initialize.")
        return self._results

    def _remove_results(self) -> None:
        if self._results is not None:
            self._results.remove()


class _LogToClient(logging.Handler):
    """Sends warnings and errors as ``$/log``; everything is on stderr as well."""

    def __init__(self, writer: MessageWriter) -> None:
        super().__init__(logging.WARNING)
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        level: m.Level = "error" if record.levelno >= logging.ERROR else "warning"
        params = m.LogParams(level=level, message=record.getMessage()[:1000])
        self._writer.send(rpc.Notification("$/log", encode(params)))


def _check_first(request: rpc.Request) -> None:
    """The first request must be ``initialize`` with our version; older fields may be unknown."""
    if request.method != "initialize":
        raise ProtocolError("The first request must be initialize.")
    theirs = request.params.get("protocol_version")
    if isinstance(theirs, int) and theirs != m.PROTOCOL_VERSION:
        raise ProtocolError(
            f"The client speaks version {theirs} of the protocol, this engine"
            f" (ATT3D {VERSION}) version {m.PROTOCOL_VERSION}."
        )
