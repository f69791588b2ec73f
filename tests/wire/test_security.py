"""What a backend that means harm, or a network, cannot do."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from tests.timed import within

from .extension import client, errors, messages
from .pipes import FAKE, Pipes, environment

GenerateParams, GenerateResult = messages.GenerateParams, messages.GenerateResult


@pytest.mark.parametrize(
    "named",
    [
        "{victim}",
        "{session}/../../../..{victim}",
        "{session}/link.safetensors",
        "{session}/folder/victim.safetensors",
        "victim.safetensors",
        "",
        "{session}",
    ],
)
def test_result_outside_the_sessions_folder_is_refused(named: str, tmp_path: Path) -> None:
    """The client would read the file, and then delete it."""
    victim = tmp_path / "victim.safetensors"
    victim.write_bytes(b"mine")
    command = [
        sys.executable,
        "-m",
        "tests.wire.malicious_backend",
        named.replace("{victim}", str(victim)),
    ]
    one = client.BackendClient(command, env=environment({"VICTIM": str(victim)}))
    reply = one.request("generate", GenerateParams(prompt="a pig"))
    with pytest.raises(errors.ProtocolError, match="outside"):
        reply.result(GenerateResult, 120)
    one.close()
    assert victim.read_bytes() == b"mine"


def test_an_answer_that_is_not_understood_still_ends_the_request(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from backend.protocol import jsonrpc as m\n"
        "from backend.protocol.framing import read_frame, write_frame\n"
        "read_frame(sys.stdin.buffer)\n"
        "write_frame(sys.stdout.buffer, m.dump_message(m.Response(1, {'strange': 1})))\n"
        "sys.stdin.buffer.read()\n"
    )
    one = client.BackendClient([sys.executable, "-c", code], env=environment())
    with pytest.raises(errors.ProtocolError):
        one.request("info").result(messages.InfoResult, 120)
    one.close()


def sockets_of(pid: int) -> list[str]:
    """What the open sockets of a process are, from /proc."""
    inodes = set()
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(fd)
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    found = []
    for kind in ("tcp", "tcp6", "udp", "udp6", "unix"):
        for line in Path(f"/proc/{pid}/net/{kind}").read_text().splitlines()[1:]:
            if inodes & set(line.split()):
                found.append(f"{kind}: {line}")
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_nothing_listens() -> None:
    """Neither of the backend's two processes has a socket of any kind."""
    with Pipes(FAKE) as pipes:
        pipes.shake()
        pipes.request(1, "generate", prompt="a pig", texture_size=64)
        pipes.result(1)
        supervisor = pipes.process.pid
        children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
        assert children, "the supervisor has a worker"
        for pid in (supervisor, *map(int, children)):
            assert sockets_of(pid) == []


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_the_check_for_sockets_can_fail() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)):
        assert any(line.startswith("tcp:") for line in sockets_of(os.getpid()))


@pytest.mark.parametrize(
    "prompt",
    [
        "{session}/../x",
        "/etc/passwd",
        "__import__('os').system('touch pwned')",
        "$(touch pwned)",
        "%s{0}",
    ],
)
def test_prompts_are_data(prompt: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are never evaluated, and no path comes from them."""
    monkeypatch.chdir(tmp_path)
    one = client.BackendClient(FAKE, env=environment())
    params = GenerateParams(prompt=prompt, texture_size=64)
    result = one.request("generate", params).result(GenerateResult, 120)
    assert result.prompt == prompt
    assert Path(result.mesh).name.split(".")[0].isalnum()
    one.close()
    assert list(tmp_path.iterdir()) == []


class TestHung:
    @pytest.mark.timed
    def test_a_stopped_process_is_ended_at_once(self) -> None:
        """SIGSTOP is the deepest sleep there is; even that does not outlive a restart."""
        import signal

        one = client.BackendClient(FAKE, env=environment())
        one.request("info").result(messages.InfoResult, 120)
        pid = one.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        reply = one.request("generate", GenerateParams(prompt="a pig"))
        time.sleep(0.1)
        assert one.expecting
        before = time.monotonic()
        one.condemn(errors.Cancelled("restarted"))
        one.close(wait=False)
        assert within(time.monotonic() - before, 0.05), "neither waits"
        with pytest.raises(errors.Cancelled, match="restarted"):
            reply.result(GenerateResult, 120)
        client.close_all()
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)

    def test_every_message_is_a_sign_of_life(self) -> None:
        one = client.BackendClient(FAKE, env=environment())
        one.request("info").result(messages.InfoResult, 120)
        before = one.heard
        assert not one.expecting or one.heard != before
        one.request("info").result(messages.InfoResult, 120)
        assert one.heard != before
        one.close()
        assert one.heard == 0 and not one.expecting
