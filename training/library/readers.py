"""Readers of anybody's files: surfaces by trimesh; .fbx and .blend go through Blender."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from PIL import Image
from trimesh.resolvers import FilePathResolver
from trimesh.visual import ColorVisuals, TextureVisuals

from backend.shapes import Float, UInt8
from backend.srgb import linear_to_srgb

from . import gltf
from .surfaces import WHITE, ReadModel, Surface, Unreadable

TRIMESH_SUFFIXES = (".glb", ".gltf", ".obj", ".ply", ".stl")
BLENDER_SUFFIXES = (".fbx", ".blend")
SUFFIXES = (*TRIMESH_SUFFIXES, *BLENDER_SUFFIXES)
Y_UP = (".glb", ".gltf", ".obj")
"""Files whose axes are glTF's; Blender writes .obj so, .ply and .stl in its own."""

logging.getLogger("trimesh").setLevel(logging.ERROR)


def read(path: Path) -> ReadModel:
    """The model in a .glb, .gltf, .obj, .ply or .stl file, all its objects together.

    Raises Unreadable with the reason.
    """
    try:
        if path.suffix.lower() in (".glb", ".gltf"):
            return _read_gltf(path)
        return _read_other(path)
    except (Unreadable, MemoryError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:120] or "no reason given"
        raise Unreadable(f"it cannot be read ({type(error).__name__}: {reason})") from error


def _read_gltf(path: Path) -> ReadModel:
    file = gltf.prepare(path)
    scene = trimesh.load_scene(
        io.BytesIO(file.data),
        file_type=file.kind,
        resolver=FilePathResolver(str(path)),
        process=False,
    )
    world = {name: np.asarray(scene.graph[name][0]) for name in scene.graph.nodes}
    surfaces = []
    for node in scene.graph.nodes_geometry:
        transform, name = scene.graph[node]
        mesh = scene.geometry[name]
        if not isinstance(mesh, trimesh.Trimesh) or len(mesh.faces) == 0:
            continue
        surfaces.append(_gltf_surface(file, path, mesh, node, np.asarray(transform), world))
    return ReadModel(surfaces, "y", warnings=file.warnings, **_facts(file.header["asset"]))


def _facts(asset: Mapping[str, Any]) -> dict[str, Any]:
    """What a glTF's ``asset`` says of where it is from; other programs write some of it too."""
    extras = asset.get("extras")
    extras = extras if isinstance(extras, dict) else {}
    tags = extras.get("tags")
    return {
        "description": str(extras.get("description") or ""),
        "tags": [str(tag) for tag in tags] if isinstance(tags, list) else [],
        "author": str(extras.get("author") or asset.get("copyright") or ""),
        "licence": str(extras.get("license") or extras.get("licence") or ""),
    }


def _gltf_surface(
    file: gltf.GltfFile,
    path: Path,
    mesh: trimesh.Trimesh,
    node: str,
    transform: Float[np.ndarray, "4 4"],
    world: Mapping[str, Float[np.ndarray, "4 4"]],
) -> Surface:
    """One primitive under one node."""
    attributes: dict[str, Any] = dict(mesh.vertex_attributes)
    vertices = np.asarray(mesh.vertices, dtype=np.float64)
    skin = _skin_of(file.header, node)
    if skin is not None and "_JOINTS_0" in attributes and "_WEIGHTS_0" in attributes:
        matrices = gltf.skin_matrices(file, skin, world, path)
        weights = np.nan_to_num(gltf.unit_values(attributes["_WEIGHTS_0"]))
        # A vertex that no joint has any share of follows the first it names.
        weights[weights.sum(1) <= 0, 0] = 1.0
        weights = weights / weights.sum(1, keepdims=True)
        joints = attributes["_JOINTS_0"].astype(np.int64).clip(0, len(matrices) - 1)
        blended = np.einsum("vk,vkab->vab", weights, matrices[joints])
        vertices = np.einsum("vab,vb->va", blended[:, :3, :3], vertices) + blended[:, :3, 3]
        faces = np.asarray(mesh.faces)
    else:
        vertices, faces = _placed(vertices, np.asarray(mesh.faces), transform)
    visual = mesh.visual
    name = visual.material.name if isinstance(visual, TextureVisuals) else None
    material = gltf.material_of(file.header, name)
    base = gltf.base_color(material)
    surface = Surface(
        vertices,
        faces,
        base=(*linear_to_srgb(base[:3]).tolist(), float(base[3])),
        cutoff=gltf.alpha_cutoff(material),
    )
    if "_COLOR_0" in attributes:
        color = gltf.unit_values(attributes["_COLOR_0"])
        alpha = color[:, 3:] if color.shape[1] > 3 else np.ones((len(color), 1))
        surface.vertex_colors = np.concatenate([linear_to_srgb(color[:, :3]), alpha], axis=1)
    if isinstance(visual, TextureVisuals):
        picture = _picture(getattr(visual.material, "baseColorTexture", None))
        texture = material.get("pbrMetallicRoughness", {}).get("baseColorTexture", {})
        if picture is not None:
            if texture.get("texCoord", 0) == 1 and "_TEXCOORD_1" in attributes:
                uv = np.array(attributes["_TEXCOORD_1"], dtype=float) * [1, -1] + [0, 1]
            else:
                uv = visual.uv
            if uv is not None:
                surface.uv = gltf.transformed_uv(material, np.asarray(uv, dtype=float))
                surface.picture = picture
    return surface


def _skin_of(header: Mapping[str, Any], node: str) -> int | None:
    """The skin of the node that a scene's node is, or is a part of."""
    nodes = header.get("nodes", [])
    digits = node.removeprefix("node").partition("_")[0]
    if node.startswith("node") and digits.isdigit() and int(digits) < len(nodes):
        return nodes[int(digits)].get("skin")
    return None


def _read_other(path: Path) -> ReadModel:
    suffix = path.suffix.lower()
    named = obj_files(path) if suffix == ".obj" else ()
    warnings = [missing for file, missing in named if not file.is_file()]
    scene = trimesh.load_scene(str(path), resolver=FilePathResolver(str(path)), process=False)
    surfaces = []
    for node in scene.graph.nodes_geometry:
        transform, name = scene.graph[node]
        mesh = scene.geometry[name]
        if not isinstance(mesh, trimesh.Trimesh) or len(mesh.faces) == 0:
            continue
        vertices, faces = _placed(
            np.asarray(mesh.vertices, dtype=np.float64),
            np.asarray(mesh.faces),
            np.asarray(transform),
        )
        surface = Surface(vertices, faces)
        visual = mesh.visual
        if isinstance(visual, TextureVisuals):
            material = visual.material
            surface.picture = _picture(getattr(material, "image", None))
            surface.uv = None if visual.uv is None else np.asarray(visual.uv, dtype=float)
            if surface.picture is None or surface.uv is None:
                surface.base = tuple((np.asarray(material.main_color) / 255.0).tolist())
        elif isinstance(visual, ColorVisuals):
            if visual.kind == "vertex":
                surface.vertex_colors = np.asarray(visual.vertex_colors) / 255.0
            elif visual.kind == "face":
                surface.face_colors = np.asarray(visual.face_colors) / 255.0
        surfaces.append(surface)
    return ReadModel(surfaces, "y" if suffix in Y_UP else "z", warnings=warnings)


def obj_files(path: Path) -> Iterator[tuple[Path, str]]:
    """Material files and pictures that an .obj names, each with the warning if it is not there.

    Raises Unreadable for those that lie out of its folder.
    """
    for library in _named_files(path, ("mtllib",)):
        file = gltf.local_file(library, path.parent)
        yield file, f"material file {library} is missing: gray"
        for texture in _named_files(file, ("map_kd", "map_d")) if file.is_file() else ():
            picture = gltf.local_file(texture, path.parent)
            yield picture, f"texture {texture} is missing: flat color"


def _named_files(path: Path, keywords: tuple[str, ...]) -> list[str]:
    found = []
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            keyword, _, rest = line.strip().partition(" ")
            if keyword.lower() in keywords and rest.strip():
                # Options such as "-s 1 1 1" come before the name.
                name = rest.strip()
                found.append(name.rsplit(" ", 1)[-1] if name.startswith("-") else name)
    return list(dict.fromkeys(found))


def _placed(
    vertices: Float[np.ndarray, "vertices 3"],
    faces: np.ndarray,
    transform: Float[np.ndarray, "4 4"],
) -> tuple[Float[np.ndarray, "vertices 3"], np.ndarray]:
    """Vertices after a node's transform; a mirrored one turns the faces around."""
    mirrored = np.linalg.det(transform[:3, :3]) < 0
    moved = vertices @ transform[:3, :3].T + transform[:3, 3]
    return moved, faces[:, ::-1] if mirrored else faces


def _picture(image: Image.Image | None) -> UInt8[np.ndarray, "height width 4"] | None:
    """A texture's pixels, or None where there is none or it is damaged."""
    if image is None:
        return None
    try:
        return np.asarray(image.convert("RGBA"))
    except (OSError, ValueError, Image.DecompressionBombError):
        return None


__all__ = ["BLENDER_SUFFIXES", "SUFFIXES", "WHITE", "read"]
