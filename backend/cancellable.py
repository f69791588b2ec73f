"""Run a function of a C extension that holds the interpreter lock, so that it can be cancelled.

Decimating half a million faces, or unwrapping eight thousand, takes a second in one call, during
which no other Python thread runs. A child process can be killed at any moment; it costs a quarter
of a second to start, so only calls that would take longer are sent there.
"""

from __future__ import annotations

import io
import subprocess
import sys
import threading
from collections.abc import Mapping

import numpy as np

from .progress import CancelToken
from .protocol.errors import InternalError

POLL_SECONDS = 0.02

_CHILD = """
import io, os, sys
import numpy
# Libraries may print: the answer's pipe is kept from them.
pipe = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)
arrays = dict(numpy.load(io.BytesIO(sys.stdin.buffer.read())))
{code}
answer = io.BytesIO()
numpy.savez(answer, **results)
pipe.write(answer.getvalue())
pipe.close()
"""


def run_in_child(
    what: str, code: str, arrays: Mapping[str, np.ndarray | float], cancel: CancelToken
) -> dict[str, np.ndarray]:
    """Run Python ``code`` in a process of its own, which a cancel kills.

    Args:
        what: What it does, for an error: "decimation".
        code: Finds ``arrays`` by name, and sets ``results`` to a dict of arrays.

    Raises:
        Cancelled: asked to stop.
        InternalError: the process failed.
    """
    request = io.BytesIO()
    np.savez(request, **{name: np.asarray(values) for name, values in arrays.items()})
    process = subprocess.Popen(
        [sys.executable, "-c", _CHILD.format(code=code)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    result: list[tuple[bytes, bytes]] = []
    talk = threading.Thread(
        target=lambda: result.append(process.communicate(request.getvalue())), daemon=True
    )
    talk.start()
    try:
        while talk.is_alive():
            cancel.check()
            talk.join(POLL_SECONDS)
    finally:
        if talk.is_alive():
            process.kill()
            talk.join()
    output, errors = result[0]
    if process.returncode != 0:
        raise InternalError(f"{what} failed: {errors.decode(errors='replace')[-500:]}")
    with np.load(io.BytesIO(output)) as found:
        return dict(found)
