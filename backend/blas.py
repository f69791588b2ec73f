"""How many threads the linear algebra library below numpy may start."""

from __future__ import annotations

import os


def one_thread_each() -> None:
    """Let every product of matrices run in the thread that asks for it.

    Must be called before numpy is first imported. Our products are small, and chunks of points have
    threads of their own: OpenBLAS's threads, which wait for each other by spinning, only get in
    their way; on a machine that has other work to do they make a product a hundred times as slow.
    What the user has chosen stands.
    """
    for name in ("OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        os.environ.setdefault(name, "1")
