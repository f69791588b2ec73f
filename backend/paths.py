"""Where things are: bundled checkpoints and the cache. Standard library only."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
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
            f"the bundled model is missing: there is no {path}",
            "install ATT3D again, or choose a model",
        )
    return path


def cache_dir() -> Path:
    """Where downloads and embeddings are kept: ``ATT3D_CACHE``, or the system's cache folder.

    Where neither says anything that can be used (no home folder, a relative path), a folder where
    temporary files go: a cache is a convenience.
    """
    chosen = os.environ.get("ATT3D_CACHE")
    if chosen:
        with contextlib.suppress(RuntimeError):  # "~" without a home folder
            return Path(chosen).expanduser()
    named = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME")
    if named and Path(named).is_absolute():
        return Path(named) / "att3d"
    try:
        home = Path.home()
    except RuntimeError:
        return Path(tempfile.gettempdir()) / "att3d-cache"
    usual = {"win32": "AppData/Local", "darwin": "Library/Caches"}.get(sys.platform, ".cache")
    return home / usual / "att3d"
