"""What a person should know of a model before a machine learns it."""

from __future__ import annotations

import hashlib

import numpy as np

from backend.shapes import UInt8

from .mesh import SHEET, THICKNESS, Mesh
from .truth import open_edges, welded

FLAT = 0.03
"""A model thinner than this share of its largest side is flat."""
NEEDLE = 0.06
"""One whose two smaller sides are both below this share is a needle."""
HUGE = 200_000
"""Faces above which a model is called huge."""


def is_closed(mesh: Mesh) -> bool:
    """Whether every edge has a face on both sides, corners in one place taken as one."""
    return not open_edges(welded(mesh.vertices, mesh.faces)).any()


def warnings(mesh: Mesh, kinds: UInt8[np.ndarray, " faces"]) -> list[str]:
    """One or two words each, as the table shows them."""
    found = []
    small, middle, large = np.sort(np.ptp(mesh.vertices[mesh.faces].reshape(-1, 3), axis=0))
    if middle < NEEDLE * large:
        found.append("needle")
    elif small < FLAT * large:
        found.append("flat")
    areas = mesh.areas()
    if areas[kinds == SHEET].sum() > 0.5 * areas.sum():
        found.append(f"mostly sheets, {THICKNESS * 100:.1f} cm thick")
    if len(mesh.faces) > HUGE:
        found.append("huge")
    return found


def fingerprint(mesh: Mesh) -> str:
    """The same for models that look the same: positions to half a millimetre, and colors."""
    corners = np.round(mesh.corners * 2000).astype(np.int32).reshape(len(mesh.faces), 9)
    order = np.lexsort(corners.T)
    digest = hashlib.sha256(corners[order].tobytes())
    first = mesh.texels[mesh.first_texel()]
    digest.update(first[order].tobytes())
    return digest.hexdigest()
