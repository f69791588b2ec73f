"""Colors of morph targets, put into a glTF file that Blender's exporter has written.

glTF 2.0 lets a morph target change COLOR_0 beside POSITION; Blender's exporter does not write
that. Its vertices are split at UV seams, so each carries the number of the mesh's vertex that it
comes from, as the attribute :data:`VERTEX`, which is taken out again here.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ...backend.files import atomic_write
from ...backend.protocol.errors import OutputError

VERTEX = "_VERTEX"
"""Attribute of the mesh and of the file: the number of each vertex."""
_FLOAT, _ARRAY_BUFFER = 5126, 34962
_JSON, _BIN = 0x4E4F534A, 0x004E4942


def number_vertices(mesh: bpy.types.Mesh) -> None:
    """Give every vertex its number as an attribute; as a float, which every exporter writes."""
    layer = mesh.attributes.new(VERTEX, "FLOAT", "POINT")
    layer.data.foreach_set("value", np.arange(len(mesh.vertices), dtype=np.float32))


def add_morph_colors(path: Path, colors: np.ndarray) -> None:
    """Give the file's mesh these colors, and its morph targets the differences to the first.

    Args:
        path: a .glb, or a .gltf with its .bin beside it; one mesh.
        colors: f32[K, V, 3], linear light, of the basis and of every morph target.

    Raises:
        OutputError: it is not such a file, or cannot be written.
    """
    try:
        document, body = _read(path)
        for mesh in document["meshes"]:
            for primitive in mesh["primitives"]:
                _paint(document, body, primitive, colors)
        for material in document.get("materials", []):  # colors multiply what a material has
            surface = material.setdefault("pbrMetallicRoughness", {})
            surface.pop("baseColorTexture", None)
            surface.pop("baseColorFactor", None)
        document["buffers"][0]["byteLength"] = len(body)
        _write(path, document, body)
    except (OSError, KeyError, IndexError, ValueError, struct.error) as error:
        raise OutputError(f"{path.name} could not be given its colors: {error!r}.") from error


def _paint(
    document: dict[str, Any], body: bytearray, primitive: dict[str, Any], colors: np.ndarray
) -> None:
    attributes = primitive["attributes"]
    of_vertex = _floats(document, body, attributes.pop(VERTEX)).astype(int)
    for name in [name for name in attributes if name.startswith("COLOR_")]:
        del attributes[name]
    basis = colors[0][of_vertex]
    attributes["COLOR_0"] = _add(document, body, basis)
    for target, own in zip(primitive["targets"], colors[1:], strict=True):
        target["COLOR_0"] = _add(document, body, own[of_vertex] - basis)


def _floats(document: dict[str, Any], body: bytearray, index: int) -> np.ndarray:
    """An accessor of plain numbers."""
    accessor = document["accessors"][index]
    view = document["bufferViews"][accessor["bufferView"]]
    start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
    stride = view.get("byteStride", 4)
    if accessor["componentType"] != _FLOAT:
        raise ValueError(f"{VERTEX} is no float")
    count = accessor["count"]
    return np.ndarray(count, "<f4", bytes(body), start, (stride,))


def _add(document: dict[str, Any], body: bytearray, values: np.ndarray) -> int:
    """A new accessor of three floats; its index."""
    body.extend(bytes(-len(body) % 4))
    data = np.ascontiguousarray(values, "<f4").tobytes()
    view = {"buffer": 0, "byteOffset": len(body), "byteLength": len(data), "target": _ARRAY_BUFFER}
    body.extend(data)
    document["bufferViews"].append(view)
    document["accessors"].append(
        {
            "bufferView": len(document["bufferViews"]) - 1,
            "componentType": _FLOAT,
            "count": len(values),
            "type": "VEC3",
        }
    )
    return len(document["accessors"]) - 1


def _read(path: Path) -> tuple[dict[str, Any], bytearray]:
    data = path.read_bytes()
    if path.suffix.lower() != ".glb":
        document = json.loads(data)
        return document, bytearray((path.parent / document["buffers"][0]["uri"]).read_bytes())
    length, kind = struct.unpack_from("<II", data, 12)
    if kind != _JSON:
        raise ValueError("no JSON at its start")
    body_length, body_kind = struct.unpack_from("<II", data, 20 + length)
    if body_kind != _BIN:
        raise ValueError("no binary part")
    start = 28 + length
    return json.loads(data[20 : 20 + length]), bytearray(data[start : start + body_length])


def _write(path: Path, document: dict[str, Any], body: bytearray) -> None:
    if path.suffix.lower() != ".glb":
        atomic_write(path.parent / document["buffers"][0]["uri"], bytes(body))
        atomic_write(path, json.dumps(document, ensure_ascii=False).encode())
        return
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    body += bytes(-len(body) % 4)
    total = 28 + len(text) + len(body)
    atomic_write(
        path,
        struct.pack("<4sIIII", b"glTF", 2, total, len(text), _JSON)
        + text
        + struct.pack("<II", len(body), _BIN)
        + bytes(body),
    )
