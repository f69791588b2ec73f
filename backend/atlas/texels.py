"""Which point of the surface each texel of a UV layout shows.

A face of the mesh is flat where the object is curved. So the mesh is first refined until a
triangle is a few texels wide, and its vertices are snapped to the surface; texels between them are
interpolated. That costs a Newton step for each vertex instead of one for each texel. The few texels
that still are off the surface are moved onto it one by one. Texture rows run from the top; texel
(row r, column c) is at u = (c + 0.5) / size, v = 1 - (r + 0.5) / size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..field_reader import Reader
from ..shapes import Bool, Float, Int
from ..surface.project import newton_and_gradient
from ..surface.topology import Faces, NewFaces, NewVertices, Vertices, half_edges
from .gutter import Gutter, gutter_of
from .rasterize import affine, rasterise

TEXELS_PER_TRIANGLE = 40
"""The mesh is refined until a triangle covers fewer texels than this ..."""
MOST_TRIANGLES = 200_000
"""... or until it would have more triangles than this."""
REACH = 0.02
"""How far refined vertices may move to find the surface, metres."""
NEAR_ENOUGH = 6e-4
"""Metres off the surface beyond which a texel's point is moved onto it and read again: one in ten.
The color of an eye is a skin on the head, and a point below it shows a fringe."""

ALIKE = 5.0 / 255.0
"""Largest difference of a channel between texels two apart whose mean is the one's between."""


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


class Snapped(NamedTuple):
    """The refined mesh's vertices on the field's surface, and what was measured on the way."""

    vertices: NewVertices
    gradient: Float[np.ndarray, "vertices 3"]
    """Slope of the pre-density beside each vertex, a metre."""


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

    def snapped(self, reader: Reader, vertices: Vertices, faces: Faces) -> Snapped:
        """The refined mesh's vertices, on the field's surface."""
        return Snapped(*newton_and_gradient(reader, self.subdivided(vertices, faces), 1, REACH))

    def subdivided(self, vertices: Vertices, faces: Faces) -> NewVertices:
        """The refined mesh's vertices, on the mesh's flat faces."""
        return self._refined(vertices, faces)[0]

    def _refined(self, vertices: Vertices, faces: Faces) -> tuple[NewVertices, NewFaces]:
        for _ in range(self.rounds):
            vertices, faces, _ = refine(vertices, faces, np.zeros((len(faces), 3, 0)))
        return vertices, faces

    def part(self, chosen: Bool[np.ndarray, " all"], vertices: Vertices, faces: Faces) -> TexelMap:
        """The texels of the chosen faces alone, which are ``faces`` of their own ``vertices``."""
        fine = np.repeat(chosen, self.children)
        own = fine[self.triangle]
        number = np.cumsum(fine) - 1
        return TexelMap(
            self.size,
            self.rounds,
            self._refined(vertices, faces)[1],
            self.pixels[fine],
            number[self.triangle[own]],
            self.row[own],
            self.column[own],
            self.place[own],
        )

    def read(
        self,
        values: Float[np.ndarray, "vertices n"],
        chosen: Int[np.ndarray, " chosen"] | slice = slice(None),
    ) -> Float[np.ndarray, "chosen n"]:
        """The refined vertices' values at the texels, or at those chosen."""
        corners = values[self.fine_faces]
        return interpolate(self.pixels, corners, self.triangle[chosen], self.place[chosen])

    def colors(self, reader: Reader, surface: Snapped) -> Float[np.ndarray, "texels 3"]:
        """The field's color at the point of its surface that each texel shows, sRGB in [0, 1].

        Every other texel of every other row is read first. Those between them are read where the
        colors around them differ by more than ``ALIKE``, and are the mean of these elsewhere.
        """
        planes = np.full((3, self.size, self.size), np.nan, dtype=np.float32)
        some = np.flatnonzero((self.row | self.column) & 1 == 0)
        planes[:, self.row[some], self.column[some]] = self.colors_at(reader, surface, some).T
        fill_between(planes, ALIKE)
        colors = planes[:, self.row, self.column].T
        others = np.flatnonzero(np.isnan(colors[:, 0]))
        colors[others] = self.colors_at(reader, surface, others)
        return colors

    def colors_at(
        self, reader: Reader, surface: Snapped, chosen: Int[np.ndarray, " chosen"]
    ) -> Float[np.ndarray, "chosen 3"]:
        """The field's color, read for each of these texels.

        Density is read with the color and tells how far off a point is. One that is further off
        than ``NEAR_ENOUGH`` goes along the slope there, and is read again.
        """
        position = self.read(surface.vertices, chosen)
        density, color = reader.sample(position)
        rise = reader.field.level - density
        slope = np.linalg.norm(surface.gradient, axis=1)[self.fine_faces].mean(axis=1)
        off = np.flatnonzero(np.abs(rise) > NEAR_ENOUGH * slope[self.triangle[chosen]])
        gradient = self.read(surface.gradient, chosen[off])
        square = np.maximum((gradient * gradient).sum(axis=1), 1e-6)
        most = REACH / np.sqrt(square)
        step = np.clip(rise[off] / square, -most, most)[:, None] * gradient
        again, moved = reader.sample(position[off] + step)
        nearer = np.abs(again - reader.field.level) < np.abs(rise[off])
        color[off[nearer]] = moved[nearer]
        return color

    def gutter(self) -> Gutter:
        """The texels between the charts."""
        covered = np.zeros((self.size, self.size), dtype=bool)
        covered[self.row, self.column] = True
        return gutter_of(covered)


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
    pixels = texel_corners(fine_uvs, size)
    return TexelMap(size, rounds, fine_faces, pixels, *_covered(pixels, size))


def fill_between(planes: Float[np.ndarray, "channels size size"], alike: float) -> None:
    """Fill in the texels between those of even rows and even columns.

    One between two gets their mean, one in the middle of four the mean of theirs: where all values
    are known (NaN are not) and no neighbouring two differ by more than ``alike`` in any channel.
    """
    known = planes[:, ::2, ::2]
    size = known.shape[1]
    across = _mean(known[:, :, :-1], known[:, :, 1:], alike)
    down = _mean(known[:, :-1], known[:, 1:], alike)
    planes[:, ::2, 1 : 2 * size - 1 : 2] = across
    planes[:, 1 : 2 * size - 1 : 2, ::2] = down
    middle = across[:, :-1] + across[:, 1:]
    middle += down[:, :, :-1]
    middle += down[:, :, 1:]
    middle *= np.float32(0.25)
    planes[:, 1 : 2 * size - 1 : 2, 1 : 2 * size - 1 : 2] = middle


def _mean(
    one: Float[np.ndarray, "channels rows columns"],
    other: Float[np.ndarray, "channels rows columns"],
    alike: float,
) -> Float[np.ndarray, "channels rows columns"]:
    """The mean; NaN where a channel differs by more than ``alike``."""
    apart = np.abs(one - other).max(axis=0) > alike
    mean = one + other
    mean *= np.float32(0.5)
    mean[:, apart] = np.nan
    return mean


def texel_corners(uvs: Float[np.ndarray, "n 3 2"], size: int) -> Float[np.ndarray, "n 3 2"]:
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
    """Triangle, row, column and place (in texels) of every texel that gets a color of its own.

    Those whose centre is covered, taken there; and those that hold a corner and are not covered,
    taken at the corner: a triangle narrower than a texel would else show its neighbour's color.
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


def interpolate(
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
