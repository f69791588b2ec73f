"""What glTF files need before and after trimesh reads them.

Before: references out of the file's own folder are refused, extensions that trimesh would ignore
are named, and attributes, nodes and materials get names by which they are found again. After:
material factors (linear) become sRGB, texture transforms are applied, and skinned meshes take the
pose of their skeleton at rest.
"""

from __future__ import annotations

import io
import json
import struct
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from backend.protocol.foreign_text import parse_json
from backend.shapes import Float

from .surfaces import Unreadable

KNOWN_EXTENSIONS = {
    "KHR_draco_mesh_compression",
    "KHR_materials_pbrSpecularGlossiness",
    "KHR_materials_unlit",
    "KHR_mesh_quantization",
    "KHR_texture_transform",
    "EXT_texture_webp",
}
"""Those that change what we read. A file may *require* no others, except KHR_materials_*."""
RENAMED = ("COLOR_0", "JOINTS_0", "WEIGHTS_0", "TEXCOORD_1")
"""Attributes whose raw values we read ourselves: trimesh keeps those that begin with ``_``."""
GLB_MAGIC, JSON_CHUNK = 0x46546C67, 0x4E4F534A


@dataclass
class GltfFile:
    """A glTF file, ready for trimesh."""

    header: dict[str, Any]
    data: bytes
    """The file with the changed header."""
    kind: str
    """``glb`` or ``gltf``."""
    warnings: list[str] = field(default_factory=list)


def prepare(path: Path) -> GltfFile:
    """Read, check and rename; see the module's docstring.

    Raises Unreadable: not glTF 2, a reference to the network or out of the folder, a missing
    buffer, or a required extension that is not known.
    """
    raw = path.read_bytes()
    kind = "glb" if raw[:4] == b"glTF" else "gltf"
    rest, chunk = b"", JSON_CHUNK
    try:
        if kind == "glb":
            _, version, _ = struct.unpack_from("<3I", raw)
            if version == 1:
                raise Unreadable("it is glTF 1, and only glTF 2 is read")
            length, chunk = struct.unpack_from("<2I", raw, 12)
            if chunk != JSON_CHUNK or 20 + length > len(raw):
                raise Unreadable("it is cut off or damaged")
            text, rest = raw[20 : 20 + length], raw[20 + length :]
        else:
            text = raw
        header = parse_json(text.decode("utf-8-sig"))
        version = str(header["asset"]["version"])
    except (struct.error, UnicodeDecodeError, ValueError, KeyError, TypeError) as error:
        raise Unreadable(f"it is cut off or damaged ({type(error).__name__})") from error
    if not version.startswith("2"):
        raise Unreadable(f"it is glTF {version}, and only glTF 2 is read")
    for name in header.get("extensionsRequired", []):
        if name not in KNOWN_EXTENSIONS and not name.startswith("KHR_materials_"):
            raise Unreadable(f"it needs the glTF extension {name}; export it without")
    warnings = _check_references(header, path.parent)
    _rename(header)
    changed = json.dumps(header).encode()
    if kind == "glb":
        changed += b" " * (-len(changed) % 4)
        head = struct.pack("<5I", GLB_MAGIC, 2, 20 + len(changed) + len(rest), len(changed), chunk)
        changed = head + changed + rest
    return GltfFile(header, changed, kind, warnings)


def references(header: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(``buffers`` or ``images``, URI) of all that lies outside the file."""
    for part in ("buffers", "images"):
        for item in header.get(part, []):
            uri = item.get("uri")
            if uri and not uri.startswith("data:"):
                yield part, uri


def local_file(uri: str, folder: Path) -> Path:
    """The file that a URI names; raises Unreadable unless it is one in ``folder`` or below."""
    path = uri.replace("\\", "/")
    split = urllib.parse.urlsplit(path)
    named = Path(urllib.parse.unquote(split.path))
    if (folder / path).is_file() and not (folder / named).is_file():
        named = Path(path)
    windows = len(split.scheme) == 1 or ":" in named.as_posix()
    if (split.scheme and not windows) or split.netloc:
        raise Unreadable(f"it points to the network ({uri}); only files beside it are read")
    if windows or named.is_absolute() or ".." in named.parts:
        raise Unreadable(f"it points out of its folder ({uri}); only files beside it are read")
    target = folder / named
    if not target.resolve().is_relative_to(folder.resolve()):
        raise Unreadable(f"it points out of its folder ({uri}); only files beside it are read")
    return target


def _check_references(header: dict[str, Any], folder: Path) -> list[str]:
    """Refuse what lies elsewhere, say what is missing, and name the rest as trimesh wants it."""
    warnings = []
    for part in ("buffers", "images"):
        for item in header.get(part, []):
            uri = item.get("uri")
            if not uri or uri.startswith("data:"):
                continue
            target = local_file(uri, folder)
            item["uri"] = target.relative_to(folder).as_posix()
            if not target.is_file() and part == "buffers":
                raise Unreadable(f"its file {uri} is missing")
            if not target.is_file():
                warnings.append(f"texture {uri} is missing: flat color")
    return warnings


def _rename(header: dict[str, Any]) -> None:
    for index, node in enumerate(header.get("nodes", [])):
        node["name"] = f"node{index}"
    for index, material in enumerate(header.get("materials", [])):
        material["name"] = f"material{index}"
    for mesh in header.get("meshes", []):
        for primitive in mesh.get("primitives", []):
            compressed = primitive.get("extensions", {}).get("KHR_draco_mesh_compression", {})
            for attributes in (primitive["attributes"], compressed.get("attributes", {})):
                for name in RENAMED:
                    if name in attributes:
                        attributes[f"_{name}"] = attributes.pop(name)


def material_of(header: Mapping[str, Any], name: str | None) -> dict[str, Any]:
    """The material that ``_rename`` named, or the default one."""
    if name is None or not name.startswith("material"):
        return {}
    return header["materials"][int(name.removeprefix("material"))]


def base_color(material: Mapping[str, Any]) -> Float[np.ndarray, "4"]:
    """Linear base color and alpha of a material."""
    glossy = material.get("extensions", {}).get("KHR_materials_pbrSpecularGlossiness")
    if glossy is not None:
        return np.array(glossy.get("diffuseFactor", [1.0] * 4), dtype=float)
    factor = material.get("pbrMetallicRoughness", {}).get("baseColorFactor", [1.0] * 4)
    return np.array(factor, dtype=float)


def alpha_cutoff(material: Mapping[str, Any]) -> float:
    """Alpha below which a surface is not there; 0 for opaque materials."""
    mode = material.get("alphaMode", "OPAQUE")
    return {"MASK": float(material.get("alphaCutoff", 0.5)), "BLEND": 0.1}.get(mode, 0.0)


def transformed_uv(
    material: Mapping[str, Any], uv: Float[np.ndarray, "n 2"]
) -> Float[np.ndarray, "n 2"]:
    """Texture coordinates (v up, as trimesh has them) after KHR_texture_transform."""
    texture = material.get("pbrMetallicRoughness", {}).get("baseColorTexture", {})
    transform = texture.get("extensions", {}).get("KHR_texture_transform")
    if transform is None:
        return uv
    u, v = uv[:, 0], 1.0 - uv[:, 1]
    su, sv = transform.get("scale", [1.0, 1.0])
    ou, ov = transform.get("offset", [0.0, 0.0])
    c, s = np.cos(transform.get("rotation", 0.0)), np.sin(transform.get("rotation", 0.0))
    return np.stack([c * su * u + s * sv * v + ou, 1.0 - (c * sv * v - s * su * u + ov)], axis=1)


def unit_values(values: np.ndarray) -> Float[np.ndarray, "n k"]:
    """Accessor values in [0, 1], from floats or normalised integers."""
    if np.issubdtype(values.dtype, np.integer):
        return values.astype(np.float64) / np.iinfo(values.dtype).max
    return values.astype(np.float64)


def skin_matrices(
    file: GltfFile, skin: int, world: Mapping[str, Float[np.ndarray, "4 4"]], path: Path
) -> Float[np.ndarray, "joints 4 4"]:
    """Each joint's matrix at rest: what glTF applies to skinned vertices instead of the node's."""
    described = file.header["skins"][skin]
    joints = described["joints"]
    placed = np.stack([world.get(f"node{joint}", np.eye(4)) for joint in joints])
    accessor = described.get("inverseBindMatrices")
    if accessor is None:
        return placed
    inverse = _matrices(file, accessor, path)[: len(joints)]
    return placed @ inverse


def _matrices(file: GltfFile, accessor: int, path: Path) -> Float[np.ndarray, "n 4 4"]:
    """A MAT4 accessor of floats."""
    described = file.header["accessors"][accessor]
    view = file.header["bufferViews"][described["bufferView"]]
    start = view.get("byteOffset", 0) + described.get("byteOffset", 0)
    uri = file.header["buffers"][view["buffer"]].get("uri")
    if uri is None:
        length = struct.unpack_from("<I", file.data, 12)[0]
        data = file.data[20 + length + 8 :]
    elif uri.startswith("data:"):
        import base64

        data = base64.b64decode(uri.partition(",")[2])
    else:
        data = local_file(uri, path.parent).read_bytes()
    count = described["count"]
    flat = np.frombuffer(io.BytesIO(data).getbuffer(), "<f4", 16 * count, start)
    return flat.reshape(count, 4, 4).transpose(0, 2, 1).astype(np.float64)
