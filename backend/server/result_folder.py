"""The private folder that results go to, for as long as a client is served."""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..protocol.errors import BadRequest, OutputError
from ..protocol.messages import FetchParams, FetchResult

if TYPE_CHECKING:
    import numpy as np

PREFIX = "att3d-"
"""How the names of our folders begin; nothing else is ever removed."""
_FETCH_BYTES = 4 * 1024 * 1024


class ResultFolder:
    """A folder with mode 0700 that is removed, with what is in it, when the client has gone.

    Args:
        folder: a private folder of the client; ours is made inside it if the
            file ``token`` there holds ``token``, which shows that both see the same disk.

    Raises:
        OutputError: no folder can be made.
    """

    def __init__(self, folder: str | None = None, token: str | None = None) -> None:
        parent = Path(folder) if folder and token and _holds(Path(folder), token) else None
        try:
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent)).resolve()
        except OSError as error:
            raise OutputError(
                f"No folder for results could be made: {error}.",
                "Free some space where temporary files go, or set TMPDIR to another folder.",
            ) from error

    def new_file(self, suffix: str) -> Path:
        """A name that is not in use, inside the folder."""
        return self.path / f"{uuid.uuid4().hex}{suffix}"

    def write_arrays(self, arrays: Mapping[str, np.ndarray]) -> str:
        """Write arrays to a new .safetensors file; its path."""
        from safetensors.numpy import save

        return self.write_bytes(save(dict(arrays)), ".safetensors")

    def write_bytes(self, data: bytes, suffix: str) -> str:
        """Write a new file; its path. Nobody knows its name before it is complete."""
        path = self.new_file(suffix)
        try:
            # Programs that clean temporary folders remove ours when nothing is made for days.
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_bytes(data)
        except OSError as error:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            raise OutputError(f"A result could not be written to {self.path}: {error}.") from error
        return str(path)

    def fetch(self, params: FetchParams) -> FetchResult:
        """Part of a result file.

        Raises:
            BadRequest: not a file of this folder, or an offset outside it.
        """
        path = Path(params.path)
        if path.parent != self.path or path.is_symlink() or not path.is_file():
            raise BadRequest("fetch: that is not a result file of this session.")
        size = path.stat().st_size
        if not 0 <= params.offset <= size:
            raise BadRequest(f"fetch: offset must be from 0 to {size}, not {params.offset}.")
        with path.open("rb") as file:
            file.seek(params.offset)
            data = file.read(_FETCH_BYTES)
        if params.remove and params.offset + len(data) >= size:
            path.unlink()
        return FetchResult(data=base64.b64encode(data).decode(), size=size)

    def remove(self) -> None:
        remove_folder(self.path)


def remove_folder(path: Path) -> None:
    """Remove a folder of results, and the client's around it if nothing is left there."""
    if not path.name.startswith(PREFIX):
        return
    shutil.rmtree(path, ignore_errors=True)
    if path.parent.name.startswith(PREFIX):
        (path.parent / "token").unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            path.parent.rmdir()


def _holds(folder: Path, token: str) -> bool:
    if not folder.is_absolute() or not folder.name.startswith(PREFIX) or os.sep in token:
        return False
    try:
        return (folder / "token").read_bytes() == token.encode()
    except OSError:
        return False
