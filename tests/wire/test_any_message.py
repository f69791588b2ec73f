"""Every well-framed message gets an answer, whatever is in it, and the backend goes on."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.protocol import jsonrpc as rpc
from backend.protocol import messages as m
from backend.protocol.framing import MAX_BODY

from .pipes import Pipes


@pytest.fixture(scope="module")
def backend() -> Iterator[Pipes]:
    with Pipes() as pipes:
        pipes.shake()
        yield pipes


_numbers = itertools.count()


def answers(pipes: Pipes, body: bytes) -> list[rpc.Message]:
    """What is answered to one body, notifications left out."""
    end = f"end {next(_numbers)}"
    pipes.body(body)
    pipes.body(rpc.dump_message(rpc.Request(end, "info")))
    found: list[rpc.Message] = []
    waiting = 2
    while waiting:
        _, message = pipes.next()
        assert message is not None, "the backend has ended"
        if isinstance(message, rpc.Response | rpc.ErrorResponse):
            waiting -= 1
            if message.id != end:
                found.append(message)
    return found


def raw(value: object) -> str:
    """JSON of a value; text that begins with ``raw:`` stands for itself."""
    text = json.dumps(value)
    return text.replace('"raw:', "").replace(':raw"', "")


numbers = st.sampled_from(["raw:1e999:raw", "raw:-1e400:raw", "raw:1E5:raw", "raw:1e15:raw"])
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | numbers
)


def nested(depth: int) -> str:
    return "raw:" + "[" * depth + "]" * depth + ":raw"


values = st.recursive(
    leaves | st.builds(nested, st.integers(1, 700)),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=6,
)
FIELDS = sorted({name for method in m.METHODS.values() for name in method.params.__annotations__})
params = st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=9), values, max_size=4)
methods = st.sampled_from([*m.METHODS, "nonsense"]).filter(lambda name: name != "shutdown")
messages = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0"), "id": st.integers() | st.text(max_size=9), "method": methods},
    optional={"params": params | values},
)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(messages | values)
def test_every_message_is_answered_once(backend: Pipes, message: Any) -> None:
    (answer,) = answers(backend, raw(message).encode(errors="surrogatepass"))
    asked = message.get("id") if isinstance(message, dict) else None
    assert isinstance(answer, rpc.Response | rpc.ErrorResponse)
    assert answer.id in (asked, None)


@pytest.mark.parametrize("depth", [33, 600, 900, 100_000])
def test_deep_nesting_is_refused(backend: Pipes, depth: int) -> None:
    nest = "[" * depth + "]" * depth
    body = f'{{"jsonrpc":"2.0","id":7,"method":"info","params":{{"x":{nest}}}}}'
    (answer,) = answers(backend, body.encode())
    assert isinstance(answer, rpc.ErrorResponse)
    assert answer.id in (7, None)


@pytest.mark.parametrize("number", ["1e999", "-1e400"])
def test_infinite_numbers_are_refused_and_the_id_is_free_again(backend: Pipes, number: str) -> None:
    for _ in range(2):
        body = f'{{"jsonrpc":"2.0","id":8,"method":"generate","params":{{"alpha":{number}}}}}'
        (answer,) = answers(backend, body.encode())
        assert isinstance(answer, rpc.ErrorResponse)
        assert answer.id == 8
        assert "too large" in answer.error.message


@pytest.mark.parametrize("piece", ["\u8c5a", "\ud83d\udc37", "1e15,", "\\ud800"])
def test_a_body_up_to_the_limit_is_answered(backend: Pipes, piece: str) -> None:
    """Of 16 MiB, whatever it grows to on the way to the worker."""
    piece = piece.encode("utf-16", "surrogatepass").decode("utf-16")
    start, end = '{"jsonrpc":"2.0","id":9,"method":"generate","params":{"prompt":', "}}"
    quote = ("[", "0]") if piece == "1e15," else ('"', '"')
    room = MAX_BODY - len(start) - len(end) - 3
    body = start + quote[0] + piece * (room // len(piece.encode())) + quote[1] + end
    assert MAX_BODY - 20 < len(body.encode()) <= MAX_BODY
    (answer,) = answers(backend, body.encode())
    assert isinstance(answer, rpc.ErrorResponse)
    assert answer.id == 9
    assert answer.error.code in ("bad_prompt", "bad_request")


def test_a_folder_that_a_cleaner_removed_is_made_again() -> None:
    with Pipes() as pipes:
        folder = Path(pipes.shake()["session_folder"])
        for id in range(1, 3):
            shutil.rmtree(folder)
            pipes.request(id, "generate", prompt="a pig", texture_size=64)
            mesh = Path(pipes.result(id)["mesh"])
            assert mesh.is_file()
            assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()
