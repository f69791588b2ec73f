"""The backend process: ``python -m backend serve``.

Two processes: :mod:`.supervisor` talks to the client, :mod:`.worker` holds the model. This file
imports neither torch nor the engine, so that the first request is answered at once.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Sequence

from ..command_line import leave_deleted_folder, make_printable
from .engine_pool import EngineFactory, real_engine


def main(
    arguments: Sequence[str],
    *,
    module: Sequence[str] = ("-m", "backend", "serve"),
    make_engine: EngineFactory = real_engine,
) -> int:
    """Serve one client on stdin and stdout until stdin ends; the exit code.

    Args:
        arguments: the command line after ``serve``.
        module: how ``sys.executable`` reaches this function again, for the second process.
        make_engine: makes an engine in the second process.
    """
    options = _parser().parse_args(arguments)
    if sys.__stdin__ is None or sys.__stdout__ is None:
        make_printable()
        sys.stderr.write(
            "error: stdin and stdout are the two ends of the conversation, and one is closed\n"
            "try: start it from Blender or another client, with both of them as pipes\n"
        )
        return 2
    make_printable()
    leave_deleted_folder()
    from .stdio import MessageWriter, claim_stdio

    requests, answers = claim_stdio()
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    if options.worker:
        from .worker import Worker

        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor decides
        writer = MessageWriter(answers)
        Worker(
            requests, writer, make_engine, options.checkpoint, options.device, options.accelerator
        ).run()
        code = 0
    else:
        from .supervisor import Supervisor, end_on_sigterm

        end_on_sigterm()
        again = [sys.executable, *module, *arguments, "--worker"]
        code = Supervisor(requests, answers, again).run()
    sys.stderr.flush()
    # A thread may still wait in a read, which would stop the interpreter from ending cleanly.
    os._exit(code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="att3d serve", description="Talk JSON-RPC on stdin and stdout (docs/protocol.md)."
    )
    parser.add_argument("--checkpoint", help="what to load; default: the bundled one")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")
    parser.add_argument("--accelerator", default="auto", help="auto, torch, tinycudann")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    return parser
