"""What the backend sends, read and checked: a mesh, a chain's mesh, a preview. No bpy.

Blender takes 70 ms to pack a picture of 1024 x 1024 that it has only as pixels, and its window
stands still meanwhile; a picture that comes as a PNG is packed at once. So the results carry their
textures as PNG files too, which :meth:`MeshArrays.encode` makes beside the main thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ...backend.prompts.materials import PLAIN
from ...backend.protocol.errors import ProtocolError
from ..process.safetensors_reader import expect, read_arrays
from .textures import png_bytes, textures_to_keep


@dataclass(frozen=True)
class MeshArrays:
    """A mesh as the backend made it. Its arrays are read-only."""

    vertices: np.ndarray
    """f32[V, 3], metres, z up."""
    faces: np.ndarray
    """i32[F, 3] or i32[F, 4], vertex indices, counter-clockwise seen from outside."""
    uvs: np.ndarray
    """f32[F, 3 or 4, 2], per corner, (0, 0) at the lower left."""
    texture: np.ndarray
    """u8[S, S, 3], sRGB."""
    normal_map: np.ndarray | None
    """u8[S, S, 3], tangent space; None: not asked for."""
    finish: tuple[float, float] = PLAIN
    """Metal and roughness, where there is no map of them."""
    finish_map: np.ndarray | None = None
    """u8[S, S, 3], roughness in green and metal in blue, as glTF has them."""

    @cached_property
    def texture_png(self) -> bytes:
        """The texture as a PNG file."""
        return png_bytes(self.texture)

    @cached_property
    def normal_map_png(self) -> bytes | None:
        """The normal map as a PNG file."""
        return None if self.normal_map is None else png_bytes(self.normal_map)

    @cached_property
    def finish_map_png(self) -> bytes | None:
        """The map of metal and roughness as a PNG file."""
        return None if self.finish_map is None else png_bytes(self.finish_map)

    def encode(self) -> MeshArrays:
        """Make the PNG files now, in whatever thread this is."""
        _ = self.texture_png, self.normal_map_png, self.finish_map_png
        return self


@dataclass(frozen=True)
class ChainArrays:
    """One topology and one UV layout; positions for every key, and textures. Read-only."""

    faces: np.ndarray
    """i32[F, 3] or i32[F, 4], vertex indices, counter-clockwise seen from outside."""
    uvs: np.ndarray
    """f32[F, 3 or 4, 2], per corner, (0, 0) at the lower left."""
    positions: np.ndarray
    """f32[K, V, 3], metres, z up."""
    alphas: np.ndarray
    """f32[K], rising from 0 to N - 1; a whole number is a prompt."""
    textures: np.ndarray
    """u8[T, S, S, 3], sRGB, top row first."""
    texture_alphas: np.ndarray
    """f32[T], rising: the keys that have a texture, every prompt among them."""

    @cached_property
    def shown(self) -> tuple[int, ...]:
        """The textures that the material needs, rising."""
        return tuple(textures_to_keep(self.texture_alphas, self.textures))

    @cached_property
    def shown_keys(self) -> tuple[int, ...]:
        """The keys of :attr:`shown`."""
        return tuple(np.searchsorted(self.alphas, self.texture_alphas[list(self.shown)]).tolist())

    @cached_property
    def texture_pngs(self) -> tuple[bytes, ...]:
        """The textures of :attr:`shown` as PNG files."""
        return tuple(png_bytes(self.textures[index]) for index in self.shown)

    def encode(self) -> ChainArrays:
        """Make the PNG files now, in whatever thread this is."""
        _ = self.texture_pngs
        return self


@dataclass(frozen=True)
class PreviewArrays:
    """A colored mesh of low resolution; empty where the object has no surface. Read-only."""

    vertices: np.ndarray
    """f32[V, 3], metres, z up."""
    faces: np.ndarray
    """Triangles, i32[F, 3]."""
    colors: np.ndarray
    """Colors of the vertices, u8[V, 3], sRGB."""


def triangulated(corners: np.ndarray) -> np.ndarray:
    """What faces have at their corners, at the corners of their triangles: ``[F, 3 or 4, ...]``
    becomes ``[T, 3, ...]``; a quad ``a b c d`` is ``a b c`` and ``a c d``."""
    if corners.shape[1] == 3:
        return corners
    return corners[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3, *corners.shape[2:])


def read_mesh(path: Path) -> MeshArrays:
    """Read and check a mesh.

    Raises:
        ProtocolError: the file cannot be read, is damaged, or is not a mesh.
    """
    arrays = read_arrays(path)
    known = {"vertices", "faces", "uvs", "texture"}
    missing = known - arrays.keys()
    known |= {"normal_map", "finish", "finish_map"}
    if missing or not arrays.keys() <= known:
        raise ProtocolError(f"{path.name} is not a mesh: it holds {', '.join(sorted(arrays))}.")
    vertices, faces, uvs = arrays["vertices"], arrays["faces"], arrays["uvs"]
    expect(path, "vertices", vertices, "<f4", (None, 3))
    corners = 4 if faces.shape[1:] == (4,) else 3
    expect(path, "faces", faces, "<i4", (None, corners))
    expect(path, "uvs", uvs, "<f4", (len(faces), corners, 2))
    for name in ("texture", "normal_map", "finish_map"):
        if (texture := arrays.get(name)) is not None:
            expect(path, name, texture, "|u1", (*texture.shape[:1] * 2, 3))
    finish = arrays.get("finish", np.array(PLAIN, np.float32))
    expect(path, "finish", finish, "<f4", (2,))
    _check_mesh(path, faces, len(vertices), vertices, uvs, finish)
    metallic, roughness = finish.clip(0.0, 1.0).tolist()
    return MeshArrays(
        vertices,
        faces,
        uvs,
        arrays["texture"],
        arrays.get("normal_map"),
        (metallic, roughness),
        arrays.get("finish_map"),
    )


def read_chain(path: Path, prompts: int) -> ChainArrays:
    """Read and check the animated mesh of a chain of ``prompts`` prompts.

    Raises:
        ProtocolError: the file cannot be read, is damaged, or is not such a mesh.
    """
    arrays = read_arrays(path)
    if "alphas" in arrays:  # results of earlier versions, in the history, have a texture a key
        arrays.setdefault("texture_alphas", arrays["alphas"])
    names = {"faces", "uvs", "positions", "alphas", "textures", "texture_alphas"}
    _check_names(path, arrays, names)
    faces, alphas = arrays["faces"], arrays["alphas"]
    positions, textures = arrays["positions"], arrays["textures"]
    texture_alphas = arrays["texture_alphas"]
    keys = len(alphas) if alphas.ndim else 0
    expect(path, "alphas", alphas, "<f4", (None,))
    expect(path, "positions", positions, "<f4", (keys, None, 3))
    corners = 4 if faces.shape[1:] == (4,) else 3
    expect(path, "faces", faces, "<i4", (None, corners))
    expect(path, "uvs", arrays["uvs"], "<f4", (len(faces), corners, 2))
    expect(path, "texture_alphas", texture_alphas, "<f4", (None,))
    expect(path, "textures", textures, "|u1", (len(texture_alphas), *textures.shape[1:2] * 2, 3))
    _check_mesh(path, faces, positions.shape[1], positions, arrays["uvs"])
    if not faces.size:
        raise ProtocolError(f"{path.name} has no faces.")
    rising = keys >= 2 and bool((np.diff(alphas) > 0).all())
    whole = set(range(prompts)) <= set(alphas.tolist())
    if not rising or alphas[0] != 0 or alphas[-1] != prompts - 1 or not whole:
        raise ProtocolError(f"{path.name} has keys that do not fit {prompts} prompts.")
    among = set(texture_alphas.tolist())
    if not (np.diff(texture_alphas) > 0).all() or not (
        set(range(prompts)) <= among <= set(alphas.tolist())
    ):
        raise ProtocolError(f"{path.name} has textures that do not fit its keys.")
    return ChainArrays(faces, arrays["uvs"], positions, alphas, textures, texture_alphas)


def read_preview(path: Path) -> PreviewArrays:
    """Read and check a preview.

    Raises:
        ProtocolError: the file cannot be read, is damaged, or is not a preview.
    """
    arrays = read_arrays(path)
    _check_names(path, arrays, {"vertices", "faces", "colors"})
    vertices, faces, colors = arrays["vertices"], arrays["faces"], arrays["colors"]
    expect(path, "vertices", vertices, "<f4", (None, 3))
    expect(path, "faces", faces, "<i4", (None, 3))
    expect(path, "colors", colors, "|u1", (len(vertices), 3))
    _check_mesh(path, faces, len(vertices), vertices)
    return PreviewArrays(vertices, faces, colors)


def _check_names(path: Path, arrays: dict[str, np.ndarray], wanted: set[str]) -> None:
    if arrays.keys() != wanted:
        raise ProtocolError(
            f"{path.name} holds {', '.join(sorted(arrays))}; expected {', '.join(sorted(wanted))}."
        )


def _check_mesh(path: Path, faces: np.ndarray, vertices: int, *coordinates: np.ndarray) -> None:
    if faces.size and (faces.min() < 0 or faces.max() >= vertices):
        raise ProtocolError(f"{path.name} has a face with a vertex that does not exist.")
    if not all(np.isfinite(values).all() for values in coordinates):
        raise ProtocolError(f"{path.name} has coordinates that are not finite.")
