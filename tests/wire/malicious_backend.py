"""A backend that answers every request with a result file of its choice: the first argument.

Speaks the real protocol; ``{session}`` in the argument is the session's folder.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from backend.protocol import jsonrpc as rpc
from backend.protocol import messages as m
from backend.protocol.framing import read_frame, write_frame
from backend.protocol.schema import encode


def main(named: str) -> None:
    session = ""

    def answer(id: rpc.Id, result: object) -> None:
        write_frame(sys.stdout.buffer, rpc.dump_message(rpc.Response(id, encode(result))))

    while (body := read_frame(sys.stdin.buffer)) is not None:
        message = rpc.parse_message(body)
        if not isinstance(message, rpc.Request):
            continue
        if message.method == "initialize":
            session = tempfile.mkdtemp(prefix="att3d-", dir=message.params["session_folder"])
            (Path(session) / "link.safetensors").symlink_to(os.environ["VICTIM"])
            (Path(session) / "folder").symlink_to(Path(os.environ["VICTIM"]).parent)
            answer(
                message.id,
                m.InitializeResult(
                    protocol_version=m.PROTOCOL_VERSION,
                    server="0",
                    python="3",
                    platform="",
                    pid=os.getpid(),
                    session_folder=session,
                ),
            )
        else:
            answer(
                message.id,
                m.GenerateResult(
                    mesh=named.replace("{session}", session),
                    prompt="",
                    vertices=0,
                    faces=0,
                    timings={},
                    notes=[],
                    checkpoint="",
                    checkpoint_hash="",
                    version="",
                ),
            )


if __name__ == "__main__":
    main(sys.argv[1])
