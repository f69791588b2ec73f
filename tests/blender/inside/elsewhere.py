"""Stands in for ssh: runs a command in another folder, with an empty environment, on another disk.

    python elsewhere.py FOLDER PYTHONPATH COMMAND...

The other disk is imitated: the folder that the client proposes becomes one that is not there.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

sys.path.insert(0, sys.argv[2])

from backend.protocol import jsonrpc as rpc
from backend.protocol.framing import read_frame, write_frame


def main(folder: str, path: str, command: list[str]) -> int:
    Path(folder).mkdir(parents=True, exist_ok=True)
    child = subprocess.Popen(
        command,
        cwd=folder,
        env={"PYTHONPATH": path, "TMPDIR": folder},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdin is not None and child.stdout is not None

    def back() -> None:
        while data := os.read(child.stdout.fileno(), 65536):
            os.write(1, data)
        os._exit(child.wait())

    threading.Thread(target=back, daemon=True).start()
    while (body := read_frame(sys.stdin.buffer)) is not None:
        message = rpc.parse_message(body)
        if isinstance(message, rpc.Request) and message.method == "initialize":
            params = dict(message.params) | {"session_folder": "/nowhere/here/att3d-x"}
            body = rpc.dump_message(rpc.Request(message.id, message.method, params))
        write_frame(child.stdin, body)
    child.stdin.close()
    return child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
