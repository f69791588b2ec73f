"""Fewer faces, same shape: quadric decimation, and repair."""

from __future__ import annotations

import fast_simplification
import numpy as np

from ..cancellable import run_in_child
from ..progress import CancelToken
from ..protocol.errors import BadRequest
from .geometry import face_areas
from .topology import Faces, NewFaces, NewVertices, Vertices, compact, label_parts, repair

IN_PROCESS_FACES = 190_000
"""Up to here one call takes at most about 150 ms; above it could not be cancelled in time."""

CAREFUL, AGGRESSIVE = 3.0, 7.0
"""How fast the decimator's error threshold rises. Slowly costs 20% more time, halves the distance
to the surface and leaves few slivers; it may stop before the budget, and then the other goes on."""


_DECIMATE = """
import fast_simplification
target, haste = int(arrays.pop("target_count")), float(arrays.pop("agg"))
vertices, faces = fast_simplification.simplify(**arrays, target_count=target, agg=haste)
results = {"vertices": vertices, "faces": faces}
"""


def decimate(
    vertices: Vertices, faces: Faces, budget: int, cancel: CancelToken
) -> tuple[NewVertices, NewFaces]:
    """Decimate to at most ``budget`` faces; closed and manifold if the input is closed.

    Raises:
        Cancelled: asked to stop.
    """
    vertices = vertices.astype(np.float32)
    faces = faces.astype(np.int32)
    target, haste = budget, CAREFUL
    while len(faces) > budget:
        cancel.check()
        before = len(faces)
        if before > IN_PROCESS_FACES:
            request = {"points": vertices, "triangles": faces, "target_count": target, "agg": haste}
            found = run_in_child("decimation", _DECIMATE, request, cancel)
            vertices, faces = found["vertices"], found["faces"]
        else:
            vertices, faces, *_ = fast_simplification.simplify(
                vertices, faces, target_count=target, agg=haste
            )
        vertices, faces = repair(vertices.astype(np.float32), faces.astype(np.int32))
        if haste == AGGRESSIVE and len(faces) > 0.98 * before:
            # The decimator stops where every further collapse would turn a face over.
            return _largest_parts(vertices, faces, budget)
        if haste == AGGRESSIVE:  # repairing a pinched mesh can add a few faces
            target = int(0.95 * target)
        haste = AGGRESSIVE
    return repair(vertices, faces)


def _largest_parts(vertices: Vertices, faces: Faces, budget: int) -> tuple[NewVertices, NewFaces]:
    """As many whole parts as the budget allows, by surface area."""
    parts, part_of_face = label_parts(faces, len(vertices))
    area = np.bincount(part_of_face, face_areas(vertices, faces), parts)
    size = np.bincount(part_of_face, minlength=parts)
    order = np.argsort(-area, kind="stable")
    fits = np.cumsum(size[order]) <= budget
    if not fits[0]:
        raise BadRequest(
            f"the object cannot be drawn with {budget} faces: its largest part needs "
            f"{size[order[0]]}",
            f"ask for at least {size[order[0]]} faces",
        )
    return compact(vertices, faces[np.isin(part_of_face, order[fits])])
