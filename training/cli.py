"""``python -m training COMMAND``: the headless side, made from the configuration dataclasses.

Exit codes: 0 done, 2 wrong use or bad input, 1 failure, 130 interrupted. Heavy modules are
imported when a command is run.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from backend.protocol.errors import Att3dError, InternalError, OutOfMemory, OutputError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    try:
        from .commands import parse

        parse(list(sys.argv[1:] if argv is None else argv)).run()
    except (OutOfMemory, OutputError, InternalError) as error:
        return _fail(error, 1)
    except Att3dError as error:
        return _fail(error, 2)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from the last save", file=sys.stderr)
        return 130
    return 0


def _fail(error: Att3dError, code: int) -> int:
    print(f"error: {error.message}\ntry: {error.remedy}", file=sys.stderr)
    return code
