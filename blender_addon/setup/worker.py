"""The process that sets up the backend: ``python -I worker.py``, started by :mod:`.run`.

Reads a plan from its stdin, writes one JSON object a line to its stdout, and ends, with whatever it
started, when its stdin does: that is when Blender cancels it, quits or crashes.

    {"fraction": 0.4, "step": "packages", "text": "scipy"}
    {"done": true}   or   {"error": {"code", "message", "remedy"}}
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import threading
import types
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "att3d_worker"


def _reach_the_extension() -> None:
    """Make the extension's modules importable without its ``__init__``, which needs Blender."""
    for name, path in (
        (PACKAGE, ROOT),
        (f"{PACKAGE}.blender_addon", ROOT / "blender_addon"),
    ):
        package = types.ModuleType(name)
        package.__path__ = [str(path)]
        sys.modules[name] = package


def main() -> int:
    """Carry out the plan on stdin; 0 when the backend works."""
    sys.dont_write_bytecode = True  # the extension's folder is not ours to write
    _reach_the_extension()
    errors = importlib.import_module(f"{PACKAGE}.backend.protocol.errors")
    install = importlib.import_module(f"{PACKAGE}.blender_addon.setup.install")
    plan = importlib.import_module(f"{PACKAGE}.blender_addon.setup.plan")
    process = importlib.import_module(f"{PACKAGE}.blender_addon.process")
    requests = sys.stdin.buffer
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    lock = threading.Lock()

    def say(**line: object) -> None:
        with lock:
            answers.write(json.dumps(line) + "\n")

    installer = install.Installer(
        plan.Plan.from_json(requests.readline().decode()),
        lambda fraction, step, text: say(fraction=fraction, step=step, text=text),
    )

    def end_with_stdin() -> None:
        requests.read()
        if sys.platform == "win32":
            if installer.child is not None:
                process.kill(installer.child)
        elif os.getpgrp() == os.getpid():  # as Blender starts it
            os.killpg(0, signal.SIGKILL)  # this process, pip, and whatever pip has started
        elif installer.child is not None:
            installer.child.kill()
        os._exit(3)

    threading.Thread(target=end_with_stdin, daemon=True).start()
    try:
        installer.run()
    except errors.Att3dError as error:
        say(error=error.to_dict())
        return 1
    except Exception as error:
        import traceback

        traceback.print_exc()
        failure = errors.InternalError(f"The set-up failed: {type(error).__name__}: {error}")
        say(error=failure.to_dict())
        return 1
    say(done=True)
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # a thread still waits for the end of stdin
