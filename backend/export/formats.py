"""Meshes into files, by the ending of the name. A file appears whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ..protocol.errors import BadRequest
from .files import Timeline, check_folder, write_files

if TYPE_CHECKING:
    from ..textured_mesh import GeneratedMesh
    from ..tracking.tracked_mesh import TrackedMesh

Files: TypeAlias = Mapping[Path, bytes]
"""Contents by path; an .obj has its .mtl and .png files beside it."""


@dataclass(frozen=True)
class Format:
    """How a mesh becomes files of one kind. Writers are imported when they are called."""

    write: Callable[[GeneratedMesh, Path], Files]
    animate: Callable[[TrackedMesh, Path, Timeline], tuple[Files, list[str]]] | None = None
    """A chain's files, and notes about what they do not show; None: the format has no animation."""
    names: Callable[[Path, bool], list[Path]] = lambda path, normal_map: [path]
    """The files that a mesh becomes, without or with a normal map."""
    check: Callable[[], object] = lambda: None
    """Raises an Att3dError where the format cannot be written on this machine."""


def check_output(path: Path, *, animated: bool = False, normal_map: bool = False) -> None:
    """Find out before the work starts whether ``path`` can be written, and the files beside it.

    Raises:
        BadRequest: an ending that is none of :data:`FORMATS`, or has no animation.
        MissingDependency: .blend without a Python that has bpy.
        OutputError: the folder is missing, or one of the files cannot be written.
    """
    able = [ending for ending, known in FORMATS.items() if known.animate or not animated]
    if path.suffix.lower() not in able:
        what = "an animation to " if animated else ""
        raise BadRequest(
            f"cannot write {what}{path.name}: the file's ending must be one of {', '.join(able)}",
            f"name it {path.stem.lstrip('.') or 'object'}.glb",
        )
    chosen = FORMATS[path.suffix.lower()]
    chosen.check()
    for file in chosen.names(path, normal_map):
        check_folder(file)


def write_mesh(mesh: GeneratedMesh, path: Path) -> list[Path]:
    """Write ``mesh`` in the format that the ending of ``path`` names.

    Returns:
        The files written: an .obj has its .mtl and .png files beside it.

    Raises:
        BadRequest: an unknown ending.
        OutputError: it cannot be written (no permission, no space).
        MissingDependency: .blend without a Python that has bpy.
    """
    check_output(path, normal_map=mesh.normal_map is not None)
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


def _names_of_obj(path: Path, normal_map: bool) -> list[Path]:
    from .obj import names_beside

    return [path, *names_beside(path, normal_map=normal_map).values()]


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
    ".obj": Format(_obj, names=_names_of_obj),
    ".ply": Format(_ply),
    ".blend": Format(_blend, _animated_blend, check=_find_bpy),
}
"""What can be written, by the ending of the file's name. A new one: its module and a line here."""
