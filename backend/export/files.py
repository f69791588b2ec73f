"""Meshes into files, by the ending of the name. A file appears whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from ..files import check_target, write_together
from ..protocol.errors import BadRequest, OutputError

if TYPE_CHECKING:
    from ..textured_mesh import GeneratedMesh
    from ..tracking.tracked_mesh import TrackedMesh

Files: TypeAlias = Mapping[Path, bytes]
"""Contents by path; an .obj has its .mtl and .png files beside it."""
Colors: TypeAlias = Literal["first", "vertex"]
"""What a format that cannot blend textures shows of a chain's colors. ``first``: the first prompt's
texture all the time. ``vertex``: a color at each vertex, with morph targets of its own, which
change in viewers that know them (three.js, model-viewer)."""


@dataclass(frozen=True)
class Timeline:
    """When an animated object shows what."""

    frames: Sequence[int]
    """The frame at which each prompt is shown; rising."""
    fps: int
    """Frames a second."""
    colors: Colors = "first"

    def seconds(self, alpha: float) -> float:
        """When ``alpha`` is shown, from the first prompt on: even between two prompts."""
        first = min(int(alpha), len(self.frames) - 2)
        before, after = self.frames[first : first + 2]
        return (before + (alpha - first) * (after - before) - self.frames[0]) / self.fps


@dataclass(frozen=True)
class Format:
    """How a mesh becomes files of one kind. Writers are imported when they are called."""

    write: Callable[[GeneratedMesh, Path], Files]
    animate: Callable[[TrackedMesh, Path, Timeline], tuple[Files, list[str]]] | None = None
    """A chain's files, and notes about what they do not show; None: the format has no animation."""
    check: Callable[[], object] = lambda: None
    """Raises an Att3dError where the format cannot be written on this machine."""


def check_output(path: Path, *, animated: bool = False) -> None:
    """Find out before the work starts whether ``path`` can be written.

    Raises:
        BadRequest: an ending that is none of :data:`FORMATS`, or has no animation.
        MissingDependency: .blend without a Python that has bpy.
        OutputError: the folder is missing, or nothing can be written there.
    """
    able = [ending for ending, known in FORMATS.items() if known.animate or not animated]
    if path.suffix.lower() not in able:
        what = "an animation to " if animated else ""
        raise BadRequest(
            f"cannot write {what}{path.name}: the file's ending must be one of {', '.join(able)}",
            f"name it {path.stem.lstrip('.') or 'object'}.glb",
        )
    FORMATS[path.suffix.lower()].check()
    check_folder(path)


def check_folder(path: Path) -> None:
    """Raise OutputError unless a file can be made beside ``path``."""
    try:
        check_target(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except IsADirectoryError:
        raise OutputError(f"{path} is a folder", "add a file name to it") from None
    except OSError as error:
        raise _output_error(path, error) from error


@contextlib.contextmanager
def working_folder() -> Iterator[Path]:
    """A temporary folder for what another program can only write to a file; gone afterwards.

    Raises:
        OutputError: there is no room for it, or nothing can be written there.
    """
    where = ""
    try:
        where = f" in {tempfile.gettempdir()}"
        with tempfile.TemporaryDirectory(prefix="att3d-") as folder:
            yield Path(folder)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        reason = "the disk is full" if full else error.strerror or error
        raise OutputError(
            f"cannot write temporary files{where}: {reason}",
            "free some space there, or set TMPDIR to a folder that has it",
        ) from error


def write_mesh(mesh: GeneratedMesh, path: Path) -> list[Path]:
    """Write ``mesh`` in the format that the ending of ``path`` names.

    Returns:
        The files written: an .obj has its .mtl and .png files beside it.

    Raises:
        BadRequest: an unknown ending.
        OutputError: it cannot be written (no permission, no space).
        MissingDependency: .blend without a Python that has bpy.
    """
    check_output(path)
    return write_files(FORMATS[path.suffix.lower()].write(mesh, path))


def write_animation(mesh: TrackedMesh, path: Path, timeline: Timeline) -> list[str]:
    """Write a chain's animated object in the format that the ending of ``path`` names.

    Returns:
        Notes about what the file does not show.

    Raises:
        BadRequest: an ending that has no animation.
        OutputError: it cannot be written (no permission, no space).
        MissingDependency: .blend without a Python that has bpy.
    """
    check_output(path, animated=True)
    animate = FORMATS[path.suffix.lower()].animate
    assert animate is not None
    files, notes = animate(mesh, path, timeline)
    write_files(files)
    return notes


def write_files(files: Mapping[Path, bytes]) -> list[Path]:
    """Write the files of one result: all of them or none.

    Raises:
        OutputError: one of them cannot be written; then none has changed.
    """
    try:
        write_together(files)
    except OSError as error:
        raise _output_error(next(iter(files)), error) from error
    return list(files)


def _output_error(path: Path, error: OSError) -> OutputError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(f"cannot write {path}: the disk is full", "free some space")
    return OutputError(f"cannot write {path}: {error.strerror or error}")


def _glb(mesh: GeneratedMesh, path: Path) -> Files:
    from .gltf import glb_bytes

    return {path: glb_bytes(mesh)}


def _animated_glb(mesh: TrackedMesh, path: Path, timeline: Timeline) -> tuple[Files, list[str]]:
    from .gltf import animated_glb_bytes, lost

    seconds = [timeline.seconds(float(alpha)) for alpha in mesh.alphas]
    content = animated_glb_bytes(mesh, seconds, timeline.colors)
    return {path: content}, [lost(mesh, timeline.colors)]


def _obj(mesh: GeneratedMesh, path: Path) -> Files:
    from .obj import obj_files

    return obj_files(mesh, path)


def _ply(mesh: GeneratedMesh, path: Path) -> Files:
    from .ply import ply_bytes

    return {path: ply_bytes(mesh)}


def _blend(mesh: GeneratedMesh, path: Path) -> Files:
    from .blend import blend_bytes

    return {path: blend_bytes(mesh)}


def _animated_blend(mesh: TrackedMesh, path: Path, timeline: Timeline) -> tuple[Files, list[str]]:
    from .blend import chain_blend_bytes

    return {path: chain_blend_bytes(mesh, timeline.frames, timeline.fps)}, []


def _find_bpy() -> str:
    from .blend import find_python

    return find_python()


FORMATS: Mapping[str, Format] = {
    ".glb": Format(_glb, _animated_glb),
    ".obj": Format(_obj),
    ".ply": Format(_ply),
    ".blend": Format(_blend, _animated_blend, _find_bpy),
}
"""What can be written, by the ending of the file's name. A new one: its module and a line here."""
