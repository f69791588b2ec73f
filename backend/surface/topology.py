"""Connectivity of meshes: twins of half-edges, connected parts, repair.

Faces have three corners each, or four each where a function takes polygons. Half-edge ``3 * f + k``
of triangle ``f`` runs from corner ``k`` to corner ``(k + 1) % 3``. Faces are counter-clockwise seen
from outside. "Manifold" means that every edge belongs to exactly two faces
that run along it in opposite directions, and that the faces around a vertex form one fan.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components

from ..shapes import Float, Int, Shaped

Vertices = Float[np.ndarray, "vertices 3"]
Faces = Int[np.ndarray, "faces 3"]

Polygons = Int[np.ndarray, "faces corners"]
"""All triangles, or all quads."""

NewVertices = Float[np.ndarray, "new_vertices 3"]
NewFaces = Int[np.ndarray, "new_faces 3"]
"""What a function returns that changes the number of vertices and faces."""


def triangulated(
    corners: Shaped[np.ndarray, "faces corners *n"],
) -> Shaped[np.ndarray, "triangles 3 *n"]:
    """What polygons have at their corners (vertices, UVs), at the corners of their triangles.

    A quad ``a b c d`` is ``a b c`` and ``a c d``, one after the other.
    """
    if corners.shape[1] == 3:
        return corners
    return corners[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3, *corners.shape[2:])


def half_edges(faces: Polygons) -> tuple[Int[np.ndarray, " edges"], Int[np.ndarray, " edges"]]:
    """First and last vertex of every half-edge."""
    return faces.reshape(-1), np.roll(faces, -1, axis=1).reshape(-1)


def links(faces: Polygons, count: int) -> csr_matrix:
    """1 for every two vertices, of ``count``, that an edge joins; symmetric."""
    start, end = half_edges(faces)
    both = np.concatenate([start, end]), np.concatenate([end, start])
    found = csr_matrix((np.ones(len(both[0])), both), shape=(count, count))
    found.data[:] = 1.0
    return found


def twins(faces: Polygons) -> Int[np.ndarray, " edges"]:
    """The half-edge on the other side of each half-edge; -1 at borders and non-manifold edges."""
    start, end = half_edges(faces)
    start, end = start.astype(np.int64), end.astype(np.int64)
    count = int(faces.max()) + 1 if len(faces) else 0
    key = np.minimum(start, end) * count + np.maximum(start, end)
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    size = np.diff(np.r_[first, len(ordered)])
    a = order[first[size == 2]]
    b = order[first[size == 2] + 1]
    opposite = start[a] == end[b]
    result = np.full(len(key), -1, dtype=np.int64)
    result[a[opposite]] = b[opposite]
    result[b[opposite]] = a[opposite]
    return result


def is_closed(faces: Polygons) -> bool:
    """Whether every edge has exactly two faces that agree about their orientation."""
    return len(faces) > 0 and bool((twins(faces) >= 0).all())


def label_parts(faces: Polygons, vertices: int) -> tuple[int, Int[np.ndarray, " faces"]]:
    """Number of connected parts, and the part of each face."""
    start, end = half_edges(faces)
    graph = coo_matrix((np.ones(len(start), np.int8), (start, end)), shape=(vertices, vertices))
    _, of_vertex = connected_components(graph, directed=False)
    found, of_face = np.unique(of_vertex[faces[:, 0]], return_inverse=True)
    return len(found), of_face.reshape(-1)


def compact(vertices: Vertices, faces: Polygons) -> tuple[NewVertices, Polygons]:
    """The same mesh without the vertices that no face uses."""
    used = np.zeros(len(vertices), dtype=bool)
    used[faces.reshape(-1)] = True
    index = np.cumsum(used) - 1
    return vertices[used], index[faces].astype(np.int32)


def repair(vertices: Vertices, faces: Faces) -> tuple[NewVertices, NewFaces]:
    """Make a closed mesh manifold: decimation can fold thin parts flat and pinch them together.

    Faces that lie back to back on the same three vertices cancel; the fans of faces that meet at
    an edge or a vertex only by touching are cut apart. Where two sheets still run between the same
    two vertices, one gets a vertex in the middle (and two faces more). Parts of fewer than four
    faces are dropped.
    """
    while True:
        faces = _cancel_opposite(faces)
        if not len(faces):
            return vertices[:0], faces
        twin = pair_around_edges(vertices, faces)
        vertices, faces = cut_apart(vertices, faces, twin)
        double = _double_edges(faces, twin)
        if not double:
            break
        vertices, faces = _split_edges(vertices, faces, twin, double)
    parts, part_of_face = label_parts(faces, len(vertices))
    large = np.bincount(part_of_face, minlength=parts) >= 4
    return compact(vertices, faces[large[part_of_face]])


def cut_apart(
    vertices: Vertices, faces: Polygons, twin: Int[np.ndarray, " edges"]
) -> tuple[NewVertices, Polygons]:
    """A vertex for each fan of faces; ``twin`` says which faces are joined."""
    corners = np.arange(faces.size).reshape(faces.shape)
    following = np.roll(corners, -1, axis=1).reshape(-1)
    inner = np.flatnonzero(twin >= 0)
    # A half-edge starts where its twin ends: both corners are the same vertex.
    rows = np.concatenate([inner, following[inner]])
    columns = np.concatenate([following[twin[inner]], twin[inner]])
    size = faces.size
    graph = coo_matrix((np.ones(len(rows), np.int8), (rows, columns)), shape=(size, size))
    count, vertex_of_corner = connected_components(graph, directed=False)
    source = np.zeros(count, dtype=np.int64)
    source[vertex_of_corner] = faces.reshape(-1)
    return vertices[source], vertex_of_corner.reshape(faces.shape).astype(np.int32)


def _double_edges(faces: Faces, twin: Int[np.ndarray, " edges"]) -> list[int]:
    """One half-edge of each edge beyond the first between the same two vertices."""
    start, end = half_edges(faces)
    one = np.flatnonzero(np.arange(len(twin)) < twin)
    low, high = np.minimum(start[one], end[one]), np.maximum(start[one], end[one])
    key = low.astype(np.int64) * (int(faces.max()) + 1) + high
    _, first = np.unique(key, return_index=True)
    return np.delete(one, first).tolist()


def _split_edges(
    vertices: Vertices, faces: Faces, twin: Int[np.ndarray, " edges"], edges: list[int]
) -> tuple[NewVertices, NewFaces]:
    """Put a vertex into the middle of each edge, if neither of its faces has got one already."""
    faces = faces.copy()
    touched: set[int] = set()
    middles: list[np.ndarray] = []
    extra: list[list[int]] = []
    for edge in edges:
        sides = [edge, int(twin[edge])]
        if touched & {side // 3 for side in sides}:
            continue
        touched |= {side // 3 for side in sides}
        middle = len(vertices) + len(middles)
        ends = [faces[side // 3, side % 3] for side in sides]
        middles.append(vertices[ends].mean(axis=0))
        for side in sides:
            face, corner = divmod(side, 3)
            last, tip = faces[face, (corner + 1) % 3], faces[face, (corner + 2) % 3]
            extra.append([middle, int(last), int(tip)])
            faces[face, (corner + 1) % 3] = middle
    return (
        np.concatenate([vertices, np.array(middles, dtype=vertices.dtype)]),
        np.concatenate([faces, np.array(extra, dtype=faces.dtype)]),
    )


def _cancel_opposite(faces: Faces) -> NewFaces:
    """Drop faces with a repeated corner, and pairs of opposite faces on the same vertices."""
    distinct = (faces != np.roll(faces, 1, axis=1)).all(axis=1)
    faces = faces[distinct]
    if not len(faces):
        return faces
    lowest = faces.argmin(axis=1)
    rows = np.arange(len(faces))
    ordered = np.stack([faces[rows, (lowest + k) % 3] for k in range(3)], axis=1)
    sign = np.where(ordered[:, 1] < ordered[:, 2], 1, -1)
    _, group = np.unique(np.sort(ordered, axis=1), axis=0, return_inverse=True)
    group = group.reshape(-1)
    net = np.bincount(group, weights=sign).astype(np.int64)[group]
    wanted = np.flatnonzero((net != 0) & (np.sign(net) == sign))
    wanted = wanted[np.argsort(group[wanted], kind="stable")]
    owner = group[wanted]
    rank = np.arange(len(owner)) - np.searchsorted(owner, owner)
    return faces[np.sort(wanted[rank < np.abs(net[wanted])])]


def pair_around_edges(vertices: Vertices, faces: Polygons) -> Int[np.ndarray, " edges"]:
    """Twins, where faces at an edge of four or more are paired by their order around the edge."""
    twin = twins(faces)
    open_edges = np.flatnonzero(twin < 0)
    start, end = half_edges(faces)
    around: dict[tuple[int, int], list[int]] = {}
    for edge in open_edges.tolist():
        a, b = int(start[edge]), int(end[edge])
        around.setdefault((min(a, b), max(a, b)), []).append(edge)
    for (a, b), edges in around.items():
        _pair_one(vertices, faces, start, a, b, edges, twin)
    return twin


def _pair_one(
    vertices: Vertices,
    faces: Polygons,
    start: Int[np.ndarray, " edges"],
    a: int,
    b: int,
    edges: list[int],
    twin: Int[np.ndarray, " edges"],
) -> None:
    """Pair the half-edges between ``a`` and ``b`` so that each pair encloses solid."""
    axis = vertices[b] - vertices[a]
    axis = axis / max(float(np.linalg.norm(axis)), 1e-12)
    helper = np.eye(3)[np.abs(axis).argmin()]
    x = np.cross(axis, helper)
    y = np.cross(axis, x)
    angles = []
    for edge in edges:
        face, corner = divmod(edge, faces.shape[1])
        tip = vertices[faces[face, corner - 1]] - vertices[a]
        angles.append(float(np.arctan2(tip @ y, tip @ x)))
    ordered = [edge for _, edge in sorted(zip(angles, edges, strict=True))]
    # Angles grow counter-clockwise around a -> b, and so does the normal of a face that runs
    # along it: solid lies before that face, up to the previous one that runs from b to a.
    count = len(ordered)
    free = set(ordered)
    for position, edge in enumerate(ordered):
        if start[edge] != a or edge not in free:
            continue
        for step in range(1, count):
            other = ordered[(position - step) % count]
            if other in free and start[other] == b:
                twin[edge], twin[other] = other, edge
                free -= {edge, other}
                break
