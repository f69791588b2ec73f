"""Shared by the whole suite: shapes are checked, the machine's settings are shut out."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

from tests.machine import shut_off

# Before any test's module is imported, and for every process that a test starts.
_home = Path(tempfile.mkdtemp(prefix="att3d-home-"))
atexit.register(shutil.rmtree, _home, ignore_errors=True)
shut_off(os.environ, _home)
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Started in the background of a script, the suite inherits an ignored SIGINT, and so would every
# process whose Ctrl-C it tests.
signal.signal(signal.SIGINT, signal.default_int_handler)
# Every annotated shape in these packages is checked at every call of the suite.
_hook = install_import_hook(
    ["backend.model", "backend.rendering", "training.guidance", "training.amortized.rendering"],
    "beartype.beartype",
)


@pytest.fixture(scope="session")
def tiny_checkpoint_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small real checkpoint with random weights (a coloured ball)."""
    from tests.tiny import tiny_checkpoint

    return tiny_checkpoint(tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    import torch

    torch.manual_seed(0)
