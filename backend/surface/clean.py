"""What the contour has and the object does not: specks and hidden cavities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..progress import CancelToken
from .geometry import face_areas, signed_volumes, winding_number
from .topology import Faces, NewFaces, NewVertices, Vertices, compact, label_parts


@dataclass(frozen=True)
class CleanConfig:
    """What counts as dirt."""

    speck_share: float = 0.002
    """A part with less than this share of the largest part's surface is a speck. A ball of 5 cm
    beside a toy of 1 m (0.6%) stays."""
    max_parts: int = 64
    """Parts that are kept at most, largest first: fog becomes hundreds of crumbs."""


def drop_specks_and_cavities(
    vertices: Vertices, faces: Faces, config: CleanConfig, cancel: CancelToken
) -> tuple[NewVertices, NewFaces, int, int]:
    """Keep the outer surfaces of the parts that are large enough.

    Returns:
        Vertices, faces, the number of specks dropped, the number of inner surfaces dropped.
    """
    parts, part_of_face = label_parts(faces, len(vertices))
    area = np.bincount(part_of_face, face_areas(vertices, faces), parts)
    volume = np.bincount(part_of_face, signed_volumes(vertices, faces), parts)
    large = area >= config.speck_share * area.max()
    outer = volume > 0
    order = np.argsort(-area, kind="stable")
    candidates = [int(p) for p in order if large[p] and outer[p]][: config.max_parts]
    kept: list[int] = []
    solids: list[tuple[Vertices, Faces]] = []
    hidden = int((large & ~outer).sum())
    for part in candidates:
        cancel.check()
        own = faces[part_of_face == part]
        point = vertices[own[0]].mean(axis=0).astype(np.float64)
        if any(winding_number(point, *solid) > 0.5 for solid in solids):
            hidden += 1
            continue
        kept.append(part)
        solids.append((vertices, own))
    chosen = np.isin(part_of_face, kept)
    specks = parts - len(kept) - hidden
    return *compact(vertices, faces[chosen]), specks, hidden
