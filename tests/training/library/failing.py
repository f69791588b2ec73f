"""Readers that fail, in the processes that a build reads in."""

import os
from pathlib import Path

from training.library.one import process


def crash_on_crash(path, *rest):
    """Stands in for the reader, in the worker."""
    if path.name == "Crash.glb":
        os._exit(11)
    return process(path, *rest)


def fail_on_table(path, *rest):
    if path.name == "Table.obj":
        raise RuntimeError("line one\nline two")
    return process(path, *rest)


def no_space(path, key, yaw, folder):
    """A worker on a full disk."""

    def write_bytes(self, data):
        raise OSError(28, "No space left on device")

    Path.write_bytes = write_bytes
    return process(path, key, yaw, folder)
