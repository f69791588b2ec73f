"""Binary glTF 2.0: one mesh, one metallic-roughness material, textures embedded as PNG."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np

from ..atlas.tangents import corner_frames
from ..textured_mesh import GeneratedMesh
from ..version import VERSION
from .conversions import v_up_to_v_down, z_up_to_y_up
from .corners import png_bytes, split_at_seams

ROUGHNESS = 0.6
METALLIC = 0.0

FLOAT, UNSIGNED_SHORT, UNSIGNED_INT = 5126, 5123, 5125
ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
LINEAR, LINEAR_MIPMAP_LINEAR, CLAMP = 9729, 9987, 33071


class Buffer:
    """The binary chunk and the views into it."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def view(self, content: bytes, target: int | None = None) -> int:
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
        """``target`` is for what a mesh uses; without one, the accessor is of an animation."""
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


def glb_bytes(mesh: GeneratedMesh) -> bytes:
    """The mesh as the content of a .glb file, y up, with prompt and checkpoint hash in extras."""
    split = split_at_seams(mesh)
    buffer = Buffer()
    attributes = {
        "POSITION": buffer.accessor(z_up_to_y_up(split.positions), "VEC3", FLOAT, ARRAY_BUFFER),
        "NORMAL": buffer.accessor(
            unit_normals(z_up_to_y_up(split.normals)), "VEC3", FLOAT, ARRAY_BUFFER
        ),
        "TEXCOORD_0": buffer.accessor(v_up_to_v_down(split.uvs), "VEC2", FLOAT, ARRAY_BUFFER),
    }
    if mesh.normal_map is not None:
        tangents, _ = corner_frames(mesh.vertices.astype(np.float64), mesh.faces, mesh.uvs)
        right = unit_normals(z_up_to_y_up(tangents.reshape(-1, 3)[split.corner]))
        # Our charts are never mirrored: the bitangent is +1 times normal x tangent.
        signed = np.concatenate([right, np.ones((len(right), 1), np.float32)], axis=1)
        attributes["TANGENT"] = buffer.accessor(signed, "VEC4", FLOAT, ARRAY_BUFFER)
    small = len(split.positions) < 65535
    indices = buffer.accessor(
        split.faces.reshape(-1).astype(np.uint16 if small else np.uint32),
        "SCALAR",
        UNSIGNED_SHORT if small else UNSIGNED_INT,
        ELEMENT_ARRAY_BUFFER,
    )
    pictures = [mesh.texture] if mesh.normal_map is None else [mesh.texture, mesh.normal_map]
    names = ["color", "normal"]
    images = [
        {"bufferView": buffer.view(png_bytes(picture)), "mimeType": "image/png", "name": name}
        for picture, name in zip(pictures, names, strict=False)
    ]
    material: dict[str, Any] = {
        "name": "ATT3D",
        "pbrMetallicRoughness": {
            "baseColorTexture": {"index": 0},
            "metallicFactor": METALLIC,
            "roughnessFactor": ROUGHNESS,
        },
    }
    if mesh.normal_map is not None:
        material["normalTexture"] = {"index": 1}
    extras = {"prompt": mesh.prompt, "checkpoint_hash": mesh.checkpoint_hash}
    name = mesh.prompt[:63] or "ATT3D"
    document = {
        "asset": {"version": "2.0", "generator": f"ATT3D {VERSION}", "extras": extras},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": name, "extras": extras}],
        "meshes": [
            {
                "name": name,
                "primitives": [{"attributes": attributes, "indices": indices, "material": 0}],
            }
        ],
        "materials": [material],
        "textures": [{"source": i, "sampler": 0} for i in range(len(images))],
        "images": images,
        "samplers": [
            {
                "magFilter": LINEAR,
                "minFilter": LINEAR_MIPMAP_LINEAR,
                "wrapS": CLAMP,
                "wrapT": CLAMP,
            }
        ],
        "accessors": buffer.accessors,
        "bufferViews": buffer.views,
        "buffers": [{"byteLength": len(buffer.data)}],
    }
    return container(document, bytes(buffer.data))


def unit_normals(normals: np.ndarray) -> np.ndarray:
    """Normals of length 1 in float32; a vertex without area gets one that points up."""
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    up = np.array([0.0, 1.0, 0.0], dtype=np.float32)
    return np.where(length > 0.5, normals / np.maximum(length, 1e-9), up).astype(np.float32)


def container(document: dict[str, Any], binary: bytes) -> bytes:
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
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
