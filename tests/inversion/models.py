"""Models with known truth, and files of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import trimesh

from backend.inversion.colored_mesh import ColoredMesh, plain
from backend.srgb import srgb_to_linear

BALL_COLOR = (0.8, 0.3, 0.1)


def ball(radius: float = 0.6, at: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> trimesh.Trimesh:
    mesh = trimesh.creation.icosphere(subdivisions=3, radius=radius)
    mesh.apply_translation(at)
    return mesh


def colored(mesh: trimesh.Trimesh, color: tuple[float, float, float] = BALL_COLOR) -> ColoredMesh:
    """The mesh in one sRGB color."""
    base = srgb_to_linear(np.array(color)).tolist()
    return plain(np.asarray(mesh.vertices), np.asarray(mesh.faces), base)


def written(path: Path, mesh: trimesh.Trimesh) -> Path:
    """The mesh as a file; trimesh's axes are the file's."""
    mesh.export(path)
    return path


def together(*meshes: trimesh.Trimesh) -> trimesh.Trimesh:
    """Several meshes as one."""
    both = trimesh.util.concatenate(list(meshes))
    assert isinstance(both, trimesh.Trimesh)
    return both
