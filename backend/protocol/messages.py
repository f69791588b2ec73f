"""JSON-RPC 2.0 messages, and the parameters and results of every method.

A :class:`Request` is answered by exactly one :class:`Response` or :class:`ErrorResponse` with its
id; a :class:`Notification` is answered by nothing. docs/protocol.md tells the story.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NoReturn, TypeAlias

from .chains import InterpolateParams, InterpolateResult, PreviewParams, PreviewResult
from .errors import Att3dError, BadRequest, Cancelled, InternalError, ProtocolError
from .schema import encode

PROTOCOL_VERSION = 1
"""Both ends must have the same one; it grows with any change of the messages below."""

Id: TypeAlias = int | str
State: TypeAlias = Literal["starting", "loading", "ready", "busy", "failed"]
Level: TypeAlias = Literal["debug", "info", "warning", "error"]


# --- envelopes ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    id: Id
    method: str
    params: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Notification:
    method: str
    params: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Response:
    id: Id
    result: Mapping[str, object]


@dataclass(frozen=True)
class ErrorResponse:
    id: Id | None
    """None when the request was so broken that its id is not known."""
    error: Att3dError


Message: TypeAlias = Request | Notification | Response | ErrorResponse
_Refuse: TypeAlias = Callable[[str], NoReturn]


class ParseError(ProtocolError):
    """The body of a frame is not JSON."""

    rpc_code: ClassVar[int] = -32700


class InvalidMessage(ProtocolError):
    """JSON, but not a JSON-RPC 2.0 message. ``id`` is the sender's, where it gave a valid one."""

    rpc_code: ClassVar[int] = -32600

    def __init__(self, message: str, id: Id | None = None) -> None:
        super().__init__(message)
        self.id = id


class UnknownMethod(ProtocolError):
    rpc_code: ClassVar[int] = -32601


def rpc_code(error: Att3dError) -> int:
    """The number that JSON-RPC wants beside our own code."""
    if isinstance(error, ParseError | InvalidMessage | UnknownMethod):
        return error.rpc_code
    if isinstance(error, BadRequest):
        return -32602
    if isinstance(error, InternalError):
        return -32603
    if isinstance(error, Cancelled):
        return -32800  # the language servers' RequestCancelled
    return -32000


def dump_message(message: Message) -> bytes:
    """The body of the frame that carries ``message``."""
    body: dict[str, object] = {"jsonrpc": "2.0"}
    match message:
        case Request(id, method, params):
            body |= {"id": id, "method": method, "params": encode(params)}
        case Notification(method, params):
            body |= {"method": method, "params": encode(params)}
        case Response(id, result):
            body |= {"id": id, "result": encode(result)}
        case ErrorResponse(id, error):
            described = {"code": rpc_code(error), "message": error.message, "data": error.to_dict()}
            body |= {"id": id, "error": described}
    return json.dumps(body, allow_nan=False, separators=(",", ":")).encode()


def parse_message(body: bytes) -> Message:
    """The message in a frame's body.

    Raises:
        ParseError: not JSON in UTF-8.
        InvalidMessage: JSON, but not a JSON-RPC 2.0 message.
    """
    try:
        data = json.loads(body.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ParseError(f"A message is not JSON: {error}.") from None
    if not isinstance(data, dict):
        raise InvalidMessage("A message is not a JSON object (batches are not supported).")
    id = data.get("id")
    if id is not None and (isinstance(id, bool) or not isinstance(id, int | str)):
        raise InvalidMessage("A message's id is neither a whole number nor text.")

    def invalid(why: str) -> NoReturn:
        raise InvalidMessage(why, id)

    if data.get("jsonrpc") != "2.0":
        invalid('A message does not say "jsonrpc": "2.0".')
    if "method" in data:
        if not isinstance(data["method"], str):
            invalid("A message's method is not text.")
        params = data.get("params", {})
        if not isinstance(params, dict):
            invalid("A message's params are not an object.")
        _only(data, {"jsonrpc", "id", "method", "params"}, invalid)
        if "id" not in data:
            return Notification(data["method"], params)
        return (
            invalid("A request's id is null.")
            if id is None
            else Request(id, data["method"], params)
        )
    if "error" in data:
        _only(data, {"jsonrpc", "id", "error"}, invalid)
        return ErrorResponse(id, _parse_error(data["error"], invalid))
    if "result" in data:
        _only(data, {"jsonrpc", "id", "result"}, invalid)
        if id is None or not isinstance(data["result"], dict):
            invalid("A response has no id, or its result is not an object.")
        return Response(id, data["result"])
    return invalid("A message has no method, result or error.")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not allowed")


def _only(data: Mapping[str, object], known: set[str], invalid: _Refuse) -> None:
    unknown = sorted(set(data) - known)
    if unknown:
        invalid(f"A message has an unknown member {unknown[0][:60]!r}.")


def _parse_error(data: object, invalid: _Refuse) -> Att3dError:
    if not isinstance(data, dict) or not isinstance(data.get("message"), str):
        return invalid("A message's error is not an object with a message.")
    details = data.get("data")
    if isinstance(details, dict):
        return Att3dError.from_dict(details)
    return InternalError(f"{data['message']} (JSON-RPC error {data.get('code')})")


# --- methods --------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class InitializeParams:
    """The first request. The server answers at once and loads the model in the meantime."""

    protocol_version: int
    client: str
    """Name and version, for the log."""
    session_folder: str | None = None
    """A private folder that the client made for results; None: the server makes one."""
    session_token: str | None = None
    """What the file ``token`` in it holds: proof that both ends see the same disk."""
    checkpoint: str | None = None
    """What to load first; None: the bundled default."""
    device: str = "auto"
    preload: bool = True
    """Load the model now rather than with the first request."""


@dataclass(frozen=True, kw_only=True)
class InitializeResult:
    protocol_version: int
    server: str
    """Version of the backend."""
    python: str
    platform: str
    pid: int
    session_folder: str
    """Where result files will be. Outside the client's folder: use ``fetch`` to get them."""


@dataclass(frozen=True, kw_only=True)
class GenerateParams:
    """A prompt becomes a textured mesh. Ranges are checked by the engine's MeshOptions."""

    prompt: str
    """Empty when ``chain`` says what to make."""
    checkpoint: str | None = None
    """Path of a checkpoint; None: the one that ``initialize`` named."""
    faces: int = 8000
    texture_size: int = 1024
    resolution: int = 128
    normal_map: bool = False
    chain: list[str] = field(default_factory=list)
    """Instead of a prompt: the object at ``alpha`` of these, as ``preview`` shows it."""
    alpha: float = 0.0


@dataclass(frozen=True, kw_only=True)
class GenerateResult:
    mesh: str
    """Path of a .safetensors file: vertices, faces, uvs, texture and perhaps normal_map."""
    prompt: str
    """As normalised; of a chain, the prompts around the object with their shares."""
    vertices: int
    faces: int
    timings: dict[str, float]
    """Seconds by stage, and ``total``."""
    notes: list[str]
    """What a person should know: unknown words, nearest known prompts."""
    checkpoint: str
    checkpoint_hash: str
    version: str
    """Version of the backend."""


@dataclass(frozen=True, kw_only=True)
class RenderParams:
    """Volume-rendered views of a prompt, evenly around the object, side by side in one PNG."""

    prompt: str
    checkpoint: str | None = None
    views: int = 1
    size: int = 256
    """Pixels along each view's edge."""


@dataclass(frozen=True, kw_only=True)
class RenderResult:
    image: str
    """Path of a .png file, ``views * size`` wide and ``size`` high."""
    prompt: str
    timings: dict[str, float]
    notes: list[str]
    checkpoint: str
    checkpoint_hash: str


@dataclass(frozen=True, kw_only=True)
class CheckpointsParams:
    folders: list[str] = field(default_factory=list)
    """Where to look besides the bundled ones."""


@dataclass(frozen=True, kw_only=True)
class CheckpointEntry:
    path: str
    name: str
    bytes: int
    bundled: bool
    default: bool
    problem: str = ""
    """Why it cannot be used; empty when it can."""


@dataclass(frozen=True, kw_only=True)
class CheckpointsResult:
    checkpoints: list[CheckpointEntry]


@dataclass(frozen=True, kw_only=True)
class InfoParams:
    pass


@dataclass(frozen=True, kw_only=True)
class InfoResult:
    server: str
    state: State
    queued: int
    """Jobs that wait or run."""
    memory_bytes: int | None
    """Resident memory of the process; None where the system does not say."""
    engine: dict[str, object]
    """What the loaded engine says about itself (device, checkpoint ...); empty before it is."""


@dataclass(frozen=True, kw_only=True)
class FetchParams:
    """Part of a result file, for a client on another machine."""

    path: str
    offset: int = 0
    remove: bool = True
    """Delete the file when its last byte has been sent."""


@dataclass(frozen=True, kw_only=True)
class FetchResult:
    data: str
    """Base64."""
    size: int
    """Of the whole file, bytes."""


@dataclass(frozen=True, kw_only=True)
class ShutdownParams:
    pass


@dataclass(frozen=True, kw_only=True)
class ShutdownResult:
    pass


# --- notifications --------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class CancelParams:
    """Client to server: that request is to be answered with ``cancelled`` as soon as possible."""

    id: int | str


@dataclass(frozen=True, kw_only=True)
class ProgressParams:
    """Server to client. A request's fractions never go back."""

    id: int | str
    fraction: float
    stage: str


@dataclass(frozen=True, kw_only=True)
class LogParams:
    level: Level
    message: str


@dataclass(frozen=True, kw_only=True)
class StatusParams:
    """Server to client, at every change of state."""

    state: State
    device: str = ""
    checkpoint: str = ""
    memory_bytes: int | None = None
    message: str = ""
    """For ``failed``: why."""
    remedy: str = ""


METHODS: dict[str, tuple[type[Any], type[Any]]] = {
    "initialize": (InitializeParams, InitializeResult),
    "generate": (GenerateParams, GenerateResult),
    "render": (RenderParams, RenderResult),
    "interpolate": (InterpolateParams, InterpolateResult),
    "preview": (PreviewParams, PreviewResult),
    "checkpoints": (CheckpointsParams, CheckpointsResult),
    "info": (InfoParams, InfoResult),
    "fetch": (FetchParams, FetchResult),
    "shutdown": (ShutdownParams, ShutdownResult),
}
"""Parameters and result of every request."""

NOTIFICATIONS: dict[str, type[Any]] = {
    "$/cancel": CancelParams,
    "$/progress": ProgressParams,
    "$/log": LogParams,
    "$/status": StatusParams,
}
"""Parameters of every notification."""
