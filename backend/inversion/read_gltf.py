"""Binary glTF 2.0 files, with numpy and pillow: what Blender and most programs write.

All meshes of the file's scene together, in its first pose: skins and animations are left out.
Nothing outside the file is read.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..export.conventions import y_up_to_z_up
from ..protocol.errors import BadRequest
from ..protocol.foreign_text import parse_json
from ..shapes import Float, UInt8
from .colored_mesh import ColoredMesh, joined, plain

MAGIC, JSON_CHUNK, BINARY_CHUNK = 0x46546C67, 0x4E4F534A, 0x004E4942
KNOWN = {"KHR_mesh_quantization", "KHR_texture_transform", "EXT_texture_webp"}
"""Extensions that a file may require, besides those of materials."""
PICTURE_SIDE = 1024
"""Pictures are read at this size at most: colors are read at points some millimetres apart."""
MOST_PIXELS = 16384**2
DEEPEST = 256
"""Levels of nodes below each other."""
_TYPES = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_WAY_OUT = "export it again as binary glTF (.glb), with its pictures inside"


def read_gltf(data: bytes) -> ColoredMesh:
    """The model in a .glb file.

    Raises:
        BadRequest: it is no .glb, is damaged, holds no triangles, or needs an extension that is
            not read.
    """
    try:
        return _Reader(data).model()
    except (KeyError, IndexError, TypeError, ValueError, struct.error, OverflowError) as error:
        raise _refused(f"it is damaged ({type(error).__name__})") from error


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.header, self.binary = _chunks(data)
        required = set(self.header.get("extensionsRequired", []))
        for name in sorted(required - KNOWN):
            if not name.startswith("KHR_materials_"):
                raise _refused(f"it needs the extension {name}, which is not read")
        self.notes: list[str] = []
        self._pictures: dict[int, UInt8[np.ndarray, "_ _ 3"]] = {}

    def model(self) -> ColoredMesh:
        """Everything in the scene."""
        found = [
            mesh
            for node, matrix in self._nodes()
            if "mesh" in node
            for mesh in self._primitives(self.header["meshes"][node["mesh"]], node, matrix)
        ]
        if not found:
            raise BadRequest(
                "the object is empty: there is no triangle in it",
                "choose a file or an object with faces",
            )
        if self.header.get("animations"):
            self.notes.append("the object is animated; its pose at rest was taken")
        return joined(found, self.notes)

    def _nodes(self) -> Iterator[tuple[dict[str, Any], Float[np.ndarray, "4 4"]]]:
        nodes = self.header.get("nodes", [])
        scenes = self.header.get("scenes")
        if scenes:
            roots = scenes[self.header.get("scene", 0)].get("nodes", [])
        else:
            children = {child for node in nodes for child in node.get("children", [])}
            roots = [index for index in range(len(nodes)) if index not in children]
        waiting = [(index, np.eye(4), 0) for index in roots]
        while waiting:
            index, above, depth = waiting.pop()
            if depth > DEEPEST:
                raise _refused("its nodes are below each other without an end")
            node = nodes[index]
            matrix = above @ _local(node)
            yield node, matrix
            waiting += [(child, matrix, depth + 1) for child in node.get("children", [])]

    def _primitives(
        self, mesh: dict[str, Any], node: dict[str, Any], matrix: Float[np.ndarray, "4 4"]
    ) -> Iterator[ColoredMesh]:
        if "skin" in node:
            matrix = np.eye(4)  # a skinned mesh stands where its joints put it
            self.notes.append("the object has a skeleton; its pose at rest was taken")
        elif np.ptp(np.linalg.svd(matrix[:3, :3], compute_uv=False)) > 1e300:
            raise _refused("a node's matrix holds numbers that are too large")
        for primitive in mesh["primitives"]:
            if primitive.get("mode", 4) != 4:
                self.notes.append("points, lines and strips in the file were left out")
                continue
            if "KHR_draco_mesh_compression" in primitive.get("extensions", {}):
                raise _refused("it is compressed by Draco, which is not read")
            yield self._surface(primitive, matrix)

    def _surface(self, primitive: dict[str, Any], matrix: Float[np.ndarray, "4 4"]) -> ColoredMesh:
        attributes = primitive["attributes"]
        place = self._accessor(attributes["POSITION"]) @ matrix[:3, :3].T + matrix[:3, 3]
        count = len(place)
        index = (
            self._accessor(primitive["indices"]).astype(np.int64).reshape(-1)
            if "indices" in primitive
            else np.arange(count)
        )
        if len(index) and not 0 <= index.min() <= index.max() < count:
            raise ValueError("an index is out of range")
        faces = index[: len(index) // 3 * 3].reshape(-1, 3)
        if np.linalg.det(matrix[:3, :3]) < 0:
            faces = faces[:, ::-1]
        has_material = "material" in primitive
        material = self.header["materials"][primitive["material"]] if has_material else {}
        shading = material.get("pbrMetallicRoughness", {})
        base = np.asarray(shading.get("baseColorFactor", [1.0] * 4), dtype=np.float64)[:3]
        corners = None
        if "COLOR_0" in attributes:
            corners = self._accessor(attributes["COLOR_0"])[:, :3][faces]
        result = plain(y_up_to_z_up(place), faces, base.tolist(), corners)
        texture = shading.get("baseColorTexture")
        picture = None if texture is None else self._texture(texture["index"])
        if texture is not None and picture is not None:
            change = texture.get("extensions", {}).get("KHR_texture_transform", {})
            chosen = f"TEXCOORD_{change.get('texCoord', texture.get('texCoord', 0))}"
            if chosen in attributes:
                uvs = _transformed(self._accessor(attributes[chosen])[:, :2], change)
                return ColoredMesh(
                    result.vertices, faces, result.base, result.corners, uvs[faces],
                    np.zeros(len(faces), dtype=np.int64), [picture],
                )  # fmt: skip
        said = corners is not None or "baseColorFactor" in shading
        if said:
            return result
        return plain(result.vertices, faces, colored=False)

    def _texture(self, index: int) -> UInt8[np.ndarray, "_ _ 3"] | None:
        texture = self.header["textures"][index]
        webp = texture.get("extensions", {}).get("EXT_texture_webp", {})
        source = webp.get("source", texture.get("source"))
        if source is None:
            return None
        if source not in self._pictures:
            image = self.header["images"][source]
            if "bufferView" not in image:
                self.notes.append("a picture outside the file was left out")
                return None
            start, length, _ = self._view(image["bufferView"])
            self._pictures[source] = read_picture(self.binary[start : start + length])
        return self._pictures[source]

    def _view(self, index: int) -> tuple[int, int, int]:
        """Start, length and stride of a view into the binary chunk."""
        view = self.header["bufferViews"][index]
        start, length = int(view.get("byteOffset", 0)), int(view["byteLength"])
        if view.get("buffer", 0) != 0 or "uri" in self.header["buffers"][0]:
            raise _refused("its data are in another file")
        if not 0 <= start <= start + length <= len(self.binary):
            raise ValueError("a view leaves the file")
        return start, length, int(view.get("byteStride", 0))

    def _accessor(self, index: int) -> Float[np.ndarray, "count width"]:
        """An accessor's values as numbers; normalised integers in [-1, 1]."""
        accessor = self.header["accessors"][index]
        if "sparse" in accessor:
            raise _refused("it has sparse accessors, which are not read")
        kind = np.dtype(_TYPES[accessor["componentType"]])
        width, count = _WIDTHS[accessor["type"]], int(accessor["count"])
        if "bufferView" not in accessor:
            return np.zeros((count, width))
        start, length, stride = self._view(accessor["bufferView"])
        offset = int(accessor.get("byteOffset", 0))
        stride = stride or width * kind.itemsize
        used = (count - 1) * stride + width * kind.itemsize if count > 0 else 0
        if count < 0 or offset < 0 or offset + used > length:
            raise ValueError("an accessor leaves its view")
        values = np.ndarray(
            (count, width), kind, self.binary, start + offset, (stride, kind.itemsize)
        ).astype(np.float64)
        if accessor.get("normalized") and kind.kind in "iu":
            values = np.maximum(values / np.iinfo(kind).max, -1.0)
        return values


def read_picture(data: bytes) -> UInt8[np.ndarray, "_ _ 3"]:
    """A PNG, JPEG or WebP picture, at most :data:`PICTURE_SIDE` pixels along each side.

    Raises:
        BadRequest: it cannot be read, or is too large.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > MOST_PIXELS:
                raise _refused(f"a picture in it has {image.width} x {image.height} pixels")
            image.draft("RGB", (PICTURE_SIDE, PICTURE_SIDE))
            small = image.convert("RGB")
            small.thumbnail((PICTURE_SIDE, PICTURE_SIDE))
            return np.array(small)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise _refused("a picture in it is damaged") from error


def _chunks(data: bytes) -> tuple[dict[str, Any], bytes]:
    if len(data) < 20 or struct.unpack_from("<I", data)[0] != MAGIC:
        raise _refused("it is not binary glTF")
    if struct.unpack_from("<I", data, 4)[0] != 2:
        raise _refused("it is of another version than glTF 2")
    length, kind = struct.unpack_from("<2I", data, 12)
    if kind != JSON_CHUNK or 20 + length > len(data):
        raise _refused("it is cut off or damaged")
    header = parse_json(data[20 : 20 + length].decode("utf-8-sig"))
    if not isinstance(header, dict):
        raise TypeError("the header is no object")
    binary, start = b"", 20 + length
    if start + 8 <= len(data):
        length, kind = struct.unpack_from("<2I", data, start)
        if kind == BINARY_CHUNK:
            binary = data[start + 8 : start + 8 + length]
    return header, binary


def _local(node: dict[str, Any]) -> Float[np.ndarray, "4 4"]:
    if "matrix" in node:
        return np.asarray(node["matrix"], dtype=np.float64).reshape(4, 4).T
    x, y, z, w = np.asarray(node.get("rotation", (0.0, 0.0, 0.0, 1.0)), dtype=np.float64)
    turn = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    result = np.eye(4)
    result[:3, :3] = turn * np.asarray(node.get("scale", (1.0, 1.0, 1.0)), dtype=np.float64)
    result[:3, 3] = node.get("translation", (0.0, 0.0, 0.0))
    return result


def _transformed(
    uvs: Float[np.ndarray, "vertices 2"], change: dict[str, Any]
) -> Float[np.ndarray, "vertices 2"]:
    """Texture coordinates after KHR_texture_transform."""
    scale: Sequence[float] = change.get("scale", (1.0, 1.0))
    angle = float(change.get("rotation", 0.0))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return (uvs * np.asarray(scale)) @ turn.T + np.asarray(change.get("offset", (0.0, 0.0)))


def _refused(why: str) -> BadRequest:
    return BadRequest(f"the object cannot be read: {why}", _WAY_OUT)
