"""Textures: the field's colour, and on request its normals, at every texel a chart covers.

A face of the mesh is flat where the object is curved. So the mesh is first refined until a
triangle is a few texels wide, and its vertices are snapped to the surface; texels between them
are interpolated. That costs a Newton step for each vertex instead of one for each texel. Texture
rows run from the top; texel (row r, column c) is at u = (c + 0.5) / size, v = 1 - (r + 0.5) / size.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.ndimage import distance_transform_cdt

from ..field_reader import Points, Reader
from ..prompts.materials import PLAIN, Finish
from ..shapes import Float, Int, UInt8
from ..surface.project import GRADIENT_STEP, newton
from ..surface.topology import Faces, NewFaces, NewVertices, Vertices, half_edges
from .finish import Coat, finish_at
from .rasterize import affine, rasterise
from .tangents import corner_frames, encode

TEXELS_PER_TRIANGLE = 40
"""The mesh is refined until a triangle covers fewer texels than this ..."""
MOST_TRIANGLES = 200_000
"""... or until it would have more triangles than this."""
REACH = 0.02
"""How far refined vertices may move to find the surface, metres."""

Texture = UInt8[np.ndarray, "size size 3"]
Gutter = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def refine(
    vertices: Vertices, faces: Faces, corners: Float[np.ndarray, "faces 3 n"]
) -> tuple[NewVertices, NewFaces, Float[np.ndarray, "new_faces 3 n"]]:
    """Split every face in four at the middles of its edges; corner values are interpolated."""
    start, end = half_edges(faces)
    low, high = np.minimum(start, end), np.maximum(start, end)
    key = low.astype(np.int64) * len(vertices) + high
    _, first, index = np.unique(key, return_index=True, return_inverse=True)
    middle = 0.5 * (vertices[low[first]] + vertices[high[first]])
    m = index.reshape(-1, 3) + len(vertices)
    a, b, c = faces.T
    finer = np.stack(
        [
            np.stack([a, m[:, 0], m[:, 2]], 1),
            np.stack([m[:, 0], b, m[:, 1]], 1),
            np.stack([m[:, 2], m[:, 1], c], 1),
            np.stack([m[:, 0], m[:, 1], m[:, 2]], 1),
        ],
        axis=1,
    ).reshape(-1, 3)
    x, y, z = (corners[:, k] for k in range(3))
    xy, yz, zx = 0.5 * (x + y), 0.5 * (y + z), 0.5 * (z + x)
    values = np.stack(
        [
            np.stack([x, xy, zx], 1),
            np.stack([xy, y, yz], 1),
            np.stack([zx, yz, z], 1),
            np.stack([xy, yz, zx], 1),
        ],
        axis=1,
    ).reshape(4 * len(faces), 3, corners.shape[-1])
    return np.concatenate([vertices, middle]), finer, values


@dataclass(frozen=True)
class TexelMap:
    """Which point of which face each texel of a UV layout shows; the same for all positions."""

    size: int
    rounds: int
    """How often the mesh is refined."""
    fine_faces: Int[np.ndarray, "finer 3"]
    pixels: Float[np.ndarray, "finer 3 2"]
    """Corners of the refined faces, texels."""
    triangle: Int[np.ndarray, " texels"]
    row: Int[np.ndarray, " texels"]
    column: Int[np.ndarray, " texels"]
    place: Float[np.ndarray, "texels 2"]

    @property
    def children(self) -> int:
        """Refined faces a face."""
        return 4**self.rounds

    def surface(self, reader: Reader, vertices: Vertices, faces: Faces) -> NewVertices:
        """The refined mesh's vertices, on the field's surface."""
        return newton(reader, self.subdivided(vertices, faces), 1, REACH)

    def subdivided(self, vertices: Vertices, faces: Faces) -> NewVertices:
        """The refined mesh's vertices, on the mesh's flat faces."""
        fine = faces
        for _ in range(self.rounds):
            vertices, fine, _ = refine(vertices, fine, np.zeros((len(fine), 3, 0)))
        return vertices

    def read(self, values: Float[np.ndarray, "vertices n"]) -> Float[np.ndarray, "texels n"]:
        """The refined vertices' values at the texels."""
        return _interpolate(self.pixels, values[self.fine_faces], self.triangle, self.place)

    def gutter(self) -> Gutter:
        """Rows and columns of the texels between the charts, and of the covered texel nearest
        each."""
        return _nearest_covered(self.row, self.column, self.size)


def texel_map(
    vertices: Vertices, faces: Faces, uvs: Float[np.ndarray, "faces 3 2"], size: int
) -> TexelMap:
    """The map of a layout; of ``vertices`` only the number matters."""
    fine_faces, fine_uvs, rounds = faces, uvs, 0
    while (
        size * size / len(fine_faces) > TEXELS_PER_TRIANGLE
        and 4 * len(fine_faces) <= MOST_TRIANGLES
    ):
        vertices, fine_faces, fine_uvs = refine(vertices, fine_faces, fine_uvs)
        rounds += 1
    pixels = _texel_corners(fine_uvs, size)
    return TexelMap(size, rounds, fine_faces, pixels, *_covered(pixels, size))


def paint(reader: Reader, position: Points, texels: TexelMap, gutter: Gutter) -> Texture:
    """Colour texture (sRGB) of a field read at the texels' positions."""
    texture = np.zeros((texels.size, texels.size, 3), dtype=np.uint8)
    texture[texels.row, texels.column] = _to_bytes(reader.color(position))
    texture[gutter[0]] = texture[gutter[1]]
    return texture


class Baked(NamedTuple):
    """The textures of a mesh; None: not wanted, or there is nothing to say."""

    color: Texture
    """sRGB."""
    normal_map: Texture | None
    """Tangent space, +Y up, linear."""
    finish_map: Texture | None
    """Metal (blue) and roughness (green), as glTF has them, linear."""


def bake(
    reader: Reader,
    vertices: Vertices,
    faces: Faces,
    uvs: Float[np.ndarray, "faces 3 2"],
    size: int,
    *,
    with_normals: bool,
    finish: Finish = PLAIN,
    coats: Sequence[Coat] = (),
) -> Baked:
    """Textures of a mesh of triangles.

    Args:
        finish: The whole object's.
        coats: The finishes of parts; where one is found there is a finish map.

    Raises:
        Cancelled: asked to stop.
    """
    texels = texel_map(vertices, faces, uvs, size)
    reader.cancel.check()
    fine_vertices = texels.surface(reader, vertices, faces)
    reader.cancel.check()
    position = texels.read(fine_vertices)
    reader.cancel.check()
    texture = np.zeros((size, size, 3), dtype=np.uint8)
    # Both leave Python's lock alone, so the gutter is found while the colours are read.
    with ThreadPoolExecutor(1) as other:
        finding = other.submit(texels.gutter)
        texture[texels.row, texels.column] = _to_bytes(reader.color(position))
        gutter = finding.result()
    texture[gutter[0]] = texture[gutter[1]]
    finish_map = None
    if coats and (finishes := finish_at(reader, fine_vertices, finish, coats)) is not None:
        finish_map = _picture(texels, _to_bytes(texels.read(finishes)), gutter)
    if not with_normals:
        return Baked(texture, None, finish_map)
    reader.cancel.check()
    normals = texels.read(reader.normals(fine_vertices, GRADIENT_STEP))
    tangents, mesh_normals = (
        _interpolate(
            _texel_corners(uvs, size), frame, texels.triangle // texels.children, texels.place
        )
        for frame in corner_frames(vertices, faces, uvs)
    )
    reader.cancel.check()
    encoded = _to_bytes(0.5 * encode(normals, tangents, mesh_normals) + 0.5)
    return Baked(texture, _picture(texels, encoded, gutter), finish_map)


def _picture(texels: TexelMap, values: UInt8[np.ndarray, "texels 3"], gutter: Gutter) -> Texture:
    """A texture of the texels' values."""
    picture = np.zeros((texels.size, texels.size, 3), dtype=np.uint8)
    picture[texels.row, texels.column] = values
    picture[gutter[0]] = picture[gutter[1]]
    return picture


def _texel_corners(uvs: Float[np.ndarray, "n 3 2"], size: int) -> Float[np.ndarray, "n 3 2"]:
    """UVs (v up) to texels (rows down)."""
    return np.stack([uvs[..., 0], 1.0 - uvs[..., 1].astype(np.float64)], axis=-1) * size


def _covered(
    pixels: Float[np.ndarray, "triangles 3 2"], size: int
) -> tuple[
    Int[np.ndarray, " texels"],
    Int[np.ndarray, " texels"],
    Int[np.ndarray, " texels"],
    Float[np.ndarray, "texels 2"],
]:
    """Triangle, row, column and place (in texels) of every texel that gets a colour of its own.

    Those whose centre is covered, taken there; and those that hold a corner and are not covered,
    taken at the corner: a triangle narrower than a texel would else show its neighbour's colour.
    """
    triangle, row, column = rasterise(pixels, size)
    empty = np.ones((size, size), dtype=bool)
    empty[row, column] = False
    corners = pixels.reshape(-1, 2)
    cell = np.floor(corners).astype(np.int64).clip(0, size - 1)
    lonely = np.flatnonzero(empty[cell[:, 1], cell[:, 0]])
    _, first = np.unique(cell[lonely, 1] * size + cell[lonely, 0], return_index=True)
    lonely = lonely[first]
    return (
        np.concatenate([triangle, lonely // 3]),
        np.concatenate([row, cell[lonely, 1]]),
        np.concatenate([column, cell[lonely, 0]]),
        np.concatenate([np.stack([column + 0.5, row + 0.5], axis=1), corners[lonely]]),
    )


def _interpolate(
    pixels: Float[np.ndarray, "triangles 3 2"],
    values: Float[np.ndarray, "triangles 3 n"],
    triangle: Int[np.ndarray, " texels"],
    place: Float[np.ndarray, "texels 2"],
) -> Float[np.ndarray, "texels n"]:
    """Corner values at places in texels."""
    base, slopes = affine(pixels, values)
    offset = (place - pixels[triangle, 0]).astype(np.float32)
    base, slopes = base.astype(np.float32), slopes.astype(np.float32)
    return (
        base[triangle] + offset[:, :1] * slopes[triangle, 0] + offset[:, 1:] * slopes[triangle, 1]
    )


def _to_bytes(values: Float[np.ndarray, "n 3"]) -> UInt8[np.ndarray, "n 3"]:
    return np.rint(np.clip(values, 0.0, 1.0) * 255.0).astype(np.uint8)


def _nearest_covered(
    row: Int[np.ndarray, " texels"], column: Int[np.ndarray, " texels"], size: int
) -> Gutter:
    """Rows and columns of the texels between the charts, and of the covered texel nearest each,
    counted in steps along rows and columns."""
    empty = np.ones((size, size), dtype=bool)
    empty[row, column] = False
    nearest = np.asarray(
        distance_transform_cdt(empty, "taxicab", return_distances=False, return_indices=True)
    )
    rows, columns = np.nonzero(empty)
    return (rows, columns), (nearest[0][rows, columns], nearest[1][rows, columns])
