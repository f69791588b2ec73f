"""Cut a closed mesh into charts: connected patches that a straight projection unfolds.

Each face starts with the axis its normal is nearest to; a few rounds of voting among neighbours
straighten the borders; connected faces of one axis are a chart; charts then take over border faces
that suit them better, and crumbs join a neighbour. No face is ever more than ``LIMIT`` from its
chart's direction, so a chart cannot fold over at an edge; that it does not overlap itself further
away is checked when it has been projected (see ``unwrap``).
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from ..shapes import Bool, Float, Int
from ..surface.geometry import normalise
from ..surface.topology import Polygons, twins
from .rasterize import ranges

LIMIT = 0.25
"""Smallest cosine between a face's normal and its chart's direction: 75 degrees."""
SMOOTHNESS = 0.35
"""Weight of the three neighbours' votes against a face's own normal."""
CRUMB_FACES = 6
CRUMB_SHARE = 0.002

AXES = np.concatenate([np.eye(3), -np.eye(3)])

Labels = Int[np.ndarray, " faces"]
Neighbours = Int[np.ndarray, "faces corners"]
"""The face across each edge; -1 where there is none."""


def segment(crosses: Float[np.ndarray, "faces 3"], neighbours: Neighbours) -> Labels:
    """The chart of each face, from normals of length twice its area and the faces beside it."""
    normals = normalise(crosses)
    labels = _vote(normals, neighbours)
    labels = split_connected(labels, neighbours)
    for _ in range(3):
        labels = _merge_crumbs(labels, normals, crosses, neighbours)
        labels = _exchange(labels, normals, crosses, neighbours)
        labels = split_connected(labels, neighbours)
    labels = _merge_crumbs(labels, normals, crosses, neighbours)
    return split_steep(labels, normals, crosses, neighbours)


def directions(
    labels: Labels, crosses: Float[np.ndarray, "faces 3"]
) -> Float[np.ndarray, "charts 3"]:
    """Area-weighted mean normal of each chart."""
    count = int(labels.max()) + 1
    return normalise(np.stack([np.bincount(labels, crosses[:, k], count) for k in range(3)], 1))


def split_connected(labels: Labels, neighbours: Neighbours) -> Labels:
    """Number the connected patches of equal label."""
    face, other = _sides(neighbours)
    same = labels[face] == labels[other]
    ends = np.bincount(face[same], minlength=len(labels)).cumsum()
    graph = csr_matrix(
        (np.ones(ends[-1], np.int8), other[same], np.concatenate([[0], ends])),
        shape=(len(labels), len(labels)),
    )
    return connected_components(graph, directed=False)[1].astype(np.int64)


def neighbour_faces(faces: Polygons) -> Neighbours:
    """The face across each edge."""
    twin = twins(faces)
    return np.where(twin >= 0, twin // faces.shape[1], -1).reshape(faces.shape)


def _sides(
    neighbours: Neighbours,
) -> tuple[Int[np.ndarray, " sides"], Int[np.ndarray, " sides"]]:
    """Every side of a face that another face is beyond, and that face."""
    face, side = np.nonzero(neighbours >= 0)
    return face, neighbours[face, side]


def _vote(normals: Float[np.ndarray, "faces 3"], neighbours: Neighbours) -> Labels:
    score = normals @ AXES.T
    allowed = score >= LIMIT
    labels = score.argmax(axis=1)
    parity = np.arange(len(labels)) % 2
    face, other = _sides(neighbours)
    row = face * len(AXES)
    for turn in range(12):
        votes = np.bincount(row + labels[other], minlength=score.size).reshape(score.shape)
        wanted = np.where(allowed, score + SMOOTHNESS * votes, -np.inf).argmax(axis=1)
        # Half of the faces at a time: all at once would swap for ever along a diagonal border.
        moving = parity == turn % 2
        labels = np.where(moving & allowed.any(axis=1), wanted, labels)
    return labels


def _exchange(
    labels: Labels,
    normals: Float[np.ndarray, "faces 3"],
    crosses: Float[np.ndarray, "faces 3"],
    neighbours: Neighbours,
) -> Labels:
    """Let charts take over border faces that suit them better (Lloyd's algorithm on charts)."""
    parity = np.arange(len(labels)) % 2
    safe = np.where(neighbours >= 0, neighbours, np.arange(len(labels))[:, None]).T
    labels = labels.copy()
    for turn in range(6):
        direction = directions(labels, crosses)
        around = labels[safe]
        border = np.flatnonzero((around != labels).any(axis=0) & (parity == turn % 2))
        around = around[:, border]
        candidates = np.concatenate([labels[None, border], around])
        cosine = (direction[candidates] * normals[border]).sum(-1)
        agreeing = (candidates[:, None] == around).sum(axis=1)
        score = np.where(cosine >= LIMIT, cosine + SMOOTHNESS * agreeing, -np.inf)
        labels[border] = candidates[score.argmax(axis=0), np.arange(len(border))]
    return np.unique(labels, return_inverse=True)[1].reshape(-1)


def _merge_crumbs(
    labels: Labels,
    normals: Float[np.ndarray, "faces 3"],
    crosses: Float[np.ndarray, "faces 3"],
    neighbours: Neighbours,
) -> Labels:
    """Join small charts to the neighbour with the longest common border that can take them."""
    face, other = _sides(neighbours)
    face_area = np.linalg.norm(crosses, axis=1)
    for _ in range(3):
        count = int(labels.max()) + 1
        area, size = np.bincount(labels, face_area, count), np.bincount(labels, minlength=count)
        crumb = (size < CRUMB_FACES) | (area < CRUMB_SHARE * area.sum())
        border = (labels[face] != labels[other]) & crumb[labels[face]]
        pairs, shared = np.unique(
            labels[face[border]] * count + labels[other[border]], return_counts=True
        )
        if not len(pairs):
            break
        small, large = np.divmod(pairs, count)
        # The crumb's face that suits the neighbour least decides.
        pair, offset = ranges(size[small])
        member = np.argsort(labels, kind="stable")[(size.cumsum() - size)[small][pair] + offset]
        cosine = (normals[member] * directions(labels, crosses)[large][pair]).sum(-1)
        suits = np.minimum.reduceat(cosine, size[small].cumsum() - size[small]) >= LIMIT
        suits &= ~crumb[large] | (area[large] >= area[small])
        target = np.arange(count)
        order = np.argsort(-shared, kind="stable")
        order = order[suits[order]]
        for crumb_chart, chart in zip(
            *(side[order].tolist() for side in (small, large)), strict=True
        ):
            if target[crumb_chart] == crumb_chart and target[chart] == chart:
                target[crumb_chart] = chart
        if (target == np.arange(count)).all():
            break
        labels = np.unique(target[labels], return_inverse=True)[1].reshape(-1)
    return labels


def split_steep(
    labels: Labels,
    normals: Float[np.ndarray, "faces 3"],
    crosses: Float[np.ndarray, "faces 3"],
    neighbours: Neighbours,
) -> Labels:
    """Give faces that lean too far from their chart's direction charts of their own."""
    while True:
        steep: Bool[np.ndarray, " faces"] = (
            (directions(labels, crosses)[labels] * normals).sum(-1) < 0.5 * LIMIT
        ) & (np.bincount(labels)[labels] > 1)
        if not steep.any():
            return labels
        axis = (normals @ AXES.T).argmax(axis=1)
        moved = np.where(steep, labels.max() + 1 + axis, labels)
        divided = split_connected(moved, neighbours)
        if divided.max() == labels.max():
            # Faces without area have no direction that would tell them apart: one chart each.
            divided = np.where(steep, labels.max() + 1 + np.arange(len(labels)), labels)
            divided = np.unique(divided, return_inverse=True)[1].reshape(-1)
        labels = divided
