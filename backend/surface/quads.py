"""Quads that follow the shape, in place of triangles: closed, manifold, on the field's surface.

Instant Meshes (Jakob et al., "Instant Field-Aligned Meshes", 2015) lays them along the directions
in which the surface bends. What it leaves open, where a part is about as thin as a quad is long, is
closed here; its vertices are then fitted to the field as those of triangles are.
"""

from __future__ import annotations

import importlib.util

import numpy as np

from ..cancellable import run_in_child
from ..field_reader import Reader
from ..progress import CancelToken
from ..protocol.errors import MissingDependency, TooThin
from ..shapes import Bool, Float, Int
from .face_fit import LEAST_TURN, fit_faces
from .geometry import face_crosses, normalise, signed_volumes
from .project import newton, without_flips
from .topology import (
    Faces,
    NewVertices,
    Vertices,
    compact,
    cut_apart,
    half_edges,
    label_parts,
    pair_around_edges,
    triangulated,
    twins,
)

Quads = Int[np.ndarray, "quads 4"]
NewQuads = Int[np.ndarray, "new_quads 4"]

LEAST_QUADS = 6
"""A part of fewer quads has no inside: a cube has six."""
ATTEMPTS = ((0.95, True), (0.95, False), (0.8, True), (0.65, False))
"""Share of the budget that is asked for, and whether directions are compared in space (or along the
surface): the same shape can be closed in one way and not in another."""
SMOOTHING = 2
"""Rounds in which the vertices are evened out along the surface."""

_REMESH = """
import pynanoinstantmeshes
vertices, quads = pynanoinstantmeshes.remesh(
    arrays["vertices"], arrays["faces"], vertex_count=int(arrays["count"]), rosy=4, posy=4,
    creaseAngle=-1.0, extrinsic=bool(arrays["extrinsic"]), smooth_iter=int(arrays["smoothing"]),
    deterministic=True,
)
results = {"vertices": vertices, "quads": quads}
"""


def remesh(
    reader: Reader, vertices: Vertices, faces: Faces, budget: int
) -> tuple[NewVertices, NewQuads]:
    """Quads, ``budget`` at most, over a closed triangle mesh; vertices are on the field's surface.

    Returns:
        Vertices, and quads of which each diagonal from the first corner to the third lies on the
        surface as well as the other one.

    Raises:
        TooThin: the object cannot be covered with so few quads.
        Cancelled: asked to stop.
        MissingDependency: Instant Meshes is not installed.
        InternalError: Instant Meshes failed.
    """
    if importlib.util.find_spec("pynanoinstantmeshes") is None:
        raise MissingDependency(
            "quads need the package pynanoinstantmeshes, which is not installed (it has no build "
            "for Macs with Intel processors)",
            "set up the engine again, or choose triangles",
        )
    for share, extrinsic in ATTEMPTS:
        found, quads = _instant_meshes(
            vertices, faces, share * budget, reader.cancel, extrinsic=extrinsic
        )
        found, quads = close_holes(found, quads)
        if LEAST_QUADS <= len(quads) <= budget and is_manifold(quads):
            return _fitted(reader, found, quads)
    raise TooThin(f"The object cannot be covered with {budget} quads: parts of it are too thin.")


def is_manifold(faces: Int[np.ndarray, "faces corners"]) -> bool:
    """Whether two faces meet at every edge, no two edges join the same two vertices, and no face
    has a corner twice."""
    if not len(faces) or (twins(faces) < 0).any():
        return False
    corners = np.sort(faces, axis=1)
    return not (corners[:, 1:] == corners[:, :-1]).any()


def close_holes(vertices: Vertices, quads: Quads) -> tuple[NewVertices, NewQuads]:
    """Close every hole with a ladder of quads, and drop parts that have no inside.

    A hole of an odd number of edges, or one that every ladder would pinch, stays open.
    """
    vertices, quads = cut_apart(vertices, quads, pair_around_edges(vertices, quads))
    quads = np.concatenate([quads, *_ladders(vertices, quads)]).astype(np.int32)
    quads = _without_doublets(quads)
    if not len(quads):
        return vertices[:0], quads
    parts, part_of_face = label_parts(quads, len(vertices))
    triangles = triangulated(quads)
    volume = np.bincount(np.repeat(part_of_face, 2), signed_volumes(vertices, triangles), parts)
    kept = (np.bincount(part_of_face, minlength=parts) >= LEAST_QUADS) & (volume > 0.0)
    return compact(vertices, quads[kept[part_of_face]])


def _instant_meshes(
    vertices: Vertices, faces: Faces, quads: float, cancel: CancelToken, *, extrinsic: bool
) -> tuple[NewVertices, NewQuads]:
    """The library's quads, about so many: it lays a quarter of them, and splits each in four."""
    request = {
        "vertices": vertices.astype(np.float32),
        "faces": faces.astype(np.uint32),
        "count": max(int(quads / 4), LEAST_QUADS),
        "extrinsic": extrinsic,
        "smoothing": SMOOTHING,
    }
    found = run_in_child("laying quads", _REMESH, request, cancel)
    return found["vertices"].astype(np.float32), found["quads"].astype(np.int32)


def _ladders(vertices: Vertices, quads: Quads) -> list[NewQuads]:
    """Quads across each hole, between its two sides, in the direction that is shortest."""
    start, end = half_edges(quads)
    border = np.flatnonzero(twins(quads) < 0)
    following = dict(zip(end[border].tolist(), start[border].tolist(), strict=True))
    joined = set(zip(start.tolist(), end.tolist(), strict=True))
    found = []
    while following:
        first, after = following.popitem()
        hole = [first]
        while after != first:
            hole.append(after)
            after = following.pop(after)
        ladder = _ladder(vertices, np.array(hole), joined)
        if ladder is not None:
            found.append(ladder)
            joined |= set(zip(*(side.tolist() for side in half_edges(ladder)), strict=True))
    return found


def _ladder(
    vertices: Vertices, hole: Int[np.ndarray, " edges"], joined: set[tuple[int, int]]
) -> NewQuads | None:
    """The best ladder over a hole; None where there is none.

    Args:
        hole: Its vertices in the order of the faces that will fill it.
        joined: Vertices with an edge between them, in both orders.
    """
    half, odd = divmod(len(hole), 2)
    if odd or half < 2:
        return None
    best, least = None, np.inf
    for turn in range(half):
        one = np.roll(hole, -turn)[:half]
        other = np.roll(hole, -turn)[: -half - 1 : -1]
        rungs = zip(one[1:-1].tolist(), other[1:-1].tolist(), strict=True)
        length = float(np.linalg.norm(vertices[one] - vertices[other], axis=1).sum())
        if length < least and not any(rung in joined for rung in rungs):
            best, least = (one, other), length
    if best is None:
        return None
    one, other = best
    return np.stack([one[:-1], one[1:], other[1:], other[:-1]], axis=1)


def _without_doublets(quads: Quads) -> NewQuads:
    """Two quads around a vertex that has no others become one: they share two edges."""
    while True:
        faces_at = np.bincount(quads.reshape(-1))
        lonely = np.flatnonzero(faces_at == 2)
        corner = np.flatnonzero(np.isin(quads, lonely).reshape(-1))
        order = np.argsort(quads.reshape(-1)[corner], kind="stable")
        pairs = corner[order].reshape(-1, 2)
        touched, gone, quads = set(), [], quads.copy()
        for one, other in pairs.tolist():
            (face, k), (second, m) = divmod(one, 4), divmod(other, 4)
            opposite = quads[second, (m + 2) % 4]
            if {face, second} & touched or face == second or opposite in quads[face]:
                continue
            touched |= {face, second}
            quads[face, k] = opposite
            gone.append(second)
        if not gone:
            return quads
        quads = np.delete(quads, gone, axis=0)


def _fitted(reader: Reader, vertices: Vertices, quads: Quads) -> tuple[NewVertices, NewQuads]:
    """Vertices on the field's surface, and the quads with the better of their diagonals first."""
    start, end = half_edges(quads)
    reach = 0.5 * float(np.linalg.norm(vertices[start] - vertices[end], axis=1).mean())
    moved = newton(reader, vertices, 2, reach)
    vertices = without_flips(vertices, moved, triangulated(quads), LEAST_TURN)
    quads = _diagonals(reader, vertices, quads)
    return fit_faces(reader, vertices, triangulated(quads), reach), quads


def _diagonals(reader: Reader, vertices: Vertices, quads: Quads) -> NewQuads:
    """Each quad turned so that its first diagonal does not fold it and is near the surface."""
    turned = np.roll(quads, -1, axis=1)
    level = reader.field.level
    off = []
    for corners in (quads, turned):
        middle = 0.5 * (vertices[corners[:, 0]] + vertices[corners[:, 2]])
        off.append(np.abs(reader.pre_density(middle.astype(np.float32)) - level))
    folded, other = _folded(vertices, quads), _folded(vertices, turned)
    better = np.where(folded == other, off[1] < off[0], folded)
    return np.where(better[:, None], turned, quads)


def _folded(vertices: Vertices, quads: Quads) -> Bool[np.ndarray, " quads"]:
    """Quads whose two triangles look away from each other."""
    normals: Float[np.ndarray, "quads 2 3"] = normalise(
        face_crosses(vertices, triangulated(quads))
    ).reshape(-1, 2, 3)
    return (normals[:, 0] * normals[:, 1]).sum(axis=1) < 0.0
