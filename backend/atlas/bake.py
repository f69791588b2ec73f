"""Textures: the field's color, and on request its normals, at every texel a chart covers."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from ..field_reader import Reader
from ..prompts.materials import PLAIN, Finish
from ..shapes import Float, UInt8
from ..srgb import to_bytes
from ..surface.project import GRADIENT_STEP
from ..surface.topology import Faces, Vertices
from .finish import Coat, finish_at
from .gutter import Gutter
from .tangents import corner_frames, encode
from .texels import TexelMap, interpolate, texel_corners, texel_map

Texture = UInt8[np.ndarray, "size size 3"]


def paint(values: Float[np.ndarray, "texels 3"], texels: TexelMap, gutter: Gutter) -> Texture:
    """A texture of the texels' values, which are in [0, 1]."""
    picture = np.zeros((texels.size, texels.size, 3), dtype=np.uint8)
    picture[texels.row, texels.column] = to_bytes(values)
    gutter.fill(picture)
    return picture


class Baked(NamedTuple):
    """The textures of a mesh; None: not wanted, or there is nothing to say."""

    color: Texture
    """The field's colors, sRGB."""
    normal_map: Texture | None
    """Tangent space, +Y up, linear."""
    finish_map: Texture | None
    """Metal (blue) and roughness (green), as glTF has them, linear."""


def bake(
    reader: Reader,
    vertices: Vertices,
    faces: Faces,
    uvs: Float[np.ndarray, "faces 3 2"],
    size: int,
    *,
    with_normals: bool,
    finish: Finish = PLAIN,
    coats: Sequence[Coat] = (),
) -> Baked:
    """Textures of a mesh of triangles.

    Args:
        finish: The whole object's.
        coats: The finishes of parts; where one is found there is a finish map.

    Raises:
        Cancelled: asked to stop.
    """
    texels = texel_map(vertices, faces, uvs, size)
    reader.cancel.check()
    surface = texels.snapped(reader, vertices, faces)
    reader.cancel.check()
    # Both leave Python's lock alone, so the gutter is found while the colors are read.
    with ThreadPoolExecutor(1) as other:
        finding = other.submit(texels.gutter)
        colors = texels.colors(reader, surface)
        gutter = finding.result()
    texture = paint(colors, texels, gutter)
    finish_map = None
    if coats and (finishes := finish_at(reader, surface.vertices, finish, coats)) is not None:
        finish_map = paint(texels.read(finishes), texels, gutter)
    if not with_normals:
        return Baked(texture, None, finish_map)
    reader.cancel.check()
    normals = texels.read(reader.normals(surface.vertices, GRADIENT_STEP))
    tangents, mesh_normals = (
        interpolate(
            texel_corners(uvs, size), frame, texels.triangle // texels.children, texels.place
        )
        for frame in corner_frames(vertices, faces, uvs)
    )
    reader.cancel.check()
    encoded = 0.5 * encode(normals, tangents, mesh_normals) + 0.5
    return Baked(texture, paint(encoded, texels, gutter), finish_map)
