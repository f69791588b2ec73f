"""The truth about a mesh in space: signed distance and nearest color, whatever the mesh is like.

Inside is where the generalised winding number is above one half (Jacobson et al. 2013; fast
evaluation Barill et al. 2018, by libigl), so closed parts may overlap and holes may be open. Faces
are of three kinds. Those of a *solid* have inside on one side only. Those of a *sheet* have outside
on both: flags, leaves, paper. A sheet counts as ``THICKNESS`` thick, or it would be nowhere inside;
it ends at its rim. *Hidden* ones have inside on both: they are parts of other parts, and nobody
sees them.

Just behind a solid's face the winding number is 1, and just behind a sheet it is one half and a
little more or less, as the sheet is bent: one half would tell solids from sheets by chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import igl
import numpy as np

from backend.shapes import Bool, Float, Int, UInt8
from backend.surface.topology import label_parts

from .mesh import HIDDEN, SHEET, SOLID, THICKNESS, Mesh, face_vectors

_STEP_OFF = 0.003
"""How far from a face the winding number tells its kind."""
_PROBES = 6000
"""Points on a mesh's faces where its kinds are looked at, on top of one a face."""
_SHEET_BELOW = 0.6
"""Mean winding number behind a face, below which it is a sheet's."""
_WELD = 1e-5
_ON_RIM = 1e-6
"""A place that is nearer than this to the rim is on it."""


@dataclass(frozen=True)
class Truth:
    """Answers about points in space for one mesh, exactly; the slow reference."""

    mesh: Mesh
    kinds: UInt8[np.ndarray, " faces"]
    _vertices: Float[np.ndarray, "vertices 3"]
    _faces: Int[np.ndarray, "faces 3"]
    """Faces in the mesh's order; those of closed parts that were inside out are turned round."""
    _visible: Int[np.ndarray, " visible"]
    """Faces that distance is measured to: all but the hidden ones."""
    _tree: igl.AABB
    _rims: _Rims

    @classmethod
    def of(cls, mesh: Mesh) -> Truth:
        """Look at the mesh's faces."""
        vertices = np.ascontiguousarray(mesh.vertices, dtype=np.float64)
        faces = _turned_outwards(vertices, mesh.faces.astype(np.int64))
        kinds = _kinds(vertices, faces)
        visible = np.flatnonzero(kinds != HIDDEN)
        if len(visible) == 0:
            visible, kinds = np.arange(len(faces)), np.full(len(faces), SHEET, dtype=np.uint8)
        tree = igl.AABB()
        tree.init(vertices, np.ascontiguousarray(faces[visible]))
        rims = _Rims.of(vertices, faces[visible], kinds[visible] == SHEET)
        return cls(mesh, kinds, vertices, faces, visible, tree, rims)

    def inside(self, points: Float[np.ndarray, "points 3"]) -> Bool[np.ndarray, " points"]:
        return winding(self._vertices, self._faces, points) > 0.5

    def nearest(
        self, points: Float[np.ndarray, "points 3"]
    ) -> tuple[
        Float[np.ndarray, " points"], Int[np.ndarray, " points"], Float[np.ndarray, "points 3"]
    ]:
        """Distance to the nearest face, that face, and the nearest point's weights on it."""
        points = np.ascontiguousarray(points, dtype=np.float64)
        seen = np.ascontiguousarray(self._faces[self._visible])
        found = self._tree.squared_distance(self._vertices, seen, points)
        squared, index, place = (np.asarray(each) for each in found)
        face = self._visible[index]
        return np.sqrt(squared), face, weights_of(self.mesh.corners[face], place)

    def signed(
        self,
        points: Float[np.ndarray, "points 3"],
        distance: Float[np.ndarray, " points"],
        face: Int[np.ndarray, " points"],
        weights: Float[np.ndarray, "points 3"],
        inside: Bool[np.ndarray, " points"],
    ) -> Float[np.ndarray, " points"]:
        """Signed distance (negative inside) from what ``nearest`` and ``inside`` found."""
        signed = np.where(inside, -distance, distance)
        sheet = np.flatnonzero(self.kinds[face] == SHEET)
        corners = self.mesh.corners[face[sheet]]
        place = np.einsum("pk,pkx->px", weights[sheet], corners)
        thick = self._rims.sheet_distance(points[sheet] - place, place, face_vectors(corners))
        signed[sheet] = np.minimum(signed[sheet], thick)
        return signed

    def query(
        self, points: Float[np.ndarray, "points 3"]
    ) -> tuple[Float[np.ndarray, " points"], UInt8[np.ndarray, "points 3"]]:
        """Signed distance (negative inside) and the nearest surface's color."""
        distance, face, weights = self.nearest(points)
        signed = self.signed(points, distance, face, weights, self.inside(points))
        return signed, self.mesh.color(face, weights)


@dataclass(frozen=True)
class _Rims:
    """Where sheets end: edges that one visible face has for itself."""

    vertices: Float[np.ndarray, "vertices 3"]
    edges: Int[np.ndarray, "edges 2"]
    tree: igl.AABB

    @classmethod
    def of(
        cls,
        vertices: Float[np.ndarray, "vertices 3"],
        faces: Int[np.ndarray, "faces 3"],
        sheet: Bool[np.ndarray, " faces"],
    ) -> _Rims:
        """A face that is there twice, for its two sides, counts once."""
        same = welded(vertices, faces)
        once = np.unique(np.sort(same, axis=1), axis=0, return_index=True)[1]
        sides = np.stack([faces[once], np.roll(faces[once], -1, axis=1)], axis=2).reshape(-1, 2)
        ends = np.stack([same[once], np.roll(same[once], -1, axis=1)], axis=2).reshape(-1, 2)
        _, back, number = np.unique(
            np.sort(ends, axis=1), axis=0, return_inverse=True, return_counts=True
        )
        alone = (number[back.reshape(-1)] == 1) & np.repeat(sheet[once], 3)
        edges = np.ascontiguousarray(sides[alone])
        tree = igl.AABB()
        if len(edges):
            tree.init(vertices, edges)
        return cls(vertices, edges, tree)

    def sheet_distance(
        self,
        offset: Float[np.ndarray, "points 3"],
        place: Float[np.ndarray, "points 3"],
        normal: Float[np.ndarray, "points 3"],
    ) -> Float[np.ndarray, " points"]:
        """Signed distance to thick sheets of points whose nearest place is known.

        Args:
            offset: From the place to the point.
            normal: The place's, of any length.
        """
        half, distance = THICKNESS / 2, np.linalg.norm(offset, axis=1)
        if len(self.edges) == 0 or len(offset) == 0:
            return distance - half
        unit = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
        off = np.abs((offset * unit).sum(1))
        beyond = np.sqrt(np.maximum(distance**2 - off**2, 0.0))
        found = self.tree.squared_distance(self.vertices, self.edges, np.ascontiguousarray(place))
        within = np.sqrt(np.asarray(found[0]))
        past = np.hypot(np.maximum(off - half, 0.0), beyond)
        return np.where(within < _ON_RIM, past, np.maximum(distance - half, -within))


def winding(
    vertices: Float[np.ndarray, "vertices 3"],
    faces: Int[np.ndarray, "faces 3"],
    points: Float[np.ndarray, "points 3"],
) -> Float[np.ndarray, " points"]:
    """Generalised winding number: 1 inside a closed part, 0 outside, between them near holes."""
    if len(points) == 0:
        return np.zeros(0)
    asked = np.ascontiguousarray(points, dtype=np.float64)
    return np.asarray(igl.fast_winding_number(vertices, faces, asked))


def weights_of(
    corners: Float[np.ndarray, "points 3 3"], place: Float[np.ndarray, "points 3"]
) -> Float[np.ndarray, "points 3"]:
    """Barycentric weights of points on triangles."""
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    offset = place - corners[:, 0]
    aa, ab, bb = (a * a).sum(1), (a * b).sum(1), (b * b).sum(1)
    ao, bo = (a * offset).sum(1), (b * offset).sum(1)
    scale = np.maximum(aa * bb - ab * ab, 1e-20)
    v = ((bb * ao - ab * bo) / scale).clip(0.0, 1.0)
    w = ((aa * bo - ab * ao) / scale).clip(0.0, 1.0 - v)
    return np.stack([1.0 - v - w, v, w], axis=1)


def welded(
    vertices: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"]
) -> Int[np.ndarray, "faces 3"]:
    """Faces whose corners are the same index where they are the same place."""
    cells = np.round(vertices / _WELD).astype(np.int64)
    return np.unique(cells, axis=0, return_inverse=True)[1].reshape(-1)[faces]


def open_edges(faces: Int[np.ndarray, "faces 3"]) -> Bool[np.ndarray, " faces"]:
    """Faces of a welded mesh with an edge that no other face runs along in the other direction."""
    solid = (
        (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    )
    count = int(faces.max()) + 1
    forth = np.stack([faces, np.roll(faces, -1, axis=1)], axis=2).reshape(-1, 2).astype(np.int64)
    forth, back = forth[:, 0] * count + forth[:, 1], forth[:, 1] * count + forth[:, 0]
    real = np.repeat(solid, 3)
    keys, inverse, number = np.unique(forth[real], return_inverse=True, return_counts=True)
    place = np.searchsorted(keys, back[real]).clip(0, len(keys) - 1) if len(keys) else inverse
    opposite = np.where(keys[place] == back[real], number[place], 0) if len(keys) else place
    open_ = np.zeros(len(real), dtype=bool)
    open_[real] = opposite != number[inverse]
    return open_.reshape(-1, 3).any(axis=1)


def _turned_outwards(
    vertices: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"]
) -> Int[np.ndarray, "faces 3"]:
    """Closed parts with their faces inside out are turned round."""
    same = welded(vertices, faces)
    _, part = label_parts(same, int(same.max()) + 1)
    corners = vertices[faces]
    volume = np.bincount(part, (corners[:, 0] * face_vectors(corners)).sum(1) / 6)
    opened = np.bincount(part, open_edges(same)) > 0
    turned = ((volume < 0) & ~opened)[part]
    return np.ascontiguousarray(np.where(turned[:, None], faces[:, ::-1], faces))


def _kinds(
    vertices: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"]
) -> UInt8[np.ndarray, " faces"]:
    """What each face is, by points just off its two sides."""
    corners = vertices[faces]
    normal = face_vectors(corners)
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    unit = normal / np.maximum(length, 1e-12)
    area = length[:, 0] / 2
    extra = (
        np.random.default_rng(0).choice(
            len(faces), min(_PROBES, 8 * len(faces)), p=area / max(area.sum(), 1e-12)
        )
        if area.sum() > 0
        else np.zeros(0, dtype=np.int64)
    )
    owner = np.concatenate([np.arange(len(faces)), extra])
    weights = np.random.default_rng(1).dirichlet((1.0, 1.0, 1.0), len(owner))
    weights[: len(faces)] = 1 / 3
    place = np.einsum("pk,pkx->px", weights, corners[owner])
    step = _STEP_OFF * unit[owner]
    numbers = winding(vertices, faces, np.concatenate([place + step, place - step]))
    front, behind = numbers[: len(owner)], numbers[len(owner) :]
    shown = (front <= 0.5) | (behind <= 0.5)
    seen = np.bincount(owner, shown, len(faces))
    deep = np.bincount(owner, shown * np.maximum(front, behind), len(faces))
    sheet = deep < _SHEET_BELOW * seen
    return np.where(seen == 0, HIDDEN, np.where(sheet, SHEET, SOLID)).astype(np.uint8)
