"""UV coordinates: charts, projection, a check for overlaps, flattening, packing.

UVs follow Blender: (0, 0) is the lower left of the texture, v up. Charts are scaled so that a
texel covers about the same surface everywhere, or as much of it as is asked for, and keep
``PADDING`` texels free on each side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..progress import CancelToken
from ..protocol.options import Unwrapper
from ..shapes import Float, Int
from ..surface.geometry import face_areas, face_crosses, normalise
from ..surface.topology import Faces, Polygons, Vertices, triangulated
from .charts import Labels, directions, neighbour_faces, segment, split_connected, split_steep
from .flatten import flatten
from .overlap import overlapping_faces
from .pack import drop_in_order, outlines_of
from .xatlas_charts import xatlas_charts

PADDING = 2.0
"""Texels free on each side of a chart: bilinear filtering and one mipmap level stay inside."""
CELLS = 384
"""Cells across the texture in which charts are packed."""
WIDTHS = np.linspace(0.86, 1.1, 7)
"""Widths of the packing that are tried, as shares of the cells."""
EXPECTED_UTILISATION = 0.5
"""Share of the texture that charts cover: packed again if they reach much less."""
TURNS = 12
"""Angles, over 90 degrees, among which a chart's smallest bounding box is sought."""


@dataclass(frozen=True)
class Unwrapped:
    """UV coordinates of every corner, and which chart each face is in."""

    uvs: Float[np.ndarray, "faces corners 2"]
    chart_of_face: Int[np.ndarray, " faces"]


def unwrap(
    vertices: Vertices,
    faces: Polygons,
    texture_size: int,
    cancel: CancelToken,
    unwrapper: Unwrapper = "own",
    scale: Float[np.ndarray, " vertices"] | None = None,
) -> Unwrapped:
    """Unfold a mesh into the unit square without overlaps.

    Args:
        faces: Triangles or quads; no seam cuts through a quad.
        unwrapper: Who cuts the mesh into charts and flattens them; xatlas takes triangles only.
        scale: Texels a metre at each vertex, relative to each other; None: the same everywhere.
            A chart of xatlas's has the mean of its own.

    Raises:
        Cancelled: asked to stop.
        MissingDependency: xatlas is wanted and not installed.
    """
    vertices = vertices.astype(np.float64)
    triangles = triangulated(faces)
    neighbours = neighbour_faces(triangles)
    wanted = np.ones(len(triangles)) if scale is None else scale[triangles].mean(axis=1)
    if unwrapper == "xatlas":
        flat, labels = xatlas_charts(vertices, triangles, texture_size, cancel)
    else:
        flat, labels = _own_charts(vertices, faces, triangles, neighbours, wanted, cancel)
    area = wanted**2 * face_areas(vertices, triangles)
    flat = _fit(flat, labels, neighbours, area)
    cancel.check()
    uvs = _pack(flat, labels, neighbours, area, texture_size, cancel)
    if faces.shape[1] == 4:
        uvs = np.concatenate([uvs[::2], uvs[1::2, 2:]], axis=1)
    return Unwrapped(uvs, labels[:: faces.shape[1] - 2])


def _own_charts(
    vertices: Vertices,
    polygons: Polygons,
    faces: Int[np.ndarray, "triangles 3"],
    neighbours: Int[np.ndarray, "triangles 3"],
    scale: Float[np.ndarray, " triangles"],
    cancel: CancelToken,
) -> tuple[Float[np.ndarray, "triangles 3 2"], Int[np.ndarray, " triangles"]]:
    """Each chart in a plane, its triangles counter-clockwise, and the chart of each triangle.

    Charts are made of whole polygons; what is flat is made of their triangles, ``faces``.
    """
    crosses, around = face_crosses(vertices, polygons), neighbour_faces(polygons)
    own = segment(crosses, around)
    each = len(faces) // len(polygons)
    while True:
        cancel.check()
        direction, labels = directions(own, crosses), np.repeat(own, each)
        flat = _project(vertices, faces, labels, direction)
        depth = (vertices[faces].mean(axis=1) * direction[labels]).sum(-1)
        above = overlapping_faces(flat, depth, faces, labels, neighbours)
        above = above.reshape(-1, each).any(axis=1) & (np.bincount(own)[own] > 1)
        if not above.any():
            break
        # Of a chart whose polygons all lie above others, each is a chart of its own.
        alone = np.where(np.bincount(own, ~above)[own] == 0, np.arange(len(own)), 0)
        own = split_connected(own + (own.max() + 1) * above * (1 + alone), around)
        own = split_steep(own, normalise(crosses), crosses, around)
    cancel.check()
    return flatten(vertices, faces, labels, neighbours, flat, depth, scale), labels


def _project(
    vertices: Vertices,
    faces: Faces,
    labels: Labels,
    direction: Float[np.ndarray, "charts 3"],
) -> Float[np.ndarray, "faces 3 2"]:
    """Corners in their chart's plane, metres; counter-clockwise faces stay so."""
    helper = np.eye(3)[np.abs(direction).argmin(axis=1)]
    right = normalise(np.cross(helper, direction))
    up = np.cross(direction, right)
    corners = vertices[faces]
    return np.stack([(corners * axis[labels][:, None]).sum(-1) for axis in (right, up)], axis=-1)


def _fit(
    flat: Float[np.ndarray, "faces 3 2"],
    labels: Labels,
    neighbours: Int[np.ndarray, "faces 3"],
    area: Float[np.ndarray, " faces"],
) -> Float[np.ndarray, "faces 3 2"]:
    """Turn each chart to its smallest bounding box, upright, at the area of its faces."""
    edges, bounds = _borders(flat, labels, neighbours)
    a, b = flat[:, 1] - flat[:, 0], flat[:, 2] - flat[:, 0]
    flat_area = 0.5 * np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
    starts, count = bounds[:-1], len(bounds) - 1
    scale = np.sqrt(
        np.bincount(labels, area, count) / np.maximum(np.bincount(labels, flat_area, count), 1e-12)
    )
    angles = np.arange(2 * TURNS) * (np.pi / 2 / TURNS)
    cosine, sine = np.cos(angles), np.sin(angles)
    x = edges[:, 0] @ np.stack([cosine, -sine])
    y = edges[:, 0] @ np.stack([sine, cosine])
    width, height = (
        np.maximum.reduceat(side, starts) - np.minimum.reduceat(side, starts) for side in (x, y)
    )
    best = (width * height * np.where(height >= width, 1.0, 1.0 + 1e-6)).argmin(axis=1)
    c, s = (cosine[best] * scale)[labels][:, None], (sine[best] * scale)[labels][:, None]
    return np.stack(
        [flat[..., 0] * c - flat[..., 1] * s, flat[..., 0] * s + flat[..., 1] * c], axis=-1
    )


def _pack(
    flat: Float[np.ndarray, "faces 3 2"],
    labels: Labels,
    neighbours: Int[np.ndarray, "faces 3"],
    area: Float[np.ndarray, " faces"],
    texture_size: int,
    cancel: CancelToken,
) -> Float[np.ndarray, "faces 3 2"]:
    """Move the charts into the unit square, as large as they fit with their padding."""
    edges, bounds = _borders(flat, labels, neighbours)
    low = np.minimum.reduceat(edges.min(axis=1), bounds[:-1])
    high = np.maximum.reduceat(edges.max(axis=1), bounds[:-1])
    cells = min(texture_size, CELLS)
    texels = texture_size * np.sqrt(EXPECTED_UTILISATION / float(area.sum()))  # per metre
    while True:
        cell = texture_size / cells / texels
        margin = PADDING / (0.9 * texels)
        cancel.check()
        outlines = outlines_of(edges, bounds, cell, margin)
        layouts = drop_in_order(outlines, [int(share * cells) for share in WIDTHS])
        side = min((layout.side for layout in layouts), default=2 * cells)
        reached = texture_size / (side * cell)
        if layouts and reached >= 0.9 * texels:
            break
        texels = min(reached, 0.9 * texels)
    best = min(layouts, key=lambda layout: layout.side)
    sign = np.where(best.turned, -1.0, 1.0)
    # A turned chart starts at its far corner.
    origin = np.where(best.turned[:, None], high, low)
    moved = (flat - origin[labels][:, None]) * sign[labels][:, None, None] + margin
    return ((moved + (best.place * cell)[labels][:, None]) / (side * cell)).astype(np.float32)


def _borders(
    flat: Float[np.ndarray, "faces 3 2"],
    labels: Labels,
    neighbours: Int[np.ndarray, "faces 3"],
) -> tuple[Float[np.ndarray, "edges 2 2"], Int[np.ndarray, " charts_and_one"]]:
    """Border edges sorted by chart, and where each chart's begin."""
    other = labels[np.maximum(neighbours, 0)]
    face, corner = np.nonzero((neighbours < 0) | (other != labels[:, None]))
    order = np.argsort(labels[face], kind="stable")
    face, corner = face[order], corner[order]
    edges = np.stack([flat[face, corner], flat[face, (corner + 1) % 3]], axis=1)
    return edges, np.searchsorted(labels[face], np.arange(int(labels.max()) + 2))
