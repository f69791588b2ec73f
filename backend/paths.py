"""Where things are: bundled checkpoints and the cache. Standard library only."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .protocol.errors import CheckpointError

DEFAULT_CHECKPOINT = "toybox.safetensors"


def root() -> Path:
    """The folder that holds the backend package: the repository, or the installed extension."""
    return Path(__file__).resolve().parent.parent


def bundled_checkpoints() -> list[Path]:
    """Checkpoints that came with the program, by name."""
    return sorted((root() / "checkpoints").glob("*.safetensors"))


def default_checkpoint() -> Path:
    """The checkpoint to use when none is named.

    Raises:
        CheckpointError: it is not where it should be.
    """
    path = root() / "checkpoints" / DEFAULT_CHECKPOINT
    if not path.is_file():
        raise CheckpointError(
            f"the bundled checkpoint is missing: there is no {path}",
            "install ATT3D again, or name a checkpoint",
        )
    return path


def cache_dir() -> Path:
    """Where downloads and embeddings are kept: ``ATT3D_CACHE``, or the system's cache folder."""
    chosen = os.environ.get("ATT3D_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return base / "att3d"
