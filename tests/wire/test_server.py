"""The server over real pipes, with an engine that does what the prompt says."""

from __future__ import annotations

import base64
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from safetensors.numpy import load_file

from backend.progress import CancelToken
from backend.protocol import jsonrpc as rpc
from backend.protocol import messages as m
from backend.protocol.errors import (
    BadPrompt,
    BadRequest,
    Cancelled,
    CheckpointError,
    InternalError,
    MissingDependency,
    OutOfMemory,
    OutputError,
    ProtocolError,
)
from backend.server import jobs
from tests.timed import within

from .pipes import FAKE, Pipes, environment

CANCEL_SECONDS = 0.2
"""The promise: from sending ``$/cancel`` to the answer."""

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals")


@pytest.fixture(scope="module")
def shared() -> Iterator[Pipes]:
    with Pipes() as pipes:
        pipes.shake()
        pipes.notification("$/status", state="ready")
        yield pipes


@pytest.fixture
def wire(shared: Pipes) -> Pipes:
    """A backend that is ready; the same for many tests, none of which may disturb the next."""
    shared.request("fence", "info")
    shared.result("fence")
    shared.kept.clear()
    return shared


@pytest.fixture
def ready() -> Iterator[Pipes]:
    """A backend of one's own that is ready."""
    with Pipes() as pipes:
        pipes.shake()
        pipes.notification("$/status", state="ready")
        yield pipes


@pytest.fixture
def new() -> Iterator[Pipes]:
    """A backend that has not been greeted."""
    with Pipes() as pipes:
        yield pipes


def ends(pid: int, promised: float) -> bool:
    """Wait until a process that is not our child is gone; whether that was in time."""
    start = time.monotonic()
    deadline = start + 60
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return within(time.monotonic() - start, promised)
        except OSError:
            return within(time.monotonic() - start, promised)
        time.sleep(0.02)
    return False


class TestHandshake:
    def test_says_who_answers_and_where_results_go(self, new: Pipes) -> None:
        result = new.shake()
        assert result["protocol_version"] == m.PROTOCOL_VERSION
        assert result["python"].split(".")[:2] == [str(part) for part in sys.version_info[:2]]
        assert Path(result["session_folder"]).is_dir()

    def test_is_answered_at_once_and_the_model_loads_meanwhile(self) -> None:
        with Pipes(extra={"SCRIPTED_LOAD_SECONDS": "1"}) as pipes:
            pipes.shake()
            states = [said.params.get("state") for said in pipes.kept]  # type: ignore[union-attr]
            assert "ready" not in states, "the answer came while the model was loading"
            assert pipes.notification("$/status")["state"] == "loading"
            status = pipes.notification("$/status", state="ready")
            assert status["device"] == "fake"
            assert status["checkpoint"] == "default.safetensors"
            assert status["memory_bytes"] is None or status["memory_bytes"] > 1e6

    def test_another_version_is_refused_even_with_fields_that_we_do_not_know(
        self, new: Pipes
    ) -> None:
        new.request(0, "initialize", protocol_version=99, client="future", hologram=True)
        error = new.error(0)
        assert isinstance(error, ProtocolError)
        assert "99" in error.message
        assert str(m.PROTOCOL_VERSION) in error.message
        assert error.remedy

    def test_comes_first(self, new: Pipes) -> None:
        new.request(1, "generate", prompt="a pig")
        assert isinstance(new.error(1), ProtocolError)
        new.shake()

    def test_comes_once(self, wire: Pipes) -> None:
        wire.request(1, "initialize", protocol_version=1, client="again")
        assert isinstance(wire.error(1), BadRequest)

    def test_a_checkpoint_that_does_not_load_is_a_state_and_an_error(self, new: Pipes) -> None:
        new.shake(checkpoint="broken.safetensors")
        status = new.notification("$/status", state="failed")
        assert status["message"] == "that file is broken"
        assert status["remedy"]
        new.request(1, "generate", prompt="a pig")
        assert isinstance(new.error(1), CheckpointError)
        new.request(2, "generate", prompt="a pig", checkpoint="good.safetensors", texture_size=64)
        assert new.result(2)["checkpoint"] == "good.safetensors"


class TestGenerate:
    def test_writes_the_arrays_into_the_session_folder(self, wire: Pipes) -> None:
        wire.request("a", "generate", prompt="noted pig", texture_size=64, normal_map=True)
        result = wire.result("a")
        arrays = load_file(result["mesh"])
        assert set(arrays) == {"vertices", "faces", "uvs", "texture", "normal_map"}
        assert arrays["texture"].shape == (64, 64, 3)
        assert (result["vertices"], result["faces"]) == (8, 12)
        assert result["notes"] == ["a note"]
        assert result["timings"].keys() == {"text", "bake", "total"}
        folder = Path(result["mesh"]).parent
        if sys.platform != "win32":
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {path.suffix for path in folder.iterdir()} == {".safetensors"}

    def test_progress_never_goes_back(self, wire: Pipes) -> None:
        wire.request(1, "generate", prompt="wobble", texture_size=64)
        wire.result(1)
        fractions = [fraction for fraction, _ in wire.progress(1)]
        assert len(fractions) == 8
        assert fractions == sorted(fractions)
        assert fractions[-1] == 1.0

    def test_progress_names_the_stages(self, wire: Pipes) -> None:
        wire.request(1, "generate", prompt="work 0.5", texture_size=64)
        wire.result(1)
        assert {stage for _, stage in wire.progress(1)} == {"first half", "second half"}

    def test_progress_is_not_a_flood(self) -> None:
        """A job of one second that reports every millisecond."""
        milliseconds = iter(range(1000))
        sent: list[rpc.Message] = []
        report = jobs.ProgressReporter(
            1, CancelToken(), sent.append, lambda: next(milliseconds) / 1000
        )
        for step in range(1000):
            report(step / 1000, "first half" if step < 500 else "second half")
        assert 30 <= len(sent) <= 36
        notifications = [message for message in sent if isinstance(message, rpc.Notification)]
        fractions = [cast(float, message.params["fraction"]) for message in notifications]
        assert fractions == sorted(fractions)

    def test_two_at_once_are_both_answered_in_order(self, wire: Pipes) -> None:
        wire.request(1, "generate", prompt="work 0.3", texture_size=64)
        wire.request(2, "generate", prompt="a pig", texture_size=64)
        first, answer = wire.answer(1)
        assert isinstance(answer, rpc.Response)
        second, answer = wire.answer(2)
        assert isinstance(answer, rpc.Response)
        assert first <= second

    def test_other_methods_answer_while_a_job_runs(self, wire: Pipes) -> None:
        wire.request(1, "generate", prompt="work 1", texture_size=64)
        wire.notification("$/progress", id=1)
        wire.request(2, "info")
        info = wire.result(2)
        assert info["state"] == "busy"
        assert info["queued"] == 1
        assert info["engine"]["device"] == "fake"
        wire.notify("$/cancel", id=1)
        assert isinstance(wire.error(1), Cancelled)

    def test_a_prompt_is_data(self, wire: Pipes) -> None:
        prompt = "; rm -rf / \u202e $(x) 'ö' \U0001f416 \"\\ \n{}"
        wire.request(1, "generate", prompt=prompt, texture_size=64)
        assert wire.result(1)["prompt"] == prompt

    @pytest.mark.parametrize(
        ("word", "kind", "text"),
        [
            ("prompt", BadPrompt, "no such thing"),
            ("memory", OutOfMemory, "memory"),
            ("disk", OutputError, "full"),
            ("module", MissingDependency, "xatlas"),
            ("bug", InternalError, "RuntimeError: first line"),
        ],
    )
    def test_failures_have_a_code_and_a_remedy(
        self, wire: Pipes, word: str, kind: type, text: str
    ) -> None:
        wire.request(1, "generate", prompt=f"fail {word}", texture_size=64)
        error = wire.error(1)
        assert type(error) is kind
        assert text in error.message
        assert "second line" not in error.message
        assert error.remedy
        wire.request(2, "generate", prompt="a pig", texture_size=64)
        wire.result(2)

    def test_warnings_are_sent(self, wire: Pipes) -> None:
        wire.request(1, "generate", prompt="fail warning", texture_size=64)
        said = wire.notification("$/log", level="warning")
        assert said["message"] == "this is odd"
        wire.result(1)  # so that no later test finds it


class TestCancel:
    def files(self, wire: Pipes) -> set[Path]:
        wire.request(0, "generate", prompt="a pig", texture_size=64)
        return set(Path(wire.result(0)["mesh"]).parent.iterdir())

    @pytest.mark.timed
    @pytest.mark.parametrize("prompt", ["work 60", "sleep 5", "hold 5"])
    def test_is_answered_in_time(self, wire: Pipes, prompt: str) -> None:
        """Also when a stage does not look, or a C extension keeps Python's lock."""
        before = self.files(wire)
        wire.request(1, "generate", prompt=prompt, texture_size=64)
        time.sleep(0.3)
        sent = time.monotonic()
        wire.notify("$/cancel", id=1)
        at, answer = wire.answer(1)
        assert isinstance(answer, rpc.ErrorResponse)
        assert isinstance(answer.error, Cancelled)
        assert within(at - sent, CANCEL_SECONDS)
        wire.request(2, "generate", prompt="a pig", texture_size=64)
        mesh = Path(wire.result(2)["mesh"])
        assert set(mesh.parent.iterdir()) == before | {mesh}, "the cancelled result was left behind"
        answers = [x for x in wire.kept if isinstance(x, rpc.Response) and x.id == 1]
        assert not answers, "answered twice"

    def test_an_id_may_be_used_again_while_the_abandoned_job_still_runs(self, wire: Pipes) -> None:
        wire.request(1, "generate", prompt="sleep 0.6", texture_size=64)
        time.sleep(0.1)
        wire.notify("$/cancel", id=1)
        assert isinstance(wire.error(1), Cancelled)
        wire.request(1, "generate", prompt="a pig", texture_size=64)
        assert wire.result(1)["prompt"] == "a pig"

    @pytest.mark.timed
    def test_of_a_waiting_job_leaves_the_others_alone(self, wire: Pipes) -> None:
        for id in (1, 2, 3):
            wire.request(id, "generate", prompt="work 0.5", texture_size=64)
        sent = time.monotonic()
        wire.notify("$/cancel", id=2)
        at, answer = wire.answer(2)
        assert isinstance(answer, rpc.ErrorResponse)
        assert within(at - sent, CANCEL_SECONDS)
        wire.result(1)
        wire.result(3)
        assert not wire.progress(2)

    @pytest.mark.parametrize("params", [{"id": 99}, {"id": None}, {}, {"id": 1, "x": 2}])
    def test_of_nothing_changes_nothing(self, wire: Pipes, params: dict[str, Any]) -> None:
        wire.notify("$/cancel", **params)
        wire.request(1, "generate", prompt="a pig", texture_size=64)
        wire.result(1)


class TestBrokenInput:
    @pytest.mark.parametrize(
        "body", [b"", b"{", b"\xff\xfe", b"NaN", b"[" * 100_000, b'{"a": 1e999, "b": NaN}']
    )
    def test_a_body_that_is_not_json_is_answered_and_survived(
        self, wire: Pipes, body: bytes
    ) -> None:
        wire.body(body)
        assert "not JSON" in wire.error(None).message
        wire.request(1, "info")
        wire.result(1)

    @pytest.mark.parametrize(
        "message",
        [
            [],
            3,
            {},
            {"id": 7, "method": "info"},
            {"jsonrpc": "1.0", "id": 7, "method": "info"},
            {"jsonrpc": "2.0", "id": 7, "method": 3},
            {"jsonrpc": "2.0", "id": 7, "method": "info", "params": [1]},
            {"jsonrpc": "2.0", "id": 7, "method": "info", "surprise": 1},
            {"jsonrpc": "2.0", "id": None, "method": "info"},
            {"jsonrpc": "2.0", "id": 1.5, "method": "info"},
            {"jsonrpc": "2.0", "id": True, "method": "info"},
        ],
    )
    def test_json_that_is_not_a_message_is_answered_and_survived(
        self, wire: Pipes, message: Any
    ) -> None:
        wire.body(json.dumps(message).encode())
        known = isinstance(message, dict) and message.get("id") == 7
        assert isinstance(wire.error(7 if known else None), ProtocolError)
        wire.request(8, "info")
        wire.result(8)

    @pytest.mark.parametrize(
        ("data", "text"),
        [
            (b"Content-Length: 5\r\n\r\n{}xyzContent-Length: 2\r\n\r\n{}", "not JSON"),
            (b"Content-Length: ten\r\n\r\n", "not a number"),
            (b"Content-Length: 99999999999\r\n\r\n", "limit"),
            (b"x" * 10_000, "longer than"),
        ],
    )
    def test_a_broken_frame_is_named_and_nothing_hangs(
        self, new: Pipes, data: bytes, text: str
    ) -> None:
        new.raw(data)
        assert text in new.error(None).message

    @pytest.mark.timed
    def test_a_wrong_length_ends_the_connection(self, new: Pipes) -> None:
        new.raw(b'Content-Length: 10\r\n\r\n{"jsonrpc":"2.0","id":1,"method":"info"}')
        assert "not JSON" in new.error(None).message
        new.raw(b"\r\n")
        assert isinstance(new.error(None), ProtocolError)
        assert within(new.seconds_to_end(), 1.5)
        assert new.process.returncode == 1

    @pytest.mark.timed
    def test_a_truncated_frame_is_named(self, new: Pipes) -> None:
        new.raw(b'Content-Length: 100\r\n\r\n{"jsonrpc"')
        new.stdin.close()
        assert "10 of 100" in new.error(None).message
        assert within(new.seconds_to_end(), 1.5)

    def test_unknown_method(self, wire: Pipes) -> None:
        wire.request(1, "levitate")
        error = wire.error(1)
        assert "levitate" in error.message
        assert "generate" in error.message

    def test_unknown_notifications_are_ignored(self, wire: Pipes) -> None:
        wire.notify("$/telepathy", thought=1)
        wire.request(1, "info")
        wire.result(1)

    @pytest.mark.parametrize(
        ("method", "params", "text"),
        [
            ("generate", {}, "'prompt' is missing"),
            ("generate", {"prompt": 3}, "prompt must be text"),
            ("generate", {"prompt": "a", "colour": "red"}, "unknown field 'colour'"),
            ("generate", {"prompt": "a", "faces": "many"}, "faces must be a whole number"),
            ("generate", {"prompt": "a", "faces": True}, "faces must be a whole number"),
            ("generate", {"prompt": "a", "faces": 1.5}, "faces must be a whole number"),
            (
                "generate",
                {"prompt": "a", "faces": 10**30},
                "not a huge number",
            ),
            ("generate", {"prompt": "a", "faces": -5}, "faces"),
            ("generate", {"prompt": "a", "texture_size": 10**9}, "texture_size"),
            ("generate", {"prompt": "a", "resolution": 0}, "resolution"),
            ("generate", {"prompt": "\ud800"}, "not valid Unicode"),
            ("render", {"prompt": "a", "views": 0}, "views"),
            ("render", {"prompt": "a", "size": 10**6}, "size"),
            ("checkpoints", {"folders": ["a", 1]}, "folders[1]"),
            ("fetch", {"path": "/etc/passwd"}, "not a result file"),
        ],
    )
    def test_bad_params_are_named(
        self, wire: Pipes, method: str, params: dict[str, Any], text: str
    ) -> None:
        wire.request(1, method, **params)
        error = wire.error(1)
        assert isinstance(error, BadRequest)
        assert text in error.message
        assert error.remedy

    def test_an_id_in_use_is_refused_and_the_first_is_answered(self, wire: Pipes) -> None:
        wire.request(1, "generate", prompt="work 0.3", texture_size=64)
        wire.request(1, "generate", prompt="a pig", texture_size=64)
        assert "belongs to a request" in wire.error(None).message
        assert wire.result(1)["prompt"] == "work 0.3"


class TestPrints:
    def test_nothing_that_a_library_prints_reaches_the_stream(self, wire: Pipes) -> None:
        wire.request(1, "generate", prompt="print", texture_size=64)
        wire.result(1)
        wire.request(2, "info")
        wire.result(2)
        log = wire.log()
        for text in ("printed by", "written by", "written to desc", "put by C", "echoed by"):
            assert text in log


@posix
class TestEnd:
    @pytest.mark.timed
    def test_when_stdin_closes(self, ready: Pipes) -> None:
        ready.request(1, "info")
        ready.result(1)
        ready.stdin.close()
        assert within(ready.seconds_to_end(), 1)
        assert ready.process.returncode == 0

    @pytest.mark.timed
    @pytest.mark.parametrize("prompt", ["work 10", "sleep 10", "hold 3"])
    def test_when_stdin_closes_while_a_job_runs(self, new: Pipes, prompt: str) -> None:
        worker = new.shake()["pid"]
        new.notification("$/status", state="ready")
        new.request(1, "generate", prompt=prompt, texture_size=64)
        new.notification("$/status", state="busy")
        new.stdin.close()
        assert within(new.seconds_to_end(), 1)
        assert ends(worker, 0.1)

    @pytest.mark.timed
    def test_when_asked_to(self, ready: Pipes) -> None:
        ready.request(1, "shutdown")
        assert ready.result(1) == {}
        assert within(ready.seconds_to_end(), 1)
        assert ready.process.returncode == 0

    def test_removes_the_session_folder(self, new: Pipes) -> None:
        folder = Path(new.shake()["session_folder"])
        new.request(1, "generate", prompt="a pig", texture_size=64)
        new.result(1)
        new.stdin.close()
        new.seconds_to_end()
        assert not folder.exists()

    @pytest.mark.timed
    @pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
    def test_on_a_signal_removes_the_session_folder(self, new: Pipes, name: str) -> None:
        folder = Path(new.shake()["session_folder"])
        new.process.send_signal(getattr(signal, name))
        assert within(new.seconds_to_end(), 1.5)
        assert not folder.exists()
        assert new.process.returncode == {"SIGTERM": 143, "SIGINT": 130}[name]

    def test_a_folder_that_is_not_the_clients_own_is_not_used(
        self, new: Pipes, tmp_path: Path
    ) -> None:
        (tmp_path / "precious").write_text("keep me")
        folder = Path(new.shake(session_folder=str(tmp_path), session_token="x")["session_folder"])
        assert folder.parent != tmp_path
        new.stdin.close()
        new.seconds_to_end()
        assert (tmp_path / "precious").exists()

    @pytest.mark.timed
    def test_when_the_service_is_killed_says_so(self, new: Pipes) -> None:
        pid = new.shake()["pid"]
        new.notification("$/status", state="ready")
        os.kill(pid, signal.SIGKILL)
        assert within(new.seconds_to_end(), 1.5)
        assert new.process.returncode == 128 + signal.SIGKILL
        assert "SIGKILL" in new.log()

    def test_when_the_process_in_front_is_killed_the_service_ends_too(self, new: Pipes) -> None:
        result = new.shake()
        new.notification("$/status", state="ready")
        new.request(1, "generate", prompt="sleep 10", texture_size=64)
        new.notification("$/status", state="busy")
        new.process.kill()
        assert ends(result["pid"], 2)
        assert not Path(result["session_folder"]).exists()

    def test_when_the_parent_dies_although_someone_holds_the_pipe(self, tmp_path: Path) -> None:
        """The pipe's writing end was inherited by a process that lives on."""
        script = (
            "import subprocess, sys, time\n"
            f"p = subprocess.Popen({FAKE!r}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,"
            " stderr=subprocess.DEVNULL)\n"
            "p.stdin.write(b'Content-Length: 2\\r\\n\\r\\n{}'); p.stdin.flush()\n"
            "p.stdout.readline()  # it is up\n"
            "import os; os.set_inheritable(p.stdin.fileno(), True)\n"
            "holder = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(30)'],"
            " close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
            "print(p.pid, holder.pid, flush=True)\n"
            "time.sleep(30)\n"
        )
        parent = subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment()
        )
        assert parent.stdout is not None
        backend, holder = map(int, parent.stdout.readline().split())
        try:
            parent.kill()
            parent.wait()
            assert ends(backend, 3)
        finally:
            os.kill(holder, signal.SIGKILL)
            parent.stdout.close()


class TestFetch:
    def test_brings_a_file_in_parts_and_removes_it(self, wire: Pipes) -> None:
        wire.request(1, "generate", prompt="a pig", texture_size=1500)
        mesh = Path(wire.result(1)["mesh"])
        content = mesh.read_bytes()
        got, size = b"", 1
        while len(got) < size:
            wire.request(2, "fetch", path=str(mesh), offset=len(got))
            part = wire.result(2)
            size = part["size"]
            got += base64.b64decode(part["data"])
        assert got == content
        assert not mesh.exists()

    def test_only_result_files(self, wire: Pipes, tmp_path: Path) -> None:
        wire.request(1, "generate", prompt="a pig", texture_size=64)
        mesh = Path(wire.result(1)["mesh"])
        secret = tmp_path / "secret"
        secret.write_text("s")
        link = mesh.parent / "link"
        link.symlink_to(secret)
        for path in (
            secret,
            link,
            mesh.parent / ".." / "x",
            mesh.parent,
            f"{mesh.parent}/../../{secret}",
        ):
            wire.request(2, "fetch", path=str(path))
            assert isinstance(wire.error(2), BadRequest)
        link.unlink()
