"""Small models in every format, made on the spot."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path

import numpy as np
import trimesh
from PIL import Image

RED, BLUE = (255, 0, 0, 255), (0, 0, 255, 255)


def box(size=(1.0, 2.0, 3.0), at=(0.0, 0.0, 0.0)) -> trimesh.Trimesh:
    mesh = trimesh.creation.box(size)
    mesh.apply_translation(at)
    return mesh


def write_box(path: Path, **kwargs) -> Path:
    """A box by trimesh's exporter for the file's suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = box(**kwargs).export(file_type=path.suffix[1:])
    if isinstance(written, dict):
        for name, data in written.items():
            target = path if name.endswith(".gltf") else path.parent / name
            target.write_bytes(data)
    else:
        path.write_bytes(written.encode() if isinstance(written, str) else written)
    return path


def picture(left=RED, right=BLUE, size=(4, 4)) -> bytes:
    """A PNG, half of one color and half of another."""
    pixels = np.zeros((size[1], size[0], 4), dtype=np.uint8)
    pixels[:, : size[0] // 2], pixels[:, size[0] // 2 :] = left, right
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format="PNG")
    return out.getvalue()


class Gltf:
    """A glTF file put together by hand, so that readers are tested by another's writing."""

    def __init__(self) -> None:
        self.data = b""
        self.header: dict = {
            "asset": {"version": "2.0"},
            "buffers": [],
            "bufferViews": [],
            "accessors": [],
            "meshes": [],
            "nodes": [],
            "materials": [],
            "scenes": [{"nodes": []}],
            "scene": 0,
        }

    def view(self, data: bytes) -> int:
        self.data += b"\0" * (-len(self.data) % 4)
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(data)}
        self.header["bufferViews"].append(view)
        self.data += data
        return len(self.header["bufferViews"]) - 1

    def accessor(self, values: np.ndarray, kind: str, *, normalized: bool = False) -> int:
        codes = {"f4": 5126, "u4": 5125, "u2": 5123, "u1": 5121, "i1": 5120, "i2": 5122}
        accessor = {
            "bufferView": self.view(np.ascontiguousarray(values).tobytes()),
            "componentType": codes[values.dtype.str[1:]],
            "count": len(values),
            "type": kind,
        }
        if normalized:
            accessor["normalized"] = True
        self.header["accessors"].append(accessor)
        return len(self.header["accessors"]) - 1

    def mesh(self, vertices, faces, material: int | None = None, **attributes: int) -> int:
        primitive = {
            "attributes": {
                "POSITION": self.accessor(np.asarray(vertices, np.float32), "VEC3"),
                **attributes,
            },
            "indices": self.accessor(np.asarray(faces, np.uint32).reshape(-1), "SCALAR"),
        }
        if material is not None:
            primitive["material"] = material
        self.header["meshes"].append({"primitives": [primitive]})
        return len(self.header["meshes"]) - 1

    def material(self, factor=(1.0, 1.0, 1.0, 1.0), image: dict | None = None, **more) -> int:
        pbr: dict = {"baseColorFactor": list(factor)}
        if image is not None:
            self.header.setdefault("images", []).append(image)
            source = len(self.header["images"]) - 1
            self.header.setdefault("textures", []).append({"source": source})
            pbr["baseColorTexture"] = {"index": len(self.header["textures"]) - 1}
            pbr["baseColorTexture"].update(more.pop("texture", {}))
        self.header["materials"].append({"pbrMetallicRoughness": pbr, **more})
        return len(self.header["materials"]) - 1

    def node(self, *, root: bool = True, **fields) -> int:
        self.header["nodes"].append(fields)
        place = len(self.header["nodes"]) - 1
        if root:
            self.header["scenes"][0]["nodes"].append(place)
        return place

    def write(self, path: Path, *, beside: str = "") -> Path:
        """As .glb, or as .gltf with its buffer in a file ``beside`` or embedded."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.header["buffers"] = [{"byteLength": len(self.data)}]
        if path.suffix == ".glb":
            text = json.dumps(self.header).encode()
            text += b" " * (-len(text) % 4)
            data = self.data + b"\0" * (-len(self.data) % 4)
            whole = struct.pack("<2I", len(text), 0x4E4F534A) + text
            whole += struct.pack("<2I", len(data), 0x004E4942) + data
            path.write_bytes(struct.pack("<3I", 0x46546C67, 2, 12 + len(whole)) + whole)
            return path
        if beside:
            (path.parent / beside).write_bytes(self.data)
            self.header["buffers"][0]["uri"] = beside
        else:
            import base64

            code = base64.b64encode(self.data).decode()
            self.header["buffers"][0]["uri"] = f"data:application/octet-stream;base64,{code}"
        path.write_text(json.dumps(self.header))
        return path


def quad(gltf: Gltf, material: int, **attributes: int) -> int:
    """A square from (0, 0, 0) to (1, 1, 0) with texture coordinates from 0 to 1."""
    uv = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], dtype=np.float32)
    vertices = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]
    attributes = {"TEXCOORD_0": gltf.accessor(uv, "VEC2"), **attributes}
    return gltf.mesh(vertices, [[0, 1, 2], [0, 2, 3]], material, **attributes)


def textured_quad(image: dict, **more) -> Gltf:
    gltf = Gltf()
    gltf.node(mesh=quad(gltf, gltf.material(image=image, **more)))
    return gltf
