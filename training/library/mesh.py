"""A model as the library keeps it: triangles, each with a small triangular picture of its colors.

A triangle's picture has ``side`` squared texels of equal shape: ``side`` is 1 where its color is
flat and as large as ``DETAIL`` asks where it is not. So palette pictures, textures, vertex colors
and flat materials become one thing, and nobody after the reader knows which it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from backend.atlas.rasterize import ranges
from backend.shapes import Bool, Float, Int, UInt8

DETAIL = 0.016
"""Length of a texel's side where colors change, in units of the ball's radius."""
LARGEST_SIDE = 64
PROBED = 6
"""Side of the pictures that tell how evenly a face's colors change."""
STEP = 6
"""Levels, of 255, that neighbouring texels of a gradient may differ by."""
SOLID, SHEET, HIDDEN = 0, 1, 2
"""Kinds of faces; ``truth`` says what they are."""
THICKNESS = 0.04
"""Thickness of a sheet in a ball of radius 1: more than a cell of the model's finest grid (0.035),
so that a vertex of it is always inside."""
FLAT = 3
"""Colors of one triangle that differ by no more than this, of 255, are one color."""

Paint = Callable[
    [Int[np.ndarray, " points"], Float[np.ndarray, "points 3"]], UInt8[np.ndarray, "points 4"]
]
"""Color and alpha (sRGB) of points on triangles: face indices and barycentric weights."""


@dataclass(frozen=True)
class Mesh:
    """Triangles with colors."""

    vertices: Float[np.ndarray, "vertices 3"]
    faces: Int[np.ndarray, "faces 3"]
    side: Int[np.ndarray, " faces"]
    """Texels along an edge of each face's picture."""
    texels: UInt8[np.ndarray, "texels 3"]
    """sRGB; the pictures of all faces, one after the other."""

    @property
    def corners(self) -> Float[np.ndarray, "faces 3 3"]:
        return self.vertices[self.faces].astype(np.float64)

    def areas(self) -> Float[np.ndarray, " faces"]:
        return 0.5 * np.linalg.norm(face_vectors(self.corners), axis=1)

    def first_texel(self) -> Int[np.ndarray, " faces"]:
        """Where each face's picture begins."""
        count = self.side.astype(np.int64) ** 2
        return np.cumsum(count) - count

    def color(
        self, face: Int[np.ndarray, " points"], weights: Float[np.ndarray, "points 3"]
    ) -> UInt8[np.ndarray, "points 3"]:
        """Colors of points on faces, by their barycentric weights."""
        return self.texels[self.first_texel()[face] + texel_of(self.side[face], weights)]

    def moved(self, vertices: Float[np.ndarray, "vertices 3"]) -> Mesh:
        """The same faces and colors with other vertices."""
        return Mesh(vertices, self.faces, self.side, self.texels)

    def only(self, kept: Bool[np.ndarray, " faces"]) -> Mesh:
        """Some of the faces, and the vertices that they use."""
        used, faces = np.unique(self.faces[kept], return_inverse=True)
        owner, _ = ranges(self.side.astype(np.int64) ** 2)
        return Mesh(
            self.vertices[used],
            faces.reshape(-1, 3).astype(np.int32),
            self.side[kept],
            self.texels[kept[owner]],
        )


def face_vectors(corners: Float[np.ndarray, "faces 3 3"]) -> Float[np.ndarray, "faces 3"]:
    """Normals as long as twice the faces' areas."""
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


def texel_of(
    side: Int[np.ndarray, " points"], weights: Float[np.ndarray, "points 3"]
) -> Int[np.ndarray, " points"]:
    """Index, within a face's picture, of the texel that holds a point.

    Rows run from the face's second vertex's opposite edge (weight 0) to that vertex; row ``i`` has
    ``2 (side - i) - 1`` texels.
    """
    scaled = weights[:, 1:] * side[:, None]
    cell = np.floor(scaled).astype(np.int64)
    row = cell[:, 0].clip(0, side - 1)
    column = cell[:, 1].clip(0, side - 1 - row)
    beyond = (scaled[:, 0] - row) + (scaled[:, 1] - column) > 1.0
    upper = beyond & (row + column < side - 1)
    return side.astype(np.int64) ** 2 - (side - row) ** 2 + 2 * column + upper


def texel_centres(side: int) -> Float[np.ndarray, "texels 3"]:
    """Barycentric weights of the middle of each texel of a picture of ``side``, in their order."""
    row, offset = ranges(2 * (side - np.arange(side)) - 1)
    column, upper = offset // 2, offset % 2
    v = (row + (1 + upper) / 3) / side
    w = (column + (1 + upper) / 3) / side
    return np.stack([1 - v - w, v, w], axis=1)


def painted(
    vertices: Float[np.ndarray, "vertices 3"],
    faces: Int[np.ndarray, "faces 3"],
    paint: Paint,
    varied: Bool[np.ndarray, " faces"],
    cutoff: Float[np.ndarray, " faces"],
    detail: float,
) -> Mesh:
    """A mesh with its colors read from ``paint``.

    Args:
        varied: Faces whose color may change within them.
        cutoff: Alpha below which a face is not there (0: it is opaque): its texels become faces
            of their own, and those that are cut out are left away.
        detail: Length of a texel's side, in the units of the vertices.
    """
    side = np.ones(len(faces), dtype=np.int32)
    side[varied] = _sides(vertices[faces[varied]], np.flatnonzero(varied), paint, detail)
    owner, colors = _pictures(side, paint)
    texels, alpha = colors[:, :3], colors[:, 3]

    low = np.minimum.reduceat(texels, _starts(side), axis=0).astype(np.int32)
    high = np.maximum.reduceat(texels, _starts(side), axis=0).astype(np.int32)
    flat = (high - low).max(axis=1) <= FLAT
    opaque = np.minimum.reduceat(alpha, _starts(side)) >= 255 * cutoff
    whole, shown = ~flat[owner] | ~opaque[owner], alpha >= 255 * cutoff[owner]
    first = np.zeros(len(owner), dtype=bool)
    first[_starts(side)] = True
    mesh = Mesh(
        vertices.astype(np.float32),
        faces.astype(np.int32),
        np.where(flat & opaque, 1, side).astype(np.int32),
        texels[whole | first],
    )
    return mesh if opaque.all() else _cut_out(mesh, ~opaque, shown[whole | first])


def _sides(
    corners: Float[np.ndarray, "faces 3 3"],
    index: Int[np.ndarray, " faces"],
    paint: Paint,
    detail: float,
) -> Int[np.ndarray, " faces"]:
    """How many texels each face's colors need along an edge.

    Colors that change evenly over a face, as palettes' gradients do, need one for every ``STEP``
    levels that they change by; others need ``detail``.
    """
    edges = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2)
    wanted = np.ceil(edges.max(axis=1) / detail).clip(1, LARGEST_SIDE).astype(np.int32)
    weights = texel_centres(PROBED)
    owner = np.repeat(index, len(weights))
    colors = paint(owner, np.tile(weights, (len(index), 1)))
    colors = colors.reshape(len(index), len(weights), 4).astype(np.float64)
    fit = weights @ np.linalg.pinv(weights)
    uneven = np.abs(colors - np.einsum("ts,fsc->ftc", fit, colors)).max(axis=(1, 2)) > STEP
    change = np.ptp(colors, axis=1).max(axis=1)
    enough = np.where(change <= FLAT, 1, np.ceil(change / STEP)).astype(np.int32)
    return np.where(uneven, wanted, np.minimum(enough, wanted))


def _starts(side: Int[np.ndarray, " faces"]) -> Int[np.ndarray, " faces"]:
    count = side.astype(np.int64) ** 2
    return np.cumsum(count) - count


def _pictures(
    side: Int[np.ndarray, " faces"], paint: Paint
) -> tuple[Int[np.ndarray, " texels"], UInt8[np.ndarray, "texels 4"]]:
    """Each texel's face, and its color and alpha."""
    owner, offset = ranges(side.astype(np.int64) ** 2)
    weights = np.empty((len(owner), 3))
    for each in np.unique(side):
        chosen = side[owner] == each
        weights[chosen] = texel_centres(int(each))[offset[chosen]]
    return owner, paint(owner, weights)


def _cut_out(
    mesh: Mesh, cut: Bool[np.ndarray, " faces"], shown: Bool[np.ndarray, " texels"]
) -> Mesh:
    """Faces that ``cut`` marks become their texels, of which only those ``shown`` stay."""
    owner, offset = ranges(mesh.side.astype(np.int64) ** 2)
    chosen = np.flatnonzero(cut[owner] & shown)
    face, side = owner[chosen], mesh.side[owner[chosen]]
    weights = np.empty((len(chosen), 3, 3))
    for each in np.unique(side):
        few = side == each
        weights[few] = _texel_corners(int(each))[offset[chosen[few]]]
    corners = np.einsum("tcw,twx->tcx", weights, mesh.corners[face])
    rest = mesh.only(~cut)
    return joined(
        [
            rest,
            Mesh(
                corners.reshape(-1, 3).astype(np.float32),
                np.arange(3 * len(chosen), dtype=np.int32).reshape(-1, 3),
                np.ones(len(chosen), dtype=np.int32),
                mesh.texels[chosen],
            ),
        ]
    )


def _texel_corners(side: int) -> Float[np.ndarray, "texels 3 3"]:
    """Barycentric weights of the corners of each texel of a picture of ``side``."""
    row, offset = ranges(2 * (side - np.arange(side)) - 1)
    column, upper = offset // 2, (offset % 2)[:, None]
    v = row[:, None] + np.where(upper, [1, 1, 0], [0, 1, 0])
    w = column[:, None] + np.where(upper, [0, 1, 1], [0, 0, 1])
    return np.stack([side - v - w, v, w], axis=2) / side


def joined(meshes: Sequence[Mesh]) -> Mesh:
    """Several meshes as one."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate(
            [mesh.faces + start for mesh, start in zip(meshes, starts[:-1], strict=True)]
        ).astype(np.int32),
        np.concatenate([mesh.side for mesh in meshes]),
        np.concatenate([mesh.texels for mesh in meshes]),
    )
