"""The extension's client: real processes, and every way in which they can fail."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.timed import within

from .extension import arrays, child, client, connection, errors, messages
from .pipes import FAKE, ROOT, environment
from .test_server import CANCEL_SECONDS, ends, posix

GenerateParams = messages.GenerateParams
GenerateResult = messages.GenerateResult


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., client.BackendClient]]:
    """Makes clients, and ends what they have started."""
    made: list[client.BackendClient] = []

    def make(command: list[str] = FAKE, **extra: str) -> client.BackendClient:
        made.append(
            client.BackendClient(
                command, env=environment(extra), log_path=tmp_path / "logs" / "backend.log"
            )
        )
        return made[-1]

    yield make
    for one in made:
        one.close()


def generate(one: client.BackendClient, prompt: str) -> client.Reply:
    return one.request("generate", GenerateParams(prompt=prompt, texture_size=64))


def wait_for(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


Make = Callable[..., "client.BackendClient"]


class TestRequests:
    def test_the_first_starts_the_process(self, make: Make) -> None:
        one = make()
        assert one.status.state is None
        reply = generate(one, "a pig")
        assert one.status.state == "starting"
        result = reply.result(GenerateResult, timeout=120)
        assert result.prompt == "a pig"
        mesh = arrays.read_mesh(Path(result.mesh))
        assert mesh.vertices.shape == (8, 3)
        assert mesh.normal_map is None
        wait_for(lambda: one.status.state == "ready")
        assert one.status.device == "fake"

    def test_two_at_once_are_both_answered(self, make: Make) -> None:
        one = make()
        replies = [generate(one, "work 0.1"), generate(one, "a lion")]
        assert [r.result(GenerateResult, 120).prompt for r in replies] == ["work 0.1", "a lion"]

    def test_progress_is_monotone(self, make: Make) -> None:
        one = make(SCRIPTED_LOAD_SECONDS="0.3")
        reply = generate(one, "work 0.4")
        seen = []
        while not reply.done():
            seen.append(reply.progress)
            time.sleep(0.005)
        seen.append(reply.progress)
        fractions = [fraction for fraction, _ in seen]
        assert fractions == sorted(fractions)
        stages = list(dict.fromkeys(stage for _, stage in seen))
        order = ["starting", "load", "first half", "second half"]
        assert stages == [stage for stage in order if stage in stages]
        assert stages[-1] == "second half"

    def test_errors_are_of_the_class_that_was_raised(self, make: Make) -> None:
        reply = generate(make(), "fail prompt")
        with pytest.raises(errors.BadPrompt, match="no such thing") as caught:
            reply.result(GenerateResult, 120)
        assert caught.value.remedy == "ask for another"

    def test_the_answer_has_the_class_that_is_asked_for(self, make: Make) -> None:
        with pytest.raises(TypeError):
            make().request("info").result(GenerateResult, 120)

    def test_warnings_reach_the_callback(self) -> None:
        said: list[str] = []
        one = client.BackendClient(
            FAKE, env=environment(), on_log=lambda log: said.append(log.message)
        )
        generate(one, "fail warning").result(GenerateResult, 120)
        one.close()
        assert said == ["this is odd"]

    def test_a_dead_connection_calls_back_as_well(self, make: Make) -> None:
        done: list[client.Reply] = []
        reply = generate(make(), "die 9")
        reply.when_done(done.append)
        wait_for(lambda: bool(done))
        assert done == [reply]


class TestCancel:
    @pytest.mark.timed
    def test_a_running_job(self, make: Make) -> None:
        one = make()
        reply = generate(one, "work 20")
        wait_for(lambda: reply.progress[0] > 0)
        start = time.monotonic()
        reply.cancel()
        with pytest.raises(errors.Cancelled):
            reply.result(GenerateResult, 120)
        assert within(time.monotonic() - start, CANCEL_SECONDS)

    def test_before_the_process_is_up(self, make: Make) -> None:
        one = make()
        reply, other = generate(one, "work 20"), generate(one, "a pig")
        reply.cancel()
        with pytest.raises(errors.Cancelled):
            reply.result(GenerateResult, 120)
        other.result(GenerateResult, 120)

    def test_a_finished_job_changes_nothing(self, make: Make) -> None:
        reply = generate(make(), "a pig")
        reply.result(GenerateResult, 120)
        reply.cancel()
        reply.result(GenerateResult)


@posix
class TestDeath:
    def test_every_open_reply_fails_with_the_reason_and_the_next_request_starts_anew(
        self, make: Make
    ) -> None:
        one = make()
        replies = [generate(one, "work 20"), generate(one, "a pig"), generate(one, "a lion")]
        wait_for(lambda: replies[0].progress[0] > 0)
        first = one.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        for reply in replies:
            with pytest.raises(errors.BackendDied, match="killed by SIGKILL") as caught:
                reply.result(GenerateResult, 120)
            assert caught.value.remedy
        assert one.status.state is None
        generate(one, "a pig").result(GenerateResult, 120)
        assert one.pid not in (None, first)

    def test_of_the_service_gives_the_signal_and_the_last_words(self, make: Make) -> None:
        reply = generate(make(), "die 11")
        with pytest.raises(errors.BackendDied, match="SIGSEGV") as caught:
            reply.result(GenerateResult, 120)
        assert "about to die" in caught.value.message

    def test_while_idle_is_noticed(self, make: Make) -> None:
        one = make()
        generate(one, "a pig").result(GenerateResult, 120)
        assert one.pid is not None
        os.kill(one.pid, signal.SIGKILL)
        wait_for(lambda: one.status.state is None)
        generate(one, "a pig").result(GenerateResult, 120)

    @pytest.mark.parametrize(
        ("command", "text"),
        [
            (["/no/such/python"], "could not be started"),
            ([str(ROOT / "pyproject.toml")], "could not be started"),
            (python("raise SystemExit('No torch here')"), "No torch here"),
            (python("print('Welcome to my shell!')"), "Welcome"),
            (["cat"], "may only answer"),
            (python("import sys; sys.exit(3)"), "exit code 3"),
        ],
    )
    def test_a_command_that_is_not_a_backend(
        self, make: Make, command: list[str], text: str
    ) -> None:
        reply = make(command).request("info")
        with pytest.raises(errors.Att3dError) as caught:
            reply.result(messages.InfoResult, 120)
        assert text in caught.value.message
        assert caught.value.remedy

    def test_a_process_that_says_nothing(self, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(connection, "HANDSHAKE_SECONDS", 0.3)
        reply = make(python("import time; time.sleep(60)")).request("info")
        with pytest.raises(errors.BackendDied, match="said nothing"):
            reply.result(messages.InfoResult, 120)

    def test_another_protocol_version_is_named(self, make: Make) -> None:
        code = (
            "import sys; from backend.protocol import framing, jsonrpc as m\n"
            "framing.read_frame(sys.stdin.buffer)\n"
            "framing.write_frame(sys.stdout.buffer, m.dump_message(m.Response(1,"
            " {'protocol_version': 99, 'news': True})))\n"
            "sys.stdin.read()"
        )
        reply = make(python(code)).request("info")
        with pytest.raises(errors.ProtocolError, match="version 99"):
            reply.result(messages.InfoResult, 120)

    def test_a_refused_handshake_is_the_answer(
        self, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(messages, "PROTOCOL_VERSION", 99)
        with pytest.raises(errors.ProtocolError, match="version 99"):
            make().request("info").result(messages.InfoResult, 120)


@posix
class TestClose:
    def test_leaves_no_process_and_no_files(self, make: Make, tmp_path: Path) -> None:
        one = make()
        mesh = Path(generate(one, "a pig").result(GenerateResult, 120).mesh)
        service = one.request("info")
        service.result(messages.InfoResult, 120)
        pid = one.pid
        assert pid is not None
        one.close()
        assert ends(pid, 0.1)
        assert not mesh.parent.parent.exists()
        assert one.pid is None

    @pytest.mark.parametrize("prompt", ["work 20", "hold 3"])
    def test_while_a_job_runs(self, make: Make, prompt: str) -> None:
        one = make()
        reply = generate(one, prompt)
        wait_for(lambda: one.status.state == "busy")
        pid = one.pid
        assert pid is not None
        start = time.monotonic()
        one.close()
        assert within(time.monotonic() - start, 2)
        assert ends(pid, 0.1)
        assert not _group(pid)
        with pytest.raises(errors.BackendDied, match="closed"):
            reply.result(GenerateResult, 120)

    def test_ends_a_process_that_ignores_everything(self, make: Make) -> None:
        code = (
            "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "while True: time.sleep(1)"
        )
        one = make(python(code))
        one.start()
        pid = one.pid
        assert pid is not None
        time.sleep(0.2)
        one.close()
        assert ends(pid, 0.1)

    def test_can_be_used_again(self, make: Make) -> None:
        one = make()
        one.close()
        one.close()
        one.request("info").result(messages.InfoResult, 120)

    def test_a_script_that_forgets_it_still_ends(self) -> None:
        code = (
            "from tests.wire.extension import client, messages\n"
            "from tests.wire.pipes import FAKE\n"
            "c = client.BackendClient(FAKE)\n"
            "c.request('info').result(messages.InfoResult)\n"
            "print(c.pid)"
        )
        done = subprocess.run(
            python(code), env=environment(), capture_output=True, timeout=30, check=True
        )
        assert ends(int(done.stdout), 0.1)
        assert done.stderr == b""


class TestLog:
    def test_a_flood_on_stderr_stalls_nothing_and_fills_no_disk(
        self, make: Make, tmp_path: Path
    ) -> None:
        one = make()
        generate(one, "flood 100").result(GenerateResult, 30)  # 100 MB
        one.close()
        logs = list((tmp_path / "logs").iterdir())
        assert {log.name for log in logs} == {"backend.log", "backend.log.old"}
        assert sum(log.stat().st_size for log in logs) <= 2 * child.LOG_BYTES

    def test_a_log_that_cannot_be_written_is_not_needed(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        one = client.BackendClient(FAKE, env=environment(), log_path=tmp_path / "file" / "x.log")
        generate(one, "flood 1").result(GenerateResult, 120)
        one.close()


class TestEnvironment:
    def test_blenders_python_variables_stay_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PYTHONHOME", "/blender/python")
        monkeypatch.setenv("PYTHONPATH", "/blender/scripts")
        code = "import os, json, sys; sys.exit(json.dumps(dict(os.environ)))"
        one = client.BackendClient(python(code))
        with pytest.raises(errors.BackendDied) as caught:
            one.request("info").result(messages.InfoResult, 120)
        one.close()
        assert "/blender" not in caught.value.message

    def test_the_backend_is_found_from_any_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "backend").mkdir()
        (tmp_path / "backend" / "__init__.py").write_text("raise SystemExit('the wrong one')")
        monkeypatch.chdir(tmp_path)
        one = client.BackendClient([sys.executable, "-m", "tests.wire.scripted_backend"])
        one.request("info").result(messages.InfoResult, 120)
        one.close()


class TestRemote:
    def test_a_backend_that_sees_another_disk_sends_the_file(
        self, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Another machine is imitated by a handshake that proves no common disk."""
        monkeypatch.setattr(connection.secrets, "token_hex", lambda _: "/")
        one = make()
        params = GenerateParams(prompt="a pig", texture_size=1500)
        result = one.request("generate", params).result(GenerateResult, 120)
        folder = Path(result.mesh).parent
        assert folder in one._folders
        assert arrays.read_mesh(Path(result.mesh)).texture.shape == (1500, 1500, 3)
        one.close()
        assert not folder.exists()


def _group(pid: int) -> bool:
    try:
        os.killpg(pid, 0)
    except OSError:
        return False
    return True
