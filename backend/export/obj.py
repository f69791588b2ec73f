"""Wavefront OBJ with its material and textures beside it; y up, v up.

All three are ASCII: readers disagree about Unicode, and split a file's name at its spaces.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np

from ..files import ascii_stem
from ..textured_mesh import GeneratedMesh
from .conventions import ascii_comment, png_bytes, split_at_seams, z_up_to_y_up


def obj_files(mesh: GeneratedMesh, path: Path) -> dict[Path, bytes]:
    """Contents of ``name.obj``, ``name.mtl``, ``name.png`` and perhaps ``name_normal.png``.

    The .obj is called ``path``; where that is a name that some readers do not take, the files
    beside it, which it names, have one of ASCII letters.
    The object keeps one position for each vertex of the mesh: only the texture coordinates are
    split at seams.
    """
    split = split_at_seams(mesh)
    positions = z_up_to_y_up(mesh.vertices.astype(np.float64))
    normal_of = np.zeros_like(positions)
    normal_of[split.source] = z_up_to_y_up(split.normals)
    beside = names_beside(path, normal_map=mesh.normal_map is not None)
    lines = [f"# ATT3D: {ascii_comment(mesh.prompt)}", f"mtllib {beside['mtl'].name}", "o ATT3D"]
    lines += [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in positions.tolist()]
    lines += [f"vt {u:.6f} {v:.6f}" for u, v in split.uvs.tolist()]
    lines += [f"vn {x:.4f} {y:.4f} {z:.4f}" for x, y, z in normal_of.tolist()]
    lines += ["usemtl ATT3D", "s 1"]
    corners = np.stack([mesh.faces, split.faces.astype(np.int64), mesh.faces], axis=-1) + 1
    lines += ["f " + " ".join(f"{p}/{t}/{n}" for p, t, n in face) for face in corners.tolist()]
    material = [
        "newmtl ATT3D",
        "Kd 1 1 1",
        f"Pr {mesh.finish.roughness}",
        f"Pm {mesh.finish.metallic}",
        f"map_Kd {beside['texture'].name}",
    ]
    files = {
        path: "\n".join(lines).encode() + b"\n",
        beside["texture"]: png_bytes(mesh.texture),
    }
    if mesh.normal_map is not None:
        material.append(f"norm {beside['normals'].name}")
        files[beside["normals"]] = png_bytes(mesh.normal_map)
    if mesh.finish_map is not None:
        for what, key, channel in (("roughness", "map_Pr", 1), ("metallic", "map_Pm", 2)):
            picture = beside["texture"].with_stem(f"{beside['texture'].stem}_{what}")
            material.append(f"{key} {picture.name}")
            files[picture] = png_bytes(mesh.finish_map[..., channel])
    files[beside["mtl"]] = "\n".join(material).encode() + b"\n"
    return files


def names_beside(path: Path, *, normal_map: bool) -> dict[str, Path]:
    """The files that ``path`` (.obj) needs: ``mtl``, ``texture``, and ``normals`` if wanted."""
    stem = _stem_inside(path.stem)
    names = {"mtl": f"{stem}.mtl", "texture": f"{stem}.png"}
    if normal_map:
        names["normals"] = f"{stem}_normal.png"
    return {what: path.with_name(name) for what, name in names.items()}


def _stem_inside(stem: str) -> str:
    """What the files beside ``stem``.obj are called: the same, or ASCII with a hash of ``stem``,
    so that two objects in a folder never share a texture."""
    plain = ascii_stem(stem)
    if plain == stem:
        return stem
    return f"{plain}-{hashlib.sha256(os.fsencode(stem)).hexdigest()[:8]}"
