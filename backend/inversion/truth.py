"""What a model says about points in space: signed distance and color, whatever its mesh is like.

Points are the nodes of a lattice, for there it is cheap to know what is inside: along each axis the
surfaces that a line of nodes crosses are counted, with their sign, from both ends. The mean over
the axes is a winding number, so closed parts may overlap, and a hole decides nothing. What has
outside on both its sides (a leaf, a flag) counts as :data:`THICKNESS` thick, or it would be
nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from ..atlas.rasterize import affine, rasterise
from ..progress import CancelToken
from ..shapes import Bool, Float, Int
from ..surface.geometry import face_crosses, normalise
from ..tracking.samples import place_samples
from .colored_mesh import ColoredMesh

NODES = 144
"""Nodes of the lattice along each axis."""
SAMPLES = 60_000
"""Points on the surface that distance and color are read from."""
APART = 0.015
"""How far a place may be from its nearest sample along the surface, metres."""
THICKNESS = 0.04
"""Thickness that a sheet is given, metres: more than a cell of a checkpoint's finest grid."""
SIGMA = (0.005, 0.15)
"""How far from the surface points are, metres: spread log-uniformly, as in training."""
NEAR_SHARE = 0.75
"""Share of the points that are near the surface; the others are anywhere."""
TRIANGLES = 1 << 17
"""Triangles that are looked at between two looks at the cancel token."""


@dataclass(frozen=True)
class PointTruth:
    """Points, and what is true there."""

    points: Float[np.ndarray, "points 3"]
    distance: Float[np.ndarray, " points"]
    """Distance to the surface, negative inside; metres."""
    color: Float[np.ndarray, "points 3"]
    """sRGB of the nearest place of the surface."""

    def moved(self, matrix: Float[np.ndarray, "3 3"], offset: Float[np.ndarray, "3"]) -> PointTruth:
        """The same after a turn and even scaling by ``matrix``, and a shift."""
        scale = float(np.cbrt(np.linalg.det(matrix)))
        return PointTruth(self.points @ matrix.T + offset, self.distance * scale, self.color)

    def part(self, chosen: Int[np.ndarray, " chosen"]) -> PointTruth:
        return PointTruth(self.points[chosen], self.distance[chosen], self.color[chosen])


class ModelTruth:
    """A model in the ball of radius one, read at nodes of a lattice. Its faces may look inwards.

    Raises:
        Cancelled: asked to stop.
    """

    def __init__(self, mesh: ColoredMesh, cancel: CancelToken, seed: int = 0) -> None:
        self._cancel = cancel
        self._generator = np.random.default_rng(seed)
        self.inside: Bool[np.ndarray, "x y z"] = np.abs(winding(mesh, NODES, cancel)) > 0.5
        points, face, shares = place_samples(mesh.vertices, mesh.faces, SAMPLES, self._generator)
        normals = normalise(face_crosses(mesh.vertices, mesh.faces))[face]
        step = 3.0 / (NODES - 1)
        before = self._inside_at(points + step * normals)
        behind = self._inside_at(points - step * normals)
        seen = ~(before & behind)  # what has inside on both sides is a part of other parts
        if not seen.any():
            seen[:] = True
        self._points, self._face = points[seen], face[seen]
        self._sheet = (~before & ~behind)[seen]
        self._color = mesh.color(face[seen], shares[seen])
        self._tree = KDTree(self._points)
        self._normals = normals[seen]

    @property
    def sheets(self) -> float:
        """Share of the surface that has outside on both its sides."""
        return float(self._sheet.mean())

    def draw(self, count: int) -> PointTruth:
        """Random nodes, most of them near the surface."""
        generator, near = self._generator, int(NEAR_SHARE * count)
        start = self._points[generator.integers(len(self._points), size=near)]
        sigma = SIGMA[0] * (SIGMA[1] / SIGMA[0]) ** generator.random((near, 1))
        points = start + sigma * generator.standard_normal((near, 3))
        direction = normalise(generator.standard_normal((count - near, 3)))
        radius = generator.random((count - near, 1)) ** (1 / 3)
        return self.at_nodes(_nearest_nodes(np.concatenate([points, radius * direction])))

    def at_nodes(self, nodes: Int[np.ndarray, "points 3"]) -> PointTruth:
        """The truth at some nodes of the lattice."""
        self._cancel.check()
        points = nodes * (2.0 / (NODES - 1)) - 1.0
        distance, nearest = self._tree.query(points, workers=1)
        # Between samples the surface is taken to be flat; beyond an edge it is not there.
        along = np.abs(((points - self._points[nearest]) * self._normals[nearest]).sum(1))
        beside = np.sqrt(np.maximum(distance**2 - along**2, 0.0))
        distance = np.where(beside < APART, along, distance)
        inside = self.inside[tuple(nodes.T)]
        sheet = self._sheet[nearest] & ~inside
        signed = np.where(sheet, distance - THICKNESS / 2, np.where(inside, -distance, distance))
        return PointTruth(points, signed, self._color[nearest])

    def _inside_at(self, points: Float[np.ndarray, "points 3"]) -> Bool[np.ndarray, " points"]:
        return self.inside[tuple(_nearest_nodes(points).T)]


def winding(
    mesh: ColoredMesh, nodes: int, cancel: CancelToken
) -> Float[np.ndarray, "nodes nodes nodes"]:
    """Winding number at every node of ``linspace(-1, 1, nodes)`` cubed, indexed [x, y, z].

    Raises:
        Cancelled: asked to stop.
    """
    total = np.zeros((nodes,) * 3, dtype=np.float32)
    scale = 0.5 * (nodes - 1)
    for axis in range(3):
        # Right-handed: across, up, and the axis along which is counted.
        across, up = (axis + 1) % 3, (axis + 2) % 3
        crossings = np.zeros((nodes, nodes, nodes + 1), dtype=np.int32)
        for first in range(0, len(mesh.faces), TRIANGLES):
            cancel.check()
            corners = (mesh.vertices[mesh.faces[first : first + TRIANGLES]] + 1.0) * scale
            flat = corners[:, :, [across, up]] + 0.5
            triangle, row, column = rasterise(flat, nodes)
            base, slopes = affine(flat, corners[:, :, axis, None])
            offset = np.stack([column + 0.5, row + 0.5], axis=1) - flat[triangle, 0]
            height = base[triangle, 0] + (offset * slopes[triangle, :, 0]).sum(1)
            edges = flat[:, 1:] - flat[:, :1]
            area = edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]
            # A face that looks down is where a line upwards goes in.
            sign = np.where(area < 0, 1, -1)[triangle]
            above = np.ceil(height).clip(0, nodes).astype(np.int64)
            np.add.at(crossings, (column, row, above), sign)
        below = np.cumsum(crossings, axis=2)
        count = below[:, :, :-1] - 0.5 * below[:, :, -1:]  # the mean of both ends
        total += np.moveaxis(count, (0, 1, 2), (across, up, axis))
    return total / 3.0


def _nearest_nodes(points: Float[np.ndarray, "points 3"]) -> Int[np.ndarray, "points 3"]:
    return np.rint((points + 1.0) * (0.5 * (NODES - 1))).astype(np.int64).clip(0, NODES - 1)
