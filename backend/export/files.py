"""Meshes into files, by the ending of the name. A file appears whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from ..protocol.errors import BadRequest, OutputError
from ..textured_mesh import GeneratedMesh

FORMATS = (".glb", ".obj", ".ply", ".blend")


def check_output(path: Path) -> None:
    """Find out before the work starts whether ``path`` can be written.

    Raises:
        BadRequest: an ending that is none of :data:`FORMATS`.
        OutputError: the folder is missing, or nothing can be written there.
    """
    if path.suffix.lower() not in FORMATS:
        raise BadRequest(
            f"cannot write {path.name}: the file's ending must be one of {', '.join(FORMATS)}",
            f"name it {path.stem}.glb",
        )
    if path.suffix.lower() == ".blend":
        from .blend import find_python

        find_python()
    check_folder(path)


def check_folder(path: Path) -> None:
    """Raise OutputError unless a file can be made beside ``path``."""
    if path.is_dir():
        raise OutputError(f"{path} is a folder", "add a file name to it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise _output_error(path, error) from error


def write_mesh(mesh: GeneratedMesh, path: Path) -> list[Path]:
    """Write ``mesh`` in the format that the ending of ``path`` names.

    Returns:
        The files written: an .obj has its .mtl and .png files beside it.

    Raises:
        BadRequest: an unknown ending.
        OutputError: it cannot be written (no permission, no space).
        MissingDependency: .blend without a Python that has bpy.
    """
    from .blend import blend_bytes
    from .gltf import glb_bytes
    from .obj import obj_files
    from .ply import ply_bytes

    ending = path.suffix.lower()
    writers: dict[str, Callable[[], Mapping[Path, bytes]]] = {
        ".glb": lambda: {path: glb_bytes(mesh)},
        ".obj": lambda: obj_files(mesh, path),
        ".ply": lambda: {path: ply_bytes(mesh)},
        ".blend": lambda: {path: blend_bytes(mesh)},
    }
    if ending not in writers:
        check_output(path)
    return write_files(writers[ending]())


def write_files(files: Mapping[Path, bytes]) -> list[Path]:
    """Write several files, each under a temporary name first; rename them when all are there.

    Raises:
        OutputError: one of them cannot be written; then none has changed.
    """
    waiting: list[tuple[Path, Path]] = []
    try:
        for path, content in files.items():
            try:
                temporary = path.with_name(f".{path.name[:200]}.{os.getpid()}.part")
                waiting.append((temporary, path))
                with temporary.open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as error:
                raise _output_error(path, error) from error
        for temporary, path in waiting:
            try:
                temporary.replace(path)
            except OSError as error:
                raise _output_error(path, error) from error
    finally:
        for temporary, _ in waiting:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
    return list(files)


def _output_error(path: Path, error: OSError) -> OutputError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(f"cannot write {path}: the disk is full", "free some space")
    return OutputError(f"cannot write {path}: {error.strerror or error}")
