"""Hide what is seen from behind.

Where a mesh has to span a hole or a gap, or to lay an absent part flat, its two sides lie on each
other, and one may show through the other. Each place where a face is seen from behind is pushed
along the face's normal, away from the eye, until the other side covers it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..progress import CancelToken
from ..surface.geometry import face_crosses, normalise
from ..surface.topology import Faces, Vertices
from .visibility import directions, look


@dataclass(frozen=True)
class TuckConfig:
    """How hidden back faces are tucked in; lengths in metres."""

    rounds: int = 6
    views: int = 21
    """Over the sphere, all at other places than those of :mod:`.quality`."""
    size: int = 224
    """Width and height of a view, pixels."""
    step: float = 0.004
    reach: float = 0.02
    """How far a vertex may move in all."""


def tuck(
    vertices: Vertices, faces: Faces, cancel: CancelToken, config: TuckConfig | None = None
) -> Vertices:
    """The vertices, moved where faces are seen from behind.

    Raises:
        Cancelled: asked to stop.
    """
    config = config or TuckConfig()
    views = directions(config.views)

    def behind(positions: Vertices, direction: np.ndarray) -> np.ndarray:
        """Pixels of a view in which each face is seen from behind."""
        cancel.check()
        view = look(positions, faces, direction, config.size)
        return np.bincount(view.face[view.behind], minlength=len(faces))

    start = current = best = vertices.astype(np.float64)
    seen = np.stack([behind(start, direction) for direction in views])
    first = least = int(seen.sum())
    for _ in range(config.rounds):
        troubled = np.flatnonzero(seen.any(axis=1))
        if not len(troubled):
            break
        current = _push(start, current, faces, seen.any(axis=0), config)
        # Most views show nothing from behind; they are looked at again once the others are clean.
        for view in troubled:
            seen[view] = behind(current, views[view])
        if not seen[troubled].any():
            for view in np.setdiff1d(np.arange(len(views)), troubled):
                seen[view] = behind(current, views[view])
        total = int(seen.sum())
        if total < least:
            best, least = current, total
    if least and best is not start:
        least = sum(int(behind(best, direction).sum()) for direction in views)
    return (best if least < first else start).astype(vertices.dtype)


def _push(
    start: Vertices, current: Vertices, faces: Faces, behind: np.ndarray, config: TuckConfig
) -> Vertices:
    """The corners of the faces ``behind`` go a step along those faces' normals."""
    cross = face_crosses(current, faces) * behind[:, None]
    away = np.zeros_like(current)
    for corner in range(3):
        np.add.at(away, faces[:, corner], cross)
    offset = current + config.step * normalise(away) - start
    length = np.linalg.norm(offset, axis=1, keepdims=True)
    return start + offset * np.minimum(1.0, config.reach / np.maximum(length, 1e-12))
