"""What this process tells the libraries below numpy: how many threads, and what to do with memory.

Must be said before numpy is first imported.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys

_KEPT_BYTES = 1 << 28
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Names of glibc's settings (``malloc.h``)."""


def tune() -> None:
    """Say it all. What the user has chosen stands."""
    _one_thread_each()
    _keep_freed_memory()


def _one_thread_each() -> None:
    """Let every product of matrices run in the thread that asks for it.

    Our products are small, and chunks of points have threads of their own: OpenBLAS's threads,
    which wait for each other by spinning, only get in their way; on a machine that has other work
    to do they make a product a hundred times as slow.
    """
    for name in ("OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        os.environ.setdefault(name, "1")


def _keep_freed_memory() -> None:
    """Keep what an array leaves behind for the next one.

    Arrays of a few megabytes come and go with every step of a mesh. By default glibc gives each of
    them back to the system, which must then fill the next one's pages with zeros: 13,000 pages a
    prompt, a sixteenth of its time. The most that the process has at a time stays the same.
    """
    if not sys.platform.startswith("linux") or any(
        name in os.environ for name in ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")
    ):
        return
    with contextlib.suppress(OSError, AttributeError):  # a C library that is not glibc
        tell = ctypes.CDLL(None).mallopt
        tell(_MMAP_THRESHOLD, _KEPT_BYTES)
        tell(_TRIM_THRESHOLD, _KEPT_BYTES)
