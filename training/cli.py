"""``python -m training COMMAND``: the headless side, made from the configuration dataclasses.

Heavy modules are imported when a command is run.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from backend.command_line import check_current_folder, run
from backend.protocol.errors import Att3dError, InternalError, OutOfMemory, OutputError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""

    def work() -> int:
        check_current_folder()
        from .commands import parse

        parse(list(sys.argv[1:] if argv is None else argv)).run()
        return 0

    return run(
        work,
        _exit_code,
        interrupted="interrupted; the same command goes on from the last save",
        show_traceback=True,
    )


def _exit_code(failure: Att3dError) -> int:
    """1 for what a run may meet on its way, 2 for what it should not have been asked."""
    return 1 if isinstance(failure, OutOfMemory | OutputError | InternalError) else 2
