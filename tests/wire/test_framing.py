"""Frames and messages on streams in memory."""

from __future__ import annotations

import contextlib
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.protocol import jsonrpc as rpc
from backend.protocol import messages as m
from backend.protocol.errors import (
    Att3dError,
    BadPrompt,
    BadRequest,
    Cancelled,
    InternalError,
    ProtocolError,
)
from backend.protocol.framing import MAX_BODY, MAX_HEADER, read_frame, write_frame
from backend.protocol.schema import decode, encode


class Trickle(io.BytesIO):
    """A pipe that gives and takes a few bytes at a time."""

    step = 3

    def read(self, size: int | None = -1) -> bytes:
        return super().read(self.step if size is None or size < 0 else min(size, self.step))

    def write(self, data: Any) -> int:
        return super().write(bytes(data)[: self.step])


@given(st.lists(st.binary(max_size=300), max_size=5), st.integers(1, 7))
def test_what_is_written_is_read(bodies: list[bytes], step: int) -> None:
    pipe = Trickle()
    pipe.step = step
    for body in bodies:
        write_frame(pipe, body)
    pipe.seek(0)
    assert [read_frame(pipe) for _ in bodies] == bodies
    assert read_frame(pipe) is None


@given(st.binary(max_size=200))
def test_any_bytes_give_a_frame_or_an_end_or_a_protocol_error(data: bytes) -> None:
    stream = io.BytesIO(data)
    with contextlib.suppress(ProtocolError):
        while read_frame(stream) is not None:
            pass


@given(st.binary(min_size=1, max_size=50), st.data())
def test_every_truncation_is_noticed(body: bytes, data: st.DataObject) -> None:
    stream = io.BytesIO()
    write_frame(stream, body)
    whole = stream.getvalue()
    cut = data.draw(st.integers(1, len(whole) - 1))
    with pytest.raises(ProtocolError, match="ended inside"):
        read_frame(io.BytesIO(whole[:cut]))


def test_other_header_lines_and_any_case_are_accepted() -> None:
    frame = b"Content-Type: application/json\r\ncontent-LENGTH:  2 \r\n\r\n{}"
    assert read_frame(io.BytesIO(frame)) == b"{}"


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (b"Content-Length: 2\n\n{}", "CR LF"),
        (b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", "two Content-Length"),
        (b"Content-Length: 0x10\r\n\r\n", "not a number"),
        (b"Content-Length: \xd9\xa3\r\n\r\n", "not a number"),
        (b"Content-Length: %d\r\n\r\n" % (MAX_BODY + 1), "limit"),
        (b"A: " + b"x" * MAX_HEADER + b"\r\n\r\n", "longer than"),
        (b"A: b\r\n" * MAX_HEADER, "longer than"),
        (b"\r\n", "no Content-Length"),
        (b": 3\r\n\r\n", "Name: value"),
    ],
)
def test_a_malformed_header_is_named(frame: bytes, text: str) -> None:
    with pytest.raises(ProtocolError, match=text):
        read_frame(io.BytesIO(frame))


def test_a_frame_that_the_other_side_would_refuse_is_not_sent() -> None:
    stream = io.BytesIO()
    with pytest.raises(ProtocolError, match="larger"):
        write_frame(stream, b"12345", max_body=4)
    assert stream.getvalue() == b""


ids = st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
params = st.dictionaries(st.text(max_size=9), values, max_size=4)


@given(
    st.builds(rpc.Request, ids, st.text(max_size=20), params)
    | st.builds(rpc.Notification, st.text(max_size=20), params)
    | st.builds(rpc.Response, ids, params)
)
def test_messages_survive_the_wire(message: rpc.Message) -> None:
    assert rpc.parse_message(rpc.dump_message(message)) == message


@given(values | st.binary(max_size=30))
def test_any_json_is_a_message_or_a_protocol_error(value: Any) -> None:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    with pytest.raises(ProtocolError):
        rpc.parse_message(body)


@pytest.mark.parametrize("kind", list(Att3dError._by_code.values()))
def test_an_error_is_rebuilt_as_its_own_class(kind: type[Att3dError]) -> None:
    error = kind("what and\n why", "do this")
    again = rpc.parse_message(rpc.dump_message(rpc.ErrorResponse(3, error)))
    assert isinstance(again, rpc.ErrorResponse)
    assert type(again.error) is kind
    assert again.error.to_dict() == error.to_dict()
    assert str(again.error) == "what and why"


def test_every_error_has_a_code_of_its_own_and_a_remedy() -> None:
    kinds = Att3dError.__subclasses__()
    assert len({kind.code for kind in kinds}) == len(kinds) == 12
    assert all(kind.default_remedy for kind in kinds)
    assert Cancelled().message


def test_an_error_of_a_newer_backend_keeps_its_text() -> None:
    error = Att3dError.from_dict({"code": "tired", "message": "I am", "remedy": "sleep"})
    assert isinstance(error, InternalError)
    assert "I am" in error.message
    assert error.remedy == "sleep"


def test_an_error_without_our_data_is_understood() -> None:
    body = b'{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no such method"}}'
    message = rpc.parse_message(body)
    assert isinstance(message, rpc.ErrorResponse)
    assert "no such method" in message.error.message


def test_json_rpc_numbers() -> None:
    assert rpc.rpc_code(rpc.ParseError("x")) == -32700
    assert rpc.rpc_code(rpc.InvalidMessage("x")) == -32600
    assert rpc.rpc_code(rpc.UnknownMethod("x")) == -32601
    assert rpc.rpc_code(BadRequest("x")) == -32602
    assert rpc.rpc_code(InternalError("x")) == -32603
    assert rpc.rpc_code(Cancelled()) == -32800
    assert rpc.rpc_code(BadPrompt("x")) == -32000


def test_dataclasses_survive_encoding() -> None:
    entry = m.CheckpointEntry(path="/x", name="toy", bytes=3, bundled=True, default=False)
    result = m.CheckpointsResult(checkpoints=[entry])
    assert decode(m.CheckpointsResult, json.loads(json.dumps(encode(result)))) == result
    status = m.StatusParams(state="ready", memory_bytes=None)
    assert decode(m.StatusParams, encode(status)) == status


@pytest.mark.parametrize(
    ("kind", "data", "text"),
    [
        (m.StatusParams, {"state": "sleepy"}, "one of starting, loading"),
        (m.StatusParams, {"state": "ready", "memory_bytes": 1.5}, "memory_bytes"),
        (m.ProgressParams, {"id": 1, "fraction": float("inf"), "stage": ""}, "finite"),
        (m.ProgressParams, {"id": 1, "fraction": 10**400, "stage": ""}, "finite"),
        (m.CheckpointsResult, {"checkpoints": [{"path": 1}]}, r"checkpoints\[0\]"),
        (m.GenerateResult, [], "an object"),
    ],
)
def test_what_does_not_fit_is_named(kind: type, data: Any, text: str) -> None:
    with pytest.raises(BadRequest, match=text):
        decode(kind, data, "test")


def test_generate_offers_what_the_engine_offers() -> None:
    import dataclasses

    from backend.protocol.options import MeshOptions

    ours = {f.name: f.default for f in dataclasses.fields(m.GenerateParams)}
    theirs = {f.name: f.default for f in dataclasses.fields(MeshOptions)}
    assert ours.items() >= theirs.items()
