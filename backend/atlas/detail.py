"""How densely texels should lie: denser where the field's color changes, sparser where it is plain.

Where a color is smooth, a texture that is read between its texels is off by about the square of a
texel's width times how fast the color changes. Moving texels to where that is most pays until
texels a metre grow with the third root of the change. They are kept within ``LEAST`` and ``MOST``:
who paints over the texture finds texels everywhere.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import diags

from ..field_reader import Reader
from ..shapes import Float
from ..surface.geometry import face_areas
from ..surface.topology import Polygons, Vertices, links, triangulated

LEAST, MOST = 0.7, 1.6
"""Texels a metre, as shares of those that an even layout would have."""
POWER = 1.0 / 6.0
"""What the squared change is raised to: the third root of the change."""
PLAIN = 2.0
"""Change of color, whole channels a metre, below which nothing is worth moving: with 3 mm a texel
one or two steps of a byte from texel to texel."""
SHORT = 3e-3
"""Metres, about a texel: edges that are shorter count as this long."""
SPREAD = 4
"""Rounds in which neighbouring vertices share what they found, so that the layout changes slowly
and what lies between two vertices has its share."""


def texel_scale(
    reader: Reader, vertices: Vertices, faces: Polygons
) -> Float[np.ndarray, " vertices"]:
    """Texels a metre that each vertex should have, relative to each other.

    Reads the field once at every vertex.

    Raises:
        Cancelled: asked to stop.
    """
    return scale_of_slopes(squared_slopes(reader, vertices, faces), vertices, faces)


def squared_slopes(
    reader: Reader, vertices: Vertices, faces: Polygons
) -> Float[np.ndarray, " vertices"]:
    """Squared change of color a metre along the edges at each vertex, their mean."""
    color = reader.color(vertices.astype(np.float32)).astype(np.float64)
    joined = links(faces, len(vertices))
    start, end = joined.nonzero()
    change = ((color[start] - color[end]) ** 2).sum(axis=1)
    length = ((vertices[start] - vertices[end]) ** 2).sum(axis=1)
    slope = change / np.maximum(length, SHORT**2)
    count = np.maximum(np.bincount(start, minlength=len(vertices)), 1)
    return np.bincount(start, slope, len(vertices)) / count


def scale_of_slopes(
    slopes: Float[np.ndarray, " vertices"], vertices: Vertices, faces: Polygons
) -> Float[np.ndarray, " vertices"]:
    """Texels a metre for these squared slopes."""
    joined = links(faces, len(vertices))
    share = diags(1.0 / np.maximum(np.asarray(joined.sum(axis=1)).reshape(-1), 1.0)) @ joined
    for _ in range(SPREAD):
        slopes = 0.5 * (slopes + share @ slopes)
    triangles = triangulated(faces)
    area = face_areas(vertices.astype(np.float64), triangles)
    mean = np.average(slopes[triangles].mean(axis=1), weights=area)
    return np.clip(((slopes + PLAIN**2) / (mean + PLAIN**2)) ** POWER, LEAST, MOST)
