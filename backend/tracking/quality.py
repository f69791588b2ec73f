"""How well a tracked mesh shows an object: distances, normals, flips, back faces, drift.

Distances are between random samples of the two surfaces, in % of the diagonal of the reference's
bounding box. With :data:`SAMPLES` of each, two samplings of one toy are about 0.2% apart in
the mean (0.4% at the 95th percentile): that much of every figure is noise.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from ..field_reader import Points, Reader
from ..progress import CancelToken
from ..protocol.chain_quality import AlphaQuality
from ..shapes import Float, UInt8
from ..surface.geometry import face_areas, face_crosses, normalise, vertex_normals
from ..surface.topology import Faces, NewFaces, NewVertices, Vertices
from .appearance import compare
from .samples import Samples, sample_surface
from .visibility import directions, look

SAMPLES = 45_000
"""Points that are sampled on each surface."""
PROBE = 0.016
"""Step of the central differences that say which way a surface looks, metres."""
STILL = 0.001
"""A surface stays if it moves less than this along its normal, as a share of the diagonal."""


@dataclass(frozen=True)
class Distances:
    """Distances between two surfaces, both ways, in % of the reference's diagonal."""

    mean: float
    p95: float
    normal_consistency: float


def diagonal(vertices: Points) -> float:
    """Diagonal of the bounding box, metres."""
    return float(np.linalg.norm(vertices.max(axis=0) - vertices.min(axis=0)))


def distances(found: Samples, truth: Samples, size: float) -> Distances:
    """Two-way distances between samples, as shares of ``size``."""
    there, other = KDTree(truth.points).query(found.points)
    back, own = KDTree(found.points).query(truth.points)
    both = np.concatenate([there, back])
    cosine = np.concatenate(
        [
            (found.normals * truth.normals[other]).sum(1),
            (truth.normals * found.normals[own]).sum(1),
        ]
    )
    return Distances(
        mean=100.0 * float(0.5 * (there.mean() + back.mean())) / size,
        p95=100.0 * float(np.percentile(both, 95)) / size,
        normal_consistency=float(cosine.mean()),
    )


def flipped_area(reader: Reader, vertices: Vertices, faces: Faces) -> float:
    """% of the area whose normal looks towards higher density, where there is any slope."""
    middle = vertices[faces].mean(axis=1).astype(np.float32)
    outward = reader.normals(middle, PROBE)
    normal = face_crosses(vertices.astype(np.float64), faces)
    area = np.linalg.norm(normal, axis=1)
    wrong = (normalise(normal) * outward).sum(1) < -0.2
    return 100.0 * float(area[wrong].sum() / max(area.sum(), 1e-12))


def visible_backfaces(vertices: Vertices, faces: Faces, cancel: CancelToken) -> float:
    """% of the object's pixels, over all views, that show a face from behind."""
    behind = covered = 0
    for direction in directions():
        cancel.check()
        view = look(vertices, faces, direction)
        behind += int(view.behind.sum())
        covered += int((view.face >= 0).sum())
    return 100.0 * behind / max(covered, 1)


def measure(
    reader: Reader,
    alpha: float,
    vertices: Vertices,
    faces: Faces,
    truth: tuple[NewVertices, NewFaces],
    uvs: Float[np.ndarray, "faces 3 2"],
    texture: UInt8[np.ndarray, "width width 3"],
    seed: int = 0,
) -> AlphaQuality:
    """The textured mesh against a fresh extraction of the same field.

    Raises:
        Cancelled: asked to stop.
    """
    generator = np.random.default_rng(seed)
    reader.cancel.check()
    real = sample_surface(*truth, SAMPLES, generator)
    own = sample_surface(vertices, faces, SAMPLES, generator)
    reader.cancel.check()
    size = diagonal(truth[0])
    found = distances(own, real, size)
    looks = compare(reader, vertices, faces, uvs, texture, truth)
    return AlphaQuality(
        alpha=float(alpha),
        chamfer_mean_pct=found.mean,
        chamfer_p95_pct=found.p95,
        normal_consistency=found.normal_consistency,
        flipped_area_pct=flipped_area(reader, vertices, faces),
        visible_backfaces_pct=visible_backfaces(vertices, faces, reader.cancel),
        farthest_pct=100.0 * looks.farthest / size,
        missing_pct=100.0 * looks.missing / size,
        silhouette_iou=looks.silhouette_iou,
        picture_psnr_db=looks.psnr,
        extra_pixels_pct=looks.extra,
        missing_pixels_pct=looks.missing_pixels,
        color_mean_pct=looks.color_mean,
        color_p95_pct=looks.color_p95,
    )


def drift(positions: Sequence[Vertices], faces: Faces, size: float) -> float:
    """Mean tangential travel between neighbouring positions where the surface stays, % of size.

    A vertex's surface stays if the vertex moves less than :data:`STILL` along its normal, and so do
    all its neighbours; vertices are weighted by their area.
    """
    total = weight = 0.0
    for one, other in itertools.pairwise(positions):
        one, other = one.astype(np.float64), other.astype(np.float64)
        normal = normalise(vertex_normals(one, faces) + vertex_normals(other, faces))
        moved = other - one
        along = (moved * normal).sum(1)
        moving = np.abs(along) > STILL * size
        touched = np.zeros(len(one), dtype=bool)
        touched[faces[moving[faces].any(axis=1)]] = True
        area = np.minimum(face_areas(one, faces), face_areas(other, faces))
        share = np.bincount(faces.reshape(-1), np.repeat(area, 3), len(one)) * ~touched
        travel = np.linalg.norm(moved - along[:, None] * normal, axis=1)
        total += float((travel * share).sum())
        weight += float(share.sum())
    return 100.0 * total / max(weight, 1e-12) / size
