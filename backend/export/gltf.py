"""Binary glTF 2.0: one mesh, one metallic-roughness material, textures embedded as PNG.

A tracked mesh has a morph target for each key, and an animation of their weights: the base mesh is
the first key, and at each key's time one weight is 1. Between keys glTF's linear interpolation is
the blend that the keys were made for. glTF can neither blend nor switch textures; ``Colors`` says
what becomes of them, and :func:`lost` what is lost.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import VERSION
from ..atlas.tangents import corner_frames
from ..prompts.materials import PLAIN, Finish
from ..shapes import Float, UInt8
from ..srgb import LINEAR_LIGHT
from ..surface.geometry import vertex_normals
from ..surface.topology import triangulated
from ..textured_mesh import GeneratedMesh
from ..tracking.tracked_mesh import TrackedMesh, place
from .conventions import (
    SplitMesh,
    png_bytes,
    split_arrays,
    v_up_to_v_down,
    z_up_to_y_up,
)
from .files import Colors

FLOAT, UNSIGNED_SHORT, UNSIGNED_INT = 5126, 5123, 5125
ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
LINEAR, LINEAR_MIPMAP_LINEAR, CLAMP = 9729, 9987, 33071


class Buffer:
    """The binary chunk of a file, and the views and accessors into it."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def view(self, content: bytes, target: int | None = None) -> int:
        """Append bytes; returns the number of their view."""
        self.data += b"\0" * (-len(self.data) % 4)
        view: dict[str, Any] = {
            "buffer": 0,
            "byteOffset": len(self.data),
            "byteLength": len(content),
        }
        if target is not None:
            view["target"] = target
        self.views.append(view)
        self.data += content
        return len(self.views) - 1

    def accessor(
        self, values: np.ndarray, kind: str, component: int, target: int | None = None
    ) -> int:
        """Append an array; returns the number of its accessor.

        Args:
            target: What a mesh uses it for; None: it belongs to an animation.
        """
        accessor: dict[str, Any] = {
            "bufferView": self.view(np.ascontiguousarray(values).tobytes(), target),
            "componentType": component,
            "count": len(values),
            "type": kind,
        }
        if kind == "VEC3" or (target is None and kind == "SCALAR"):
            values = values.reshape(len(values), -1)
            accessor["min"] = values.min(axis=0).tolist()
            accessor["max"] = values.max(axis=0).tolist()
        self.accessors.append(accessor)
        return len(self.accessors) - 1

    def vectors(self, values: Float[np.ndarray, "vertices n"]) -> int:
        """An accessor of a vector for each vertex."""
        kind = f"VEC{values.shape[1]}"
        return self.accessor(values.astype(np.float32), kind, FLOAT, ARRAY_BUFFER)

    def indices(self, mesh: SplitMesh) -> int:
        """An accessor of the faces' corners, of 16 bits where they do."""
        small = len(mesh.positions) < 65535
        values = mesh.faces.reshape(-1).astype(np.uint16 if small else np.uint32)
        component = UNSIGNED_SHORT if small else UNSIGNED_INT
        return self.accessor(values, "SCALAR", component, ELEMENT_ARRAY_BUFFER)


def glb_bytes(mesh: GeneratedMesh) -> bytes:
    """The mesh as the content of a .glb file, y up, with prompt and checkpoint hash in extras."""
    faces, uvs = triangulated(mesh.faces), triangulated(mesh.uvs)  # glTF has no quads
    split = split_arrays(mesh.vertices, faces, uvs)
    buffer = Buffer()
    attributes = {
        "POSITION": buffer.vectors(z_up_to_y_up(split.positions)),
        "NORMAL": buffer.vectors(unit_normals(z_up_to_y_up(split.normals))),
        "TEXCOORD_0": buffer.vectors(v_up_to_v_down(split.uvs)),
    }
    if mesh.normal_map is not None:
        tangents, _ = corner_frames(mesh.vertices.astype(np.float64), faces, uvs)
        right = unit_normals(z_up_to_y_up(tangents.reshape(-1, 3)[split.corner]))
        # Our charts are never mirrored: the bitangent is +1 times normal x tangent.
        signed = np.concatenate([right, np.ones((len(right), 1), np.float32)], axis=1)
        attributes["TANGENT"] = buffer.vectors(signed)
    primitive = {"attributes": attributes, "indices": buffer.indices(split), "material": 0}
    pictures = {"color": mesh.texture}
    if mesh.normal_map is not None:
        pictures["normal"] = mesh.normal_map
    if mesh.finish_map is not None:
        pictures["finish"] = mesh.finish_map
    extras = {"prompt": mesh.prompt, "checkpoint_hash": mesh.checkpoint_hash}
    name = mesh.prompt[:63] or "ATT3D"
    meshes = {"name": name, "primitives": [primitive]}
    return _file(buffer, name, extras, meshes, pictures, finish=mesh.finish)


def animated_glb_bytes(
    mesh: TrackedMesh, seconds: Sequence[float], colors: Colors = "first"
) -> bytes:
    """The tracked mesh as the content of a .glb file, y up.

    Args:
        seconds: When each key is shown; rising.
    """
    split = split_arrays(mesh.positions[0], mesh.triangles, triangulated(mesh.uvs))
    buffer = Buffer()
    keys = [_shape(mesh, split, index) for index in range(len(mesh.alphas))]
    if colors == "vertex":
        for key, shown in zip(keys, _vertex_colors(mesh, split), strict=True):
            key["COLOR_0"] = shown
    attributes = {name: buffer.vectors(values) for name, values in keys[0].items()}
    if colors == "first":
        attributes["TEXCOORD_0"] = buffer.vectors(v_up_to_v_down(split.uvs))
    targets = [
        {name: buffer.vectors(values - keys[0][name]) for name, values in key.items()}
        for key in keys[1:]
    ]
    primitive = {
        "attributes": attributes,
        "indices": buffer.indices(split),
        "material": 0,
        "targets": targets,
    }
    weights = np.eye(len(keys), dtype=np.float32)[:, 1:]
    sampler = {
        "input": buffer.accessor(np.asarray(seconds, dtype=np.float32), "SCALAR", FLOAT),
        "output": buffer.accessor(weights.reshape(-1), "SCALAR", FLOAT),
        "interpolation": "LINEAR",
    }
    animation = {
        "name": "Interpolation",
        "samplers": [sampler],
        "channels": [{"sampler": 0, "target": {"node": 0, "path": "weights"}}],
    }
    name = f"{mesh.prompts[0]} to {mesh.prompts[-1]}"
    meshes = {
        "name": name,
        "primitives": [primitive],
        "weights": [0.0] * len(targets),
        "extras": {"targetNames": mesh.names[1:]},
    }
    extras = {
        "prompts": mesh.prompts,
        "alphas": mesh.alphas.tolist(),
        "checkpoint_hash": mesh.checkpoint_hash,
    }
    pictures = {"color": mesh.textures[0]} if colors == "first" else {}
    return _file(buffer, name, extras, meshes, pictures, {"animations": [animation]})


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


def _file(
    buffer: Buffer,
    name: str,
    extras: Mapping[str, object],
    mesh: dict[str, object],
    pictures: dict[str, UInt8[np.ndarray, "height width 3"]],
    more: dict[str, object] | None = None,
    finish: Finish = PLAIN,
) -> bytes:
    """The content of a file with one node and one material.

    Args:
        pictures: ``color``, ``normal`` and ``finish``, as far as there are; without ``color`` the
            colors are at the vertices.
        more: Further properties of the document.
        finish: Metal and roughness where no picture tells them.
    """
    images = [
        {"bufferView": buffer.view(png_bytes(picture)), "mimeType": "image/png", "name": what}
        for what, picture in pictures.items()
    ]
    number = {what: {"index": index} for index, what in enumerate(pictures)}
    surface: dict[str, object] = {
        "metallicFactor": finish.metallic,
        "roughnessFactor": finish.roughness,
    }
    material: dict[str, object] = {"name": "ATT3D", "pbrMetallicRoughness": surface}
    if "color" in pictures:
        surface["baseColorTexture"] = number["color"]
    if "normal" in pictures:
        material["normalTexture"] = number["normal"]
    if "finish" in pictures:
        surface |= {"metallicFactor": 1.0, "roughnessFactor": 1.0}
        surface["metallicRoughnessTexture"] = number["finish"]
    sampler = {"magFilter": LINEAR, "minFilter": LINEAR_MIPMAP_LINEAR}
    textures = {
        "textures": [{"source": index, "sampler": 0} for index in range(len(images))],
        "images": images,
        "samplers": [{**sampler, "wrapS": CLAMP, "wrapT": CLAMP}],
    }
    document = {
        "asset": {"version": "2.0", "generator": f"ATT3D {VERSION}", "extras": extras},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": name, "extras": extras}],
        "meshes": [mesh],
        "materials": [material],
        **(textures if images else {}),
        **(more or {}),
        "accessors": buffer.accessors,
        "bufferViews": buffer.views,
        "buffers": [{"byteLength": len(buffer.data)}],
    }
    return container(document, bytes(buffer.data))


def _shape(mesh: TrackedMesh, split: SplitMesh, index: int) -> dict[str, np.ndarray]:
    positions = mesh.positions[index]
    normals = vertex_normals(positions.astype(np.float64), mesh.triangles)
    return {
        "POSITION": z_up_to_y_up(positions[split.source]).astype(np.float32),
        "NORMAL": unit_normals(z_up_to_y_up(normals[split.source])),
    }


def _vertex_colors(mesh: TrackedMesh, split: SplitMesh) -> list[Float[np.ndarray, "split 3"]]:
    """Each key's texture at the vertices, in linear light as glTF wants it; between textures they
    are mixed."""
    size = mesh.textures.shape[1]
    column = np.clip(split.uvs[:, 0] * size, 0, size - 1).astype(np.int64)
    row = np.clip((1.0 - split.uvs[:, 1]) * size, 0, size - 1).astype(np.int64)
    light = LINEAR_LIGHT[mesh.textures[:, row, column]]
    result = []
    for alpha in mesh.alphas:
        after, share = place(mesh.texture_alphas, float(alpha))
        result.append((1 - share) * light[after - 1] + share * light[after])
    return result


def unit_normals(normals: np.ndarray) -> np.ndarray:
    """Normals of length 1 in float32; a vertex without area gets one that points up."""
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    up = np.array([0.0, 1.0, 0.0], dtype=np.float32)
    return np.where(length > 0.5, normals / np.maximum(length, 1e-9), up).astype(np.float32)


def container(document: dict[str, Any], binary: bytes) -> bytes:
    """The two chunks of a .glb file behind its header."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    size = 12 + 8 + len(text) + 8 + len(binary)
    return b"".join(
        [
            struct.pack("<4sII", b"glTF", 2, size),
            struct.pack("<I4s", len(text), b"JSON"),
            text,
            struct.pack("<I4s", len(binary), b"BIN\0"),
            binary,
        ]
    )
