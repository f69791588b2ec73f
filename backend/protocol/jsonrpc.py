"""JSON-RPC 2.0 messages: the envelopes around parameters and results, and their bytes.

A :class:`Request` is answered by exactly one :class:`Response` or :class:`ErrorResponse` with its
id; a :class:`Notification` is answered by nothing. Standard library only.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, NoReturn, TypeAlias

from .errors import Att3dError, BadRequest, Cancelled, InternalError, ProtocolError
from .foreign_text import DEPTH
from .schema import encode

Id: TypeAlias = int | str

MAX_DEPTH = DEPTH
"""Most lists and objects within each other in a message; the deepest of ours has five."""


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
    try:
        return _json(body, ascii=False).encode()
    except UnicodeEncodeError:  # half a surrogate pair, which UTF-8 cannot hold
        return _json(body, ascii=True).encode()


def _json(body: object, *, ascii: bool) -> str:
    return json.dumps(body, allow_nan=False, ensure_ascii=ascii, separators=(",", ":"))


def parse_message(body: bytes) -> Message:
    """The message in a frame's body.

    Raises:
        ParseError: not JSON in UTF-8.
        InvalidMessage: JSON, but not a JSON-RPC 2.0 message.
    """
    infinite: list[str] = []

    def parse_float(text: str) -> float:
        number = float(text)
        if math.isinf(number):
            infinite.append(text)
        return number

    try:
        data = json.loads(body.decode(), parse_constant=_refuse_constant, parse_float=parse_float)
    except (ValueError, RecursionError) as error:
        raise ParseError(f"A message is not JSON: {error}.") from None
    if not isinstance(data, dict):
        raise InvalidMessage("A message is not a JSON object (batches are not supported).")
    id = data.get("id")
    if id is not None and (isinstance(id, bool) or not isinstance(id, int | str)):
        raise InvalidMessage("A message's id is neither a whole number nor text.")

    def invalid(why: str) -> NoReturn:
        raise InvalidMessage(why, id)

    if infinite:
        invalid(f"A message has a number that is too large: {infinite[0][:20]}.")
    if _too_deep(data):
        invalid(f"A message is nested more than {MAX_DEPTH} deep.")
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


def _too_deep(data: object) -> bool:
    """Whether lists and objects are nested more than :data:`MAX_DEPTH` deep; not recursive."""
    level = [data]
    for _ in range(MAX_DEPTH + 1):
        if not level:
            return False
        inner: list[object] = []
        for value in level:
            if isinstance(value, dict):
                inner += value.values()
            elif isinstance(value, list):
                inner += value
        level = [value for value in inner if isinstance(value, dict | list)]
    return True


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
