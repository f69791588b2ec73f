"""Textures of a tracked chain: baked at the keys, put together around moments.

Between two textures colors are mixed. A part that waits for its moment would take on the color of
what is behind it at the next key, long before it goes. So the two keys around a moment have
textures, too: mixed from the keys beside them like all between, but what is about to go has the
color that it had at its last key, and what has just come that of its first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..atlas.bake import Texture, paint
from ..atlas.gutter import Gutter
from ..atlas.texels import TexelMap
from ..shapes import Bool, Int
from ..surface.topology import Faces
from .chain_reader import ChainReader
from .joined import Joined
from .sudden import Moment
from .tracked_mesh import mix

SEEN = 4.0
"""Mean difference of the colors of a moment's texels, in steps of a byte, from which on they are
kept apart."""


def baked(
    source: ChainReader,
    mesh: Joined,
    texels: TexelMap,
    gutter: Gutter,
    progress: Callable[[float], None] = lambda _: None,
) -> dict[float, Texture]:
    """A texture for each of the mesh's keys, of the object there.

    Args:
        texels: Of the whole mesh.

    Raises:
        Cancelled: asked to stop.
    """
    found: dict[float, Texture] = {}
    parts: dict[int, _Part] = {}
    for alpha, number in mesh.places.items():
        progress(len(found) / len(mesh.places))
        if number not in parts:
            parts[number] = _part(mesh, number, texels)
        own, faces, shown = parts[number]
        reader = source.reader(alpha)
        surface = shown.snapped(reader, mesh.positions[alpha][own], faces)
        found[alpha] = paint(shown.colors(reader, surface), shown, gutter)
    _keep_hidden(found, mesh.places, mesh.segment_of_face, texels, gutter)
    return found


class _Part(NamedTuple):
    """What shows at a key."""

    vertices: slice
    faces: Faces
    """Their corners are numbers of these vertices."""
    texels: TexelMap


def _part(mesh: Joined, number: int, texels: TexelMap) -> _Part:
    """One segment."""
    own = mesh.vertices_of(number)
    chosen = mesh.segment_of_face == number
    faces = mesh.faces[chosen] - own.start
    return _Part(own, faces, texels.part(chosen, mesh.vertices[own], faces))


def _keep_hidden(
    textures: Mapping[float, Texture],
    shown: Mapping[float, int],
    segment_of_face: Int[np.ndarray, " faces"],
    texels: TexelMap,
    gutter: Gutter,
) -> None:
    """Give the texels of segments that do not show at a key the colors that they have where they
    do, nearest to it, in place.

    Args:
        textures: At the keys.
        shown: The number of the segment that shows at each.
    """
    for segment in set(shown.values()):
        own = _texels_of(segment_of_face == segment, texels, gutter)
        keys = [alpha for alpha, number in shown.items() if number == segment]
        for alpha in set(shown).difference(keys):
            nearest = min(keys, key=lambda key: abs(key - alpha))
            textures[alpha][own] = textures[nearest][own]


def around_moments(
    textures: Mapping[float, Texture],
    moments: Mapping[tuple[float, float], Sequence[Moment]],
    faces: Faces,
    texels: TexelMap,
    gutter: Gutter,
) -> dict[float, Texture]:
    """Textures just before and just after each moment whose colors would be seen to bleed.

    Args:
        textures: At the keys.
        moments: Between two neighbouring keys.
    """
    found: dict[float, Texture] = {}
    for ends, own in moments.items():
        one, other = (textures[end] for end in ends)
        parts = [
            (moment, _texels_of(moment.own[faces].any(axis=1), texels, gutter)) for moment in own
        ]
        bleeding = [
            (moment, part)
            for moment, part in parts
            if part.any() and np.abs(one[part].astype(float) - other[part]).mean() > SEEN
        ]
        for alpha in (side for moment, _ in bleeding for side in moment.sides):
            texture = mix(one, other, (alpha - ends[0]) / (ends[1] - ends[0]))
            for moment, part in bleeding:
                texture[part] = (one if alpha < moment.alpha else other)[part]
            found[alpha] = texture
    return found


def _texels_of(
    own: Bool[np.ndarray, " faces"], texels: TexelMap, gutter: Gutter
) -> Bool[np.ndarray, "size size"]:
    """The texels of these faces, and the gutter beside them."""
    chosen = np.zeros((texels.size, texels.size), dtype=bool)
    chosen[texels.row, texels.column] = own[texels.triangle // texels.children]
    flat = chosen.reshape(-1)
    flat[gutter.empty] = flat[gutter.nearest]
    return chosen
