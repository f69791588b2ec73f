"""Binary glTF 2.0 of a tracked mesh: a morph target for each key, and an animation of the weights.

The base mesh is the first key, and at each key's time one weight is 1: between keys glTF's linear
interpolation is the blend that the keys were made for. glTF can neither blend nor switch textures;
:data:`Colors` says what becomes of them, and :func:`lost` what is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from ..export.conversions import v_up_to_v_down, z_up_to_y_up
from ..export.corners import SplitMesh, png_bytes, split_arrays
from ..export.gltf import (
    ARRAY_BUFFER,
    CLAMP,
    ELEMENT_ARRAY_BUFFER,
    FLOAT,
    LINEAR,
    LINEAR_MIPMAP_LINEAR,
    METALLIC,
    ROUGHNESS,
    UNSIGNED_INT,
    Buffer,
    container,
    unit_normals,
)
from ..shapes import Float
from ..surface.geometry import vertex_normals
from ..version import VERSION
from .tracked_mesh import TrackedMesh

Colors: TypeAlias = Literal["first", "vertex"]
"""``first``: the first prompt's texture all the time. ``vertex``: a colour at each vertex, with
morph targets of its own, which change in viewers that know them (three.js, model-viewer)."""


def lost(mesh: TrackedMesh, colors: Colors) -> str:
    """What a .glb does not show of ``mesh``, in a sentence."""
    if colors == "first":
        return (
            f"glTF cannot blend textures: the colors stay those of {mesh.prompts[0]!r}; write "
            ".blend, or ask for --colors vertex"
        )
    return (
        "the textures became vertex colors, and only viewers that know morph targets for colors "
        "show them change"
    )


def glb_bytes(mesh: TrackedMesh, seconds: Sequence[float], colors: Colors = "first") -> bytes:
    """The content of a .glb file, y up.

    Args:
        seconds: When each key is shown; rising.
    """
    split = split_arrays(mesh.positions[0], mesh.faces, mesh.uvs)
    buffer = Buffer()
    shapes = [_shape(mesh, split, index) for index in range(len(mesh.alphas))]
    shown = _vertex_colors(mesh, split) if colors == "vertex" else None
    attributes = {
        name: buffer.accessor(values, "VEC3", FLOAT, ARRAY_BUFFER)
        for name, values in shapes[0].items()
    }
    if shown is None:
        attributes["TEXCOORD_0"] = buffer.accessor(
            v_up_to_v_down(split.uvs), "VEC2", FLOAT, ARRAY_BUFFER
        )
    else:
        attributes["COLOR_0"] = buffer.accessor(shown[0], "VEC3", FLOAT, ARRAY_BUFFER)
    targets = []
    for index in range(1, len(shapes)):
        target = {
            name: buffer.accessor(values - shapes[0][name], "VEC3", FLOAT, ARRAY_BUFFER)
            for name, values in shapes[index].items()
        }
        if shown is not None:
            target["COLOR_0"] = buffer.accessor(
                shown[index] - shown[0], "VEC3", FLOAT, ARRAY_BUFFER
            )
        targets.append(target)
    indices = buffer.accessor(
        split.faces.reshape(-1).astype(np.uint32), "SCALAR", UNSIGNED_INT, ELEMENT_ARRAY_BUFFER
    )
    weights = np.eye(len(shapes), dtype=np.float32)[:, 1:]
    times = np.asarray(seconds, dtype=np.float32)
    sampler = {
        "input": buffer.accessor(times, "SCALAR", FLOAT),
        "output": buffer.accessor(weights.reshape(-1), "SCALAR", FLOAT),
        "interpolation": "LINEAR",
    }
    material: dict[str, Any] = {"metallicFactor": METALLIC, "roughnessFactor": ROUGHNESS}
    pictures: dict[str, Any] = {}
    if shown is None:
        material["baseColorTexture"] = {"index": 0}
        image = buffer.view(png_bytes(mesh.textures[0]))
        wrapping = {"wrapS": CLAMP, "wrapT": CLAMP}
        pictures = {
            "textures": [{"source": 0, "sampler": 0}],
            "images": [{"bufferView": image, "mimeType": "image/png", "name": "color"}],
            "samplers": [{"magFilter": LINEAR, "minFilter": LINEAR_MIPMAP_LINEAR, **wrapping}],
        }
    extras = {
        "prompts": mesh.prompts,
        "alphas": mesh.alphas.tolist(),
        "checkpoint_hash": mesh.checkpoint_hash,
    }
    name = f"{mesh.prompts[0]} to {mesh.prompts[-1]}"
    primitive = {
        "attributes": attributes,
        "indices": indices,
        "material": 0,
        "targets": targets,
    }
    document = {
        "asset": {"version": "2.0", "generator": f"ATT3D {VERSION}", "extras": extras},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": name, "extras": extras}],
        "meshes": [
            {
                "name": name,
                "primitives": [primitive],
                "weights": [0.0] * len(targets),
                "extras": {"targetNames": mesh.names[1:]},
            }
        ],
        "animations": [
            {
                "name": "Interpolation",
                "samplers": [sampler],
                "channels": [{"sampler": 0, "target": {"node": 0, "path": "weights"}}],
            }
        ],
        "materials": [{"name": "ATT3D", "pbrMetallicRoughness": material}],
        "accessors": buffer.accessors,
        "bufferViews": buffer.views,
        "buffers": [{"byteLength": len(buffer.data)}],
        **pictures,
    }
    return container(document, bytes(buffer.data))


def _shape(mesh: TrackedMesh, split: SplitMesh, index: int) -> dict[str, np.ndarray]:
    positions = mesh.positions[index]
    normals = vertex_normals(positions.astype(np.float64), mesh.faces)
    return {
        "POSITION": z_up_to_y_up(positions[split.source]).astype(np.float32),
        "NORMAL": unit_normals(z_up_to_y_up(normals[split.source])),
    }


def _vertex_colors(mesh: TrackedMesh, split: SplitMesh) -> list[Float[np.ndarray, "split 3"]]:
    """Each key's texture at the vertices, in linear light as glTF wants it."""
    size = mesh.textures.shape[1]
    column = np.clip(split.uvs[:, 0] * size, 0, size - 1).astype(np.int64)
    row = np.clip((1.0 - split.uvs[:, 1]) * size, 0, size - 1).astype(np.int64)
    result = []
    for texture in mesh.textures:
        encoded = texture[row, column].astype(np.float32) / 255.0
        low, high = encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4
        result.append(np.where(encoded <= 0.04045, low, high).astype(np.float32))
    return result
