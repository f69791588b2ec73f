"""Make a mesh that the flow has brought to a surface lie well on it.

The flow folds nothing, but it squeezes what the surface has no room for, reaches deep hollows with
few vertices, and where a strand tore, single faces span the gap. So vertices are moved again, by a
few rounds of least squares: edges are springs, weak where the mesh is as it was in the template and
strong where it is squeezed, stretched or turned over; samples of the surface that lie far from the
mesh pull the nearest face of the same piece of the object; edges across a gap, or from piece to
piece, pull nothing, and the rims on a gap's two sides draw together, so that what spans it becomes
as thin as a needle. After each round the vertices go back to the surface by Newton steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, diags
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.sparse.linalg import splu
from scipy.spatial import KDTree

from ..field_reader import Points, Reader
from ..shapes import Bool, Float, Int
from ..surface.geometry import face_areas, face_crosses, normalise, vertex_normals
from ..surface.project import newton
from ..surface.topology import Faces, Vertices, half_edges, label_parts
from .samples import Samples, place_samples, sample_surface

SAMPLES = 25_000
"""Points that are sampled on a whole object's surface."""
OPPOSITE = 0.01
"""Half of how far apart two points in one place count whose normals are opposite, metres."""
MUCH = 0.9
"""A small piece of the surface is left as the flow has laid it if that is nearer by this factor."""
SMALL = SAMPLES // 5
"""Samples from which on a piece is not small."""


@dataclass(frozen=True)
class SettleConfig:
    """How vertices are relaxed onto a surface; lengths in metres."""

    rounds: int = 6
    reach: float = 0.03
    """How far a vertex may move in one round to get back to the surface."""
    off: float = 0.02
    """A face whose middle is farther from the surface than this spans something."""
    gap: float = 0.014
    """A sample of the surface farther than this from the mesh pulls."""
    pull: float = 2.0
    """Weight of all samples that pull one face, in springs."""
    squeezed: float = 0.05
    """A face with less than this share of its area in the template is squeezed ..."""
    stretched: float = 4.5
    """... and one with more than this multiple is stretched."""
    held: float = 100.0
    """Springs that hold a vertex where it is if all is well around it ..."""
    loose: float = 0.1
    """... and if not."""
    rim: float = 5.0
    """Springs along the rims of a gap."""
    probe: float = 0.006
    """Step of the differences that say which side of a thin sheet a vertex is on."""


class Surface:
    """Samples of the surface that a key is to show, for nearest neighbours."""

    def __init__(self, vertices: Vertices, faces: Faces, count: int = SAMPLES) -> None:
        samples: Samples = sample_surface(vertices, faces, count, np.random.default_rng(0))
        self.points, self.normals = samples.points, samples.normals
        self.piece: Int[np.ndarray, " samples"] = label_parts(faces, len(vertices))[1][samples.face]
        """Samples of one connected surface have one number."""
        self.tree = KDTree(self.points)


class Topology:
    """What is the same for all keys: edges and the template's measures.

    Args:
        samples: With how many of each surface positions are compared with an object.
    """

    def __init__(self, vertices: Vertices, faces: Faces, samples: int = SAMPLES) -> None:
        self.samples = samples
        self.vertices, self.faces = vertices.astype(np.float64), faces
        start, end = half_edges(faces)
        once = start < end
        self.first = start[once].astype(np.int64)
        self.second = end[once].astype(np.int64)
        self.length = np.linalg.norm(self.vertices[self.first] - self.vertices[self.second], axis=1)
        self.normals = vertex_normals(self.vertices, faces)
        self.area = np.maximum(face_areas(self.vertices, faces), 1e-12)
        count = len(vertices)
        self.graph = self.matrix(self.length + 1e-9)
        self.neighbours = self.matrix(np.ones(len(self.first)))
        _, self.part_of_vertex = connected_components(self.graph, directed=False)
        self.count = count

    def matrix(self, weights: Float[np.ndarray, " edges"]) -> csr_matrix:
        """Symmetric, with an entry for every edge."""
        rows = np.concatenate([self.first, self.second])
        columns = np.concatenate([self.second, self.first])
        size = len(self.vertices)
        return csr_matrix((np.tile(weights, 2), (rows, columns)), shape=(size, size))


def bring_lost(
    topology: Topology, positions: Points, arrived: Bool[np.ndarray, " vertices"]
) -> tuple[Points, Bool[np.ndarray, " vertices"]]:
    """Put every vertex that has not arrived where the nearest one that has, along the mesh, is.

    Returns:
        Positions, and which vertices are of a part that has nothing here: each such part is a
        point at its middle.
    """
    result = positions.copy()
    sources = np.flatnonzero(arrived)
    absent = ~np.isin(topology.part_of_vertex, topology.part_of_vertex[sources])
    if not arrived.all() and len(sources):
        _, _, nearest = dijkstra(
            topology.graph, indices=sources, min_only=True, return_predecessors=True
        )
        lost = ~arrived & ~absent
        result[lost] = positions[nearest[lost]]
    for part in np.unique(topology.part_of_vertex[absent]):
        own = topology.part_of_vertex == part
        result[own] = topology.vertices[own].mean(axis=0)
    return result, absent


def settle(
    reader: Reader,
    topology: Topology,
    surface: Surface,
    positions: Points,
    fixed: Bool[np.ndarray, " vertices"],
    config: SettleConfig | None = None,
) -> Points:
    """Positions on the surface with the mesh well spread over it; ``fixed`` ones stay.

    Raises:
        Cancelled: asked to stop.
    """
    config = config or SettleConfig()
    current = positions.astype(np.float64)
    _, nearest = surface.tree.query(current)
    piece = np.where(fixed, -1, surface.piece[nearest])
    facing = reader.normals(current.astype(np.float32), config.probe)
    for _ in range(config.rounds):
        reader.cancel.check()
        moved = _round(topology, surface, current, piece, config)
        moved = newton(reader, moved.astype(np.float32), 2, config.reach)
        turned = reader.normals(moved, config.probe)
        # Through a thin sheet to its other side is no way along the surface.
        stays = fixed | ((turned * facing).sum(axis=1) < 0.0)
        current = np.where(stays[:, None], current, moved)
        facing = np.where(stays[:, None], facing, turned)
    current = _nearer(topology, surface, (positions, current), piece)
    return current.astype(np.float32)


def _nearer(
    topology: Topology,
    surface: Surface,
    attempts: tuple[Points, Points],
    piece: Int[np.ndarray, " vertices"],
) -> Points:
    """The second attempt, but for the small pieces of the surface to which the first is clearly
    nearer: of a shred thin as a sheet few vertices show each side, and springs draw them to the
    other one."""
    small = np.flatnonzero(np.bincount(surface.piece) < SMALL)
    small = small[np.isin(small, piece)]
    if not len(small):
        return attempts[1]
    truth = np.column_stack([surface.points, OPPOSITE * surface.normals])
    error = np.full((2, len(small)), np.inf)
    for positions, of_attempt in zip(attempts, error, strict=True):
        own = sample_surface(positions, topology.faces, topology.samples, np.random.default_rng(1))
        points = np.column_stack([own.points, OPPOSITE * own.normals])
        corners = piece[topology.faces[own.face]]
        for index, number in enumerate(small):
            mine, real = (corners == number).all(axis=1), surface.piece == number
            if mine.any():
                there, _ = KDTree(truth[real]).query(points[mine])
                back, _ = KDTree(points[mine]).query(truth[real])
                of_attempt[index] = there.mean() + back.mean()
    first, second = error
    kept = np.isin(piece, small[first < MUCH * second])
    return np.where(kept[:, None], *attempts)


def _round(
    topology: Topology,
    surface: Surface,
    current: Points,
    piece: Int[np.ndarray, " vertices"],
    config: SettleConfig,
) -> Points:
    """One solution of the springs. ``piece`` is that of the surface which each vertex shows; -1 if
    it stays where it is."""
    cut, rim = _gaps(topology, surface, current, config)
    cut |= piece[topology.first] != piece[topology.second]
    weight = np.where(cut, 0.0, np.where(rim, config.rim, 1.0))
    springs = topology.matrix(weight)
    held = config.held * (config.loose / config.held) ** _trouble(
        topology, surface, current, config
    )
    held[piece < 0] = 1e6
    matrix = diags(np.asarray(springs.sum(axis=1)).reshape(-1) + held) - springs
    right = held[:, None] * current
    pull, goal = _pulls(topology, surface, current, piece, config)
    solver = splu((matrix + pull.T @ pull).tocsc())
    right = right + pull.T @ goal
    return np.stack([solver.solve(right[:, axis]) for axis in range(3)], axis=1)


def _gaps(
    topology: Topology, surface: Surface, current: Points, config: SettleConfig
) -> tuple[Bool[np.ndarray, " edges"], Bool[np.ndarray, " edges"]]:
    """Edges across gaps, and the short edges along the rims of gaps."""
    one, other = current[topology.first], current[topology.second]
    length = np.linalg.norm(one - other, axis=1)
    off, _ = surface.tree.query(0.5 * (one + other))
    cut = (off > np.maximum(config.off, 0.2 * length)) & (length > 2.5 * topology.length)
    at_gap = np.zeros(len(current), dtype=bool)
    at_gap[topology.first[cut]] = at_gap[topology.second[cut]] = True
    rim = ~cut & at_gap[topology.first] & at_gap[topology.second] & (length < 5 * config.off)
    return cut, rim


def _trouble(
    topology: Topology, surface: Surface, current: Points, config: SettleConfig
) -> Float[np.ndarray, " vertices"]:
    """1 at the corners of faces that are squeezed, stretched, turned over or off the surface, less
    around them, 0 where all is well."""
    cross = face_crosses(current, topology.faces)
    area = 0.5 * np.linalg.norm(cross, axis=1)
    off, nearest = surface.tree.query(current[topology.faces].mean(axis=1))
    facing = (normalise(cross) * surface.normals[nearest]).sum(1)
    change = area / topology.area
    bad = (off > config.off) | (change < config.squeezed) | (change > config.stretched)
    bad |= (facing < 0.2) & (area > 1e-9)
    trouble = np.zeros(len(current))
    trouble[topology.faces[bad]] = 1.0
    degree = np.asarray(topology.neighbours.sum(axis=1)).reshape(-1)
    for _ in range(2):
        around = (topology.neighbours @ trouble) / np.maximum(degree, 1.0)
        trouble = np.maximum(trouble, around)
    return trouble


def _pulls(
    topology: Topology,
    surface: Surface,
    current: Points,
    piece: Int[np.ndarray, " vertices"],
    config: SettleConfig,
) -> tuple[csr_matrix, Float[np.ndarray, "pulls 3"]]:
    """Weighted equations: the nearest point of the mesh is to come to a sample far from it. Only
    faces that lie on the sample's piece of the surface do: another would leave its own."""
    points, face, shares = place_samples(
        current, topology.faces, topology.samples, np.random.default_rng(1)
    )
    a, b, c = piece[topology.faces[face]].T
    found = []
    for number in range(int(surface.piece.max()) + 1):
        own = np.flatnonzero((a == number) & (b == number) & (c == number))
        asked = np.flatnonzero(surface.piece == number)
        if not len(own):
            continue
        distance, place = KDTree(points[own]).query(surface.points[asked])
        far = distance > config.gap
        found.append(np.stack([asked[far], own[np.asarray(place)[far]]]))
    far, nearest = np.concatenate(found, axis=1) if found else np.zeros((2, 0), dtype=np.int64)
    face, shares = face[nearest], shares[nearest]
    number = np.bincount(face, minlength=len(topology.faces))[face]
    root = np.sqrt(config.pull / np.maximum(number, 1))
    index: Int[np.ndarray, "pulls 3"] = topology.faces[face]
    start = np.arange(len(far) + 1) * 3
    data = (root[:, None] * shares).reshape(-1)
    matrix = csr_matrix((data, index.reshape(-1), start), shape=(len(far), len(current)))
    offset = surface.points[far] - points[nearest]
    return matrix, matrix @ current + root[:, None] * offset
