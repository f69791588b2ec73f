"""One source file becomes stored models; this is what the workers of a build run."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from . import blender, checks, gltf
from .grid import fill
from .mesh import DETAIL, Mesh
from .placing import placement, rotation
from .readers import BLENDER_SUFFIXES, obj_files, read
from .storage import VERSION, StoredModel, model_path, write_model
from .surfaces import ReadModel, Surface, Unreadable, to_mesh
from .truth import Truth

MOST_FACES = 5_000_000
TINIEST = 1e-7
"""Faces whose area is below this, where the ball's radius is 1, are left out: they have no side."""


@dataclass
class Done:
    """What became of a source."""

    models: list[dict[str, Any]] = field(default_factory=list)
    """Rows without captions."""
    left_out: list[tuple[str, str]] = field(default_factory=list)
    """Names of objects in the source (or an empty one for all of it), and why."""


def digest(path: Path, yaw: float) -> tuple[str, str]:
    """What the models of a source depend on, as a key; and the file's own sha256.

    Raises Unreadable when the file cannot be read.
    """
    try:
        own = hashlib.sha256()
        with path.open("rb") as stream:
            while part := stream.read(1 << 20):
                own.update(part)
        whole = own.copy()
        for beside in _files_beside(path):
            whole.update(beside.name.encode())
            whole.update(beside.read_bytes() if beside.is_file() else b"missing")
    except OSError as error:
        raise Unreadable(f"it cannot be read ({error.strerror})") from error
    whole.update(f"{VERSION} {path.suffix.lower()} {yaw:g}".encode())
    return whole.hexdigest()[:32], own.hexdigest()


def _files_beside(path: Path) -> Iterator[Path]:
    """Files that a model's file names and that its look depends on."""
    suffix = path.suffix.lower()
    if suffix == ".gltf":
        header = gltf.prepare(path).header
        for _, uri in gltf.references(header):
            yield gltf.local_file(uri, path.parent)
    elif suffix == ".obj":
        yield from (file for file, _ in obj_files(path))


def process(path: Path, key: str, yaw: float, folder: Path) -> Done:
    """Read a source and put its models into the library.

    Raises OutputError when the library cannot be written.
    """
    done = Done()
    with tempfile.TemporaryDirectory(prefix="att3d-library-") as temporary:
        try:
            for number, model in enumerate(_read(path, Path(temporary), done)):
                own = key if number == 0 else f"{key}-{number}"
                try:
                    done.models.append(_store(model, own, yaw, folder))
                except Unreadable as error:
                    done.left_out.append((model.name, str(error)))
        except Unreadable as error:
            done.left_out.append(("", str(error)))
    return done


def _read(path: Path, temporary: Path, done: Done) -> Iterator[ReadModel]:
    if path.suffix.lower() not in BLENDER_SUFFIXES:
        yield read(path)
        return
    for exported in blender.export(path, temporary):
        try:
            model = read(exported.path)
        except Unreadable as error:
            done.left_out.append((exported.name, str(error)))
            continue
        model.name = exported.name
        model.description, model.tags = exported.description, exported.tags
        model.author, model.licence = exported.author, exported.licence
        model.warnings += exported.warnings
        yield model


def _store(model: ReadModel, key: str, yaw: float, folder: Path) -> dict[str, Any]:
    mesh, size, scale, warnings = normalised(model, yaw)
    truth = Truth.of(mesh)
    if not model_path(folder, key).is_file():
        write_model(folder, key, StoredModel(mesh, truth.kinds, fill(truth)))
    return {
        "key": key,
        "object": model.name,
        "description": model.description,
        "tags": model.tags,
        "author": model.author,
        "licence": model.licence,
        "faces": len(mesh.faces),
        "closed": checks.is_closed(mesh),
        "size": size,
        "scale": scale,
        "warnings": [*model.warnings, *warnings, *checks.warnings(mesh, truth.kinds)],
        "fingerprint": checks.fingerprint(mesh),
    }


def normalised(model: ReadModel, yaw: float) -> tuple[Mesh, float, float, list[str]]:
    """The model as one mesh in its place; its largest side before and what it was scaled by; and
    what was amiss.

    Raises Unreadable: it has no triangles, or none of any size.
    """
    warnings: list[str] = []
    faces = sum(len(surface.faces) for surface in model.surfaces)
    if faces == 0:
        raise Unreadable("it has no triangles")
    if faces > MOST_FACES:
        raise Unreadable(f"it is huge ({faces:,} triangles); at most {MOST_FACES:,} are read")
    broken = sum(_without_broken(surface) for surface in model.surfaces)
    surfaces = [surface for surface in model.surfaces if len(surface.faces)]
    if broken:
        warnings.append(f"{broken} of {faces} triangles not numbers: left out")
    if not surfaces:
        raise Unreadable("none of its triangles has three numbers a corner")
    turn = rotation(model.up, yaw)
    used = np.concatenate([s.vertices[np.unique(s.faces)] for s in surfaces])
    size = float(np.ptp(used, axis=0).max())
    scale, offset = placement(used @ turn.T)
    for surface in surfaces:
        surface.vertices = scale * (surface.vertices @ turn.T) + offset
    mesh = to_mesh(surfaces, DETAIL)
    sized = mesh.areas() > TINIEST
    if not sized.any():
        raise Unreadable("its triangles have no area")
    return (mesh if sized.all() else mesh.only(sized)), size, scale, warnings


def _without_broken(surface: Surface) -> int:
    """Leave out triangles with a corner that is no finite number; returns how many."""
    whole = np.isfinite(surface.vertices).all(axis=1)
    inside = ((surface.faces >= 0) & (surface.faces < len(whole))).all(axis=1)
    fine = inside & whole[surface.faces.clip(0, max(len(whole) - 1, 0))].all(axis=1)
    if fine.all():
        return 0
    surface.faces = surface.faces[fine]
    surface.vertices = np.where(whole[:, None], surface.vertices, 0.0)
    if surface.face_colors is not None:
        surface.face_colors = surface.face_colors[fine]
    return int((~fine).sum())
