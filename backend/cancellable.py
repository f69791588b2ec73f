"""Run a function of a C extension that holds the interpreter lock, so that it can be cancelled.

Decimating half a million faces takes seconds in one call, during which no other Python thread
runs. A child process can be killed at any moment; it costs a quarter of a second to start, so only
calls that would take longer are sent there.
"""

from __future__ import annotations

import io
import subprocess
import sys
import threading

import numpy as np

from .progress import CancelToken
from .protocol.errors import InternalError

POLL_SECONDS = 0.02


def decimate_in_child(
    vertices: np.ndarray, faces: np.ndarray, target: int, haste: float, cancel: CancelToken
) -> tuple[np.ndarray, np.ndarray]:
    """``fast_simplification.simplify`` in a process of its own, which a cancel kills.

    Raises:
        Cancelled: asked to stop.
        InternalError: the process failed.
    """
    request = io.BytesIO()
    np.savez(request, vertices=vertices, faces=faces, target=target, haste=haste)
    process = subprocess.Popen(
        [sys.executable, "-c", _CHILD],
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
        raise InternalError(f"decimation failed: {errors.decode(errors='replace')[-500:]}")
    with np.load(io.BytesIO(output)) as arrays:
        return arrays["vertices"], arrays["faces"]


_CHILD = """
import io, sys
import fast_simplification, numpy
request = numpy.load(io.BytesIO(sys.stdin.buffer.read()))
vertices, faces = fast_simplification.simplify(
    request["vertices"],
    request["faces"],
    target_count=int(request["target"]),
    agg=float(request["haste"]),
)
answer = io.BytesIO()
numpy.savez(answer, vertices=vertices, faces=faces)
sys.stdout.buffer.write(answer.getvalue())
"""
