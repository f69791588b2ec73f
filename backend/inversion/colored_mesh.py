"""A model as files have it: triangles, and what colors them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..shapes import Bool, Float, Int, UInt8
from ..srgb import LINEAR_LIGHT, linear_to_srgb

GRAY = 0.6
"""Linear light of a model that has no color."""


@dataclass(frozen=True)
class ColoredMesh:
    """Triangles in Blender's axes. Colors are factors in linear light: the material's, the
    corners', the picture's."""

    vertices: Float[np.ndarray, "vertices 3"]
    """Positions, float64."""
    faces: Int[np.ndarray, "faces 3"]
    """int64, counter-clockwise seen from outside."""
    base: Float[np.ndarray, "faces 3"]
    """The materials' colors."""
    corners: Float[np.ndarray, "faces 3 3"]
    """Colors at the faces' corners."""
    uvs: Float[np.ndarray, "faces 3 2"]
    """(0, 0) is a picture's upper left."""
    picture: Int[np.ndarray, " faces"]
    """Which of the pictures each face shows, or -1."""
    pictures: Sequence[UInt8[np.ndarray, "_ _ 3"]] = ()
    """sRGB; the top row first."""
    colored: bool = True
    """Whether the file says any color."""
    notes: tuple[str, ...] = ()
    """What a person should know of how it was read."""

    def color(
        self, face: Int[np.ndarray, " points"], shares: Float[np.ndarray, "points 3"]
    ) -> Float[np.ndarray, "points 3"]:
        """sRGB in [0, 1] of points on faces, given their barycentric shares."""
        light = self.base[face] * np.einsum("pk,pkc->pc", shares, self.corners[face])
        for number, picture in enumerate(self.pictures):
            here = np.flatnonzero(self.picture[face] == number)
            if not len(here):
                continue
            uv = np.einsum("pk,pkc->pc", shares[here], self.uvs[face[here]])
            height, width = picture.shape[:2]
            column = np.floor((uv[:, 0] % 1.0) * width).astype(np.int64).clip(0, width - 1)
            row = np.floor((uv[:, 1] % 1.0) * height).astype(np.int64).clip(0, height - 1)
            light[here] *= LINEAR_LIGHT[picture[row, column]]
        return linear_to_srgb(light)

    def moved(self, vertices: Float[np.ndarray, "vertices 3"]) -> ColoredMesh:
        """The same faces and colors with other vertices."""
        return ColoredMesh(
            vertices, self.faces, self.base, self.corners, self.uvs, self.picture, self.pictures,
            self.colored, self.notes,
        )  # fmt: skip


def plain(
    vertices: Float[np.ndarray, "vertices 3"],
    faces: Int[np.ndarray, "faces 3"],
    base: Sequence[float] = (GRAY, GRAY, GRAY),
    corners: Float[np.ndarray, "faces 3 3"] | None = None,
    *,
    colored: bool = True,
) -> ColoredMesh:
    """A mesh without pictures; ``base`` and ``corners`` in linear light."""
    count = len(faces)
    return ColoredMesh(
        np.asarray(vertices, dtype=np.float64),
        np.asarray(faces, dtype=np.int64),
        np.tile(np.asarray(base, dtype=np.float64), (count, 1)),
        np.ones((count, 3, 3)) if corners is None else corners,
        np.zeros((count, 3, 2)),
        np.full(count, -1),
        colored=colored,
    )


def joined(meshes: Sequence[ColoredMesh], notes: Sequence[str] = ()) -> ColoredMesh:
    """Several meshes as one; there is at least one."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    firsts = np.cumsum([0, *(len(mesh.pictures) for mesh in meshes)])
    pairs = list(zip(meshes, starts, firsts, strict=False))
    return ColoredMesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.faces + start for mesh, start, _ in pairs]),
        np.concatenate([mesh.base for mesh in meshes]),
        np.concatenate([mesh.corners for mesh in meshes]),
        np.concatenate([mesh.uvs for mesh in meshes]),
        np.concatenate(
            [np.where(mesh.picture < 0, -1, mesh.picture + first) for mesh, _, first in pairs]
        ),
        [picture for mesh in meshes for picture in mesh.pictures],
        any(mesh.colored for mesh in meshes),
        tuple(dict.fromkeys([*notes, *(note for mesh in meshes for note in mesh.notes)])),
    )


def with_area(mesh: ColoredMesh) -> Bool[np.ndarray, " faces"]:
    """Which faces are triangles at all: corners that are numbers, and not on one line."""
    corners = mesh.vertices[mesh.faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return np.isfinite(corners).all(axis=(1, 2)) & (np.abs(cross).max(axis=1) > 0.0)
