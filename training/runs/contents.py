"""Hashes of what a configuration names, so that a resumed run notices that a file was edited."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from backend.protocol.errors import TrainingError

_ENDS = 1 << 20
"""Bytes of each end of a large file that its hash looks at, besides its size."""


def fingerprint(content: object) -> str:
    """A short hash of JSON-ready values, or of the file or folder at a Path.

    Where a file lies, what it is called and when it was written do not count; inside a folder,
    names do. Of files over two MiB the size and both ends count.

    Raises:
        TrainingError: a file cannot be read.
    """
    digest = hashlib.sha256()
    if isinstance(content, Path):
        try:
            _add_path(digest, content)
        except OSError as error:
            raise TrainingError(
                f"{content} cannot be read: {error.strerror or error}", "make it readable"
            ) from error
    else:
        digest.update(json.dumps(content, sort_keys=True).encode())
    return f"contents {digest.hexdigest()[:12]}"


def with_contents(config: dict[str, object], contents: Mapping[str, str]) -> dict[str, object]:
    """``config`` (as JSON) with hashes in place of the names that they stand for.

    ``contents`` has the options' names as keys, ``data.prompts`` for one inside another.
    """
    changed = dict(config)
    for option, value in contents.items():
        name, _, rest = option.partition(".")
        inner = changed.get(name)
        if rest and isinstance(inner, dict):
            changed[name] = with_contents(inner, {rest: value})
        else:
            changed[name] = value
    return changed


def _add_path(digest: hashlib._Hash, path: Path) -> None:
    if path.is_dir():
        for inner in sorted(path.rglob("*")):
            if inner.is_file():
                digest.update(f"{inner.relative_to(path).as_posix()}\0".encode())
                _add_path(digest, inner)
        return
    size = path.stat().st_size
    digest.update(f"{size}\0".encode())
    with path.open("rb") as file:
        digest.update(file.read(_ENDS))
        if size > _ENDS:
            file.seek(max(_ENDS, size - _ENDS))
            digest.update(file.read(_ENDS))
