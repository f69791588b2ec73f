"""Unexpected exceptions as errors that a person can act on.

Code that knows what went wrong raises an :class:`Att3dError` itself; this is for what libraries
and the system raise through us.
"""

from __future__ import annotations

import errno

from .protocol.errors import Att3dError, InternalError, MissingDependency, OutOfMemory, OutputError

_NO_SPACE = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}


def describe_failure(error: BaseException) -> Att3dError:
    """The error to show for ``error``; an :class:`Att3dError` is returned unchanged."""
    if isinstance(error, Att3dError):
        return error
    if _is_out_of_memory(error):
        return OutOfMemory("There was not enough memory to finish.")
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        return OutputError(f"The disk is full: {_where(error)} could not be written.")
    if isinstance(error, OSError) and error.errno in _NOT_ALLOWED:
        return OutputError(f"No permission for {_where(error)}.")
    if isinstance(error, OSError) and error.filename:
        return OutputError(
            f"{_where(error)} cannot be used: {error.strerror or _first_line(error)}.",
            "See what is there, or name another file or folder.",
        )
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.partition(".")[0]
        if package != "backend":
            return MissingDependency(f"The Python package {package!r} is not installed.")
    elif isinstance(error, ImportError):
        return MissingDependency(
            f"A Python package cannot be loaded: {_first_line(error)}",
            "Install it again for this system and Python: in Blender that is this system's zip.",
        )
    return InternalError(f"Unexpected {type(error).__name__}: {_first_line(error)}")


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0][:300] or "no message"


def _is_out_of_memory(error: BaseException) -> bool:
    # torch is not imported for this: its CPU allocator raises a plain RuntimeError
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and "not enough memory" in str(error))
    )


def _where(error: OSError) -> str:
    return str(error.filename) if error.filename else "the output"
