"""What every command line here does alike: streams, failures, exit codes, JSON, progress.

Exit codes: 0 done; 1 something failed; 2 wrong use or bad input; 130 interrupted. A failure is two
lines on stderr (what and why; what to do). Standard library only.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import logging
import os
import sys
import traceback
from collections.abc import Callable

from .failures import describe_failure
from .paths import root
from .protocol.errors import Att3dError, BadRequest, InternalError
from .protocol.schema import to_json


def run(
    work: Callable[[], int],
    exit_code: Callable[[Att3dError], int],
    *,
    as_json: bool = False,
    interrupted: str = "interrupted",
    show_traceback: bool = False,
) -> int:
    """Do the work of one command; the exit code.

    Args:
        exit_code: of a failure.
        as_json: a failure is also one JSON object on stdout.
        interrupted: what is said after Ctrl-C.
        show_traceback: of a failure that nothing of ours foresaw.
    """
    make_printable()
    try:
        code = work()
        sys.stdout.flush()  # a full disk is noticed here, where it can still be said
        return code
    except KeyboardInterrupt:
        _say(interrupted)
        return 130
    except BrokenPipeError:
        # The reader of our stdout has gone; there is nobody to tell.
        sys.stderr.close()
        return 1
    except Exception as error:
        failure = describe_failure(error)
        if isinstance(failure, InternalError) and failure is not error:
            logging.getLogger(__name__).debug("internal error", exc_info=error)
            if show_traceback:
                _say(traceback.format_exc().rstrip())
        _report(failure, as_json)
        return exit_code(failure)


def _report(failure: Att3dError, as_json: bool) -> None:
    _say(f"error: {failure.message}")
    _say(f"try: {failure.remedy}")
    with contextlib.suppress(OSError):
        if as_json:
            print_json({"error": failure.to_dict()})
        sys.stdout.flush()


def require_unicode() -> None:
    """Start this process anew in Python's UTF-8 mode if its locale is ASCII (``LC_ALL=C``).

    Python takes every other letter on the command line for stray bytes there, which a prompt would
    lose, and cannot name a file with it. Process, streams and arguments stay what they are.
    """
    if codecs.lookup(sys.getfilesystemencoding()).name != "ascii" or not sys.executable:
        return
    with contextlib.suppress(OSError):
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def make_printable() -> None:
    """No character and no missing stream may end a command whose work is done.

    What stdout or stderr cannot show becomes an escape; a stream that is not there (``2>&-``,
    pythonw) swallows what is printed.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def check_current_folder() -> None:
    """Refuse to start in a folder that was deleted: relative names lead nowhere, and libraries
    that ask for it end the process.

    Raises:
        BadRequest: it was deleted.
    """
    try:
        os.getcwd()
    except OSError:
        raise BadRequest(
            "the current folder does not exist any more",
            "change to a folder that exists (cd), and start again",
        ) from None


def leave_deleted_folder() -> None:
    """Go to the program's own folder if the current one was deleted: a process that serves is
    started wherever its client happens to be."""
    try:
        os.getcwd()
    except OSError:
        os.chdir(root())


def print_json(content: object) -> None:
    """One JSON object on stdout, in ASCII, which every terminal and pipe takes."""
    print(to_json(content, ascii=True, indent=2))


def quiet_stdout() -> contextlib.AbstractContextManager[object]:
    """Whatever libraries print goes to stderr: stdout is for results."""
    return contextlib.redirect_stdout(sys.stderr)


class ShownProgress:
    """One changing line on stderr, if a person is watching."""

    def __init__(self, silent: bool) -> None:
        self._shown = not silent and sys.stderr.isatty()

    def __enter__(self) -> Callable[[float, str], None]:
        return self._show

    def __exit__(self, *exception: object) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def _show(self, fraction: float, stage: str) -> None:
        if self._shown:
            sys.stderr.write(f"\r\x1b[K{100 * fraction:3.0f}%  {stage}")
            sys.stderr.flush()


def _say(line: str) -> None:
    """One line on stderr."""
    with contextlib.suppress(OSError):
        sys.stderr.write(line + "\n")
