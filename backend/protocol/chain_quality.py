"""What is measured of a chain's one mesh: how well it shows the true objects, and where it cannot.

:mod:`backend.tracking` fills it in, messages carry it, the extension and the command line show it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

ChangeKind: TypeAlias = Literal[
    "part appears", "part vanishes", "parts join", "part splits", "handle opens", "handle closes"
]


@dataclass(frozen=True, kw_only=True)
class AlphaQuality:
    """How well the tracked mesh shows the object at one alpha, against a fresh extraction."""

    alpha: float
    chamfer_mean_pct: float
    """Mean distance between samples of the two surfaces, both ways, % of the bounding box's
    diagonal. Sampling alone makes about 0.2 of it."""
    chamfer_p95_pct: float
    normal_consistency: float
    """Mean cosine between the normals of nearest samples, both ways; 1 is perfect."""
    flipped_area_pct: float
    """Share of the area whose normal looks into the object."""
    visible_backfaces_pct: float
    """Share of the object's pixels, over twelve views, that show a face from behind."""
    farthest_pct: float
    """Largest distance from the mesh's vertices and face centres to the object, % of the diagonal;
    faces without area do not count."""
    missing_pct: float
    """Largest distance from the object's vertices and face centres to the mesh, % of the diagonal:
    of a part that the mesh lacks."""
    silhouette_iou: float
    """Intersection over union of what the two cover in pictures from eight sides; 1 is equal."""
    picture_psnr_db: float
    """PSNR of shaded, textured pictures from these sides, dB."""
    extra_pixels_pct: float
    """Pixels in which something shows where the object has nothing, % of the object's pixels."""
    missing_pixels_pct: float
    """Pixels in which the object shows where the mesh has nothing, % of the object's pixels."""
    color_mean_pct: float
    """Mean difference of the surface's color from the object's own color at the nearest place of
    its surface, % of the range of sRGB."""
    color_p95_pct: float
    """95th percentile of that difference over the surface."""


@dataclass(frozen=True, kw_only=True)
class TopologyChange:
    """Where the object itself changes its topology, which one mesh can only imitate."""

    alpha: float
    """Middle of the interval in which it happens."""
    kind: ChangeKind
    count: int = 1
    """How many parts or handles."""
