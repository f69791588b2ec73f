"""How far a tracked mesh looks like the object, as a person sees it.

Mean distances do not see a stick beside a pig: it has a thousandth of the surface. So the farthest
place of the mesh is measured, and shaded, textured pictures of both are compared from eight sides.
A pixel is the mean of four samples, as a renderer's is: with one, an outline that is a tenth of a
pixel off, which nobody sees, turns a tenth of its pixels from object to ground. Faces without area
show from no side and count for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter
from scipy.spatial import KDTree

from ..field_reader import Points, Reader
from ..shapes import Bool, Float, UInt8
from ..surface.geometry import face_areas, vertex_normals
from ..surface.topology import Faces, NewFaces, NewVertices, Vertices
from .samples import place_samples
from .visibility import View, directions, frame, look

VIEWS = 8
SIZE = 256
"""Pixels of a picture."""
FINER = 2
"""Samples of a pixel, each way."""
FRAME = 1.08
"""Radius that fills a picture, in radii of what is to be seen, mesh and object."""
COLORED = 10_000
"""Points of a surface whose colors are compared."""
SPREAD = 100_000
"""Points of the mesh among which a place of the object looks for its nearest."""
NEAR = 2
"""A sample is extra if the object covers none within this many pixels, missing if the mesh does."""
AREA = 1e-10
"""Square metres below which a face has no area."""
LIGHT = np.array([-0.35, 0.45, 0.82])
"""Direction of the light in a view's frame: right, up, towards the eye."""
AMBIENT = 0.35


@dataclass(frozen=True)
class Appearance:
    """What a person sees of the difference."""

    farthest: float
    """Largest distance from the mesh's vertices and face centres to the object, metres."""
    missing: float
    """Largest distance from the object's vertices and face centres to the mesh, metres."""
    silhouette_iou: float
    """Intersection over union of the covered samples of all views; 1 is equal."""
    psnr: float
    """PSNR of all pictures together, dB, on a white ground."""
    extra: float
    """Samples in which something shows where the object has nothing, % of the object's."""
    missing_pixels: float
    """Samples in which the object shows where the mesh has nothing, % of the object's."""
    color_mean: float
    """Mean difference of the surface's color from the object's at the nearest place, % of sRGB."""
    color_p95: float
    """Its 95th percentile over the surface: color that has bled over a part shows here."""


@dataclass(frozen=True)
class Camera:
    """An orthographic view of what is within ``radius`` of ``centre``, metres."""

    direction: Float[np.ndarray, "3"]
    """Unit, from the object to the eye."""
    centre: Float[np.ndarray, "3"]
    radius: float
    size: int = SIZE
    """Pixels, each way."""

    def look(self, vertices: Vertices, faces: Faces) -> View:
        """What is seen at every sample, :data:`FINER` each way of a pixel."""
        return look(vertices, faces, self.direction, FINER * self.size, self.centre, self.radius)


def mesh_picture(
    vertices: Vertices,
    faces: Faces,
    uvs: Float[np.ndarray, "faces 3 2"],
    texture: UInt8[np.ndarray, "width width 3"],
    camera: Camera,
) -> tuple[View, Float[np.ndarray, "size size 3"]]:
    """A textured mesh, shaded, on white: its samples, and the picture; sRGB in [0, 1]."""
    view = camera.look(vertices, faces)
    colors = _texels(texture, view.read(uvs.astype(np.float64)))
    return view, _picture(view, camera.direction, vertices, faces, colors)


def object_picture(
    reader: Reader, surface: tuple[NewVertices, NewFaces], camera: Camera
) -> tuple[View, Float[np.ndarray, "size size 3"]]:
    """The reader's object, whose ``surface`` was extracted, shaded, on white: its samples, and the
    picture; sRGB in [0, 1]."""
    vertices, faces = surface
    view = camera.look(vertices, faces)
    place = view.read(vertices[faces].astype(np.float64))
    colors = reader.color(place.astype(np.float32))
    return view, _picture(view, camera.direction, vertices, faces, colors)


def compare(
    reader: Reader,
    vertices: Vertices,
    faces: Faces,
    uvs: Float[np.ndarray, "faces 3 2"],
    texture: UInt8[np.ndarray, "width width 3"],
    truth: tuple[NewVertices, NewFaces],
) -> Appearance:
    """The mesh with its texture against a fresh extraction of the reader's field.

    Raises:
        Cancelled: asked to stop.
    """
    true_vertices, true_faces = truth
    centre = 0.5 * (true_vertices.min(axis=0) + true_vertices.max(axis=0)).astype(np.float64)
    shown = np.concatenate([true_vertices, vertices[np.unique(_with_area(vertices, faces))]])
    radius = FRAME * float(np.linalg.norm(shown - centre, axis=1).max())
    both = either = extra = missing = covered = 0
    square = 0.0
    for direction in directions(VIEWS):
        reader.cancel.check()
        camera = Camera(direction, centre, radius)
        own, picture = mesh_picture(vertices, faces, uvs, texture, camera)
        real, true_picture = object_picture(reader, truth, camera)
        one, other = own.covered, real.covered
        both += int((one & other).sum())
        either += int((one | other).sum())
        covered += int(other.sum())
        extra += _alone(one, other)
        missing += _alone(other, one)
        square += float(((picture - true_picture) ** 2).mean()) / VIEWS
    off = color_differences(reader, vertices, faces, uvs, texture, truth)
    return Appearance(
        farthest=farthest(vertices, faces, true_vertices, true_faces),
        missing=missing_part(vertices, faces, true_vertices, true_faces),
        silhouette_iou=both / max(either, 1),
        psnr=-10.0 * float(np.log10(max(square, 1e-10))),
        extra=100.0 * extra / max(covered, 1),
        missing_pixels=100.0 * missing / max(covered, 1),
        color_mean=float(off.mean()),
        color_p95=float(np.percentile(off, 95)),
    )


def _alone(one: Bool[np.ndarray, "size size"], other: Bool[np.ndarray, "size size"]) -> int:
    """Samples of ``one`` that have none of ``other`` near them."""
    near = np.asarray(maximum_filter(other, 2 * NEAR * FINER + 1), dtype=bool)
    return int((one & ~near).sum())


def color_differences(
    reader: Reader,
    vertices: Vertices,
    faces: Faces,
    uvs: Float[np.ndarray, "faces 3 2"],
    texture: UInt8[np.ndarray, "width width 3"],
    truth: tuple[NewVertices, NewFaces],
) -> Float[np.ndarray, " samples"]:
    """How much the colors of points spread evenly over the textured surface differ from the
    object's own color where its surface is nearest: mean of the three channels, % of sRGB."""
    points, face, shares = place_samples(vertices, faces, COLORED, np.random.default_rng(0))
    colors = _texels(texture, (uvs[face].astype(np.float64) * shares[:, :, None]).sum(axis=1))
    true_points = place_samples(*truth, 4 * COLORED, np.random.default_rng(1))[0]
    nearest = KDTree(true_points).query(points)[1]
    true_colors = reader.color(true_points[nearest].astype(np.float32))
    return 100.0 * np.abs(colors - true_colors).mean(axis=1)


def farthest(
    vertices: Vertices, faces: Faces, true_vertices: NewVertices, true_faces: NewFaces
) -> float:
    """Largest distance, metres, from the corners and centres of all faces that have an area to the
    nearest vertex or face centre of the true surface."""
    seen = _with_area(vertices, faces)
    if not len(seen):
        return 0.0
    points: Points = np.concatenate([vertices[np.unique(seen)], vertices[seen].mean(axis=1)])
    tree = KDTree(np.concatenate([true_vertices, true_vertices[true_faces].mean(axis=1)]))
    return float(tree.query(points)[0].max())


def missing_part(
    vertices: Vertices, faces: Faces, true_vertices: NewVertices, true_faces: NewFaces
) -> float:
    """Largest distance, metres, from the true surface's vertices and face centres to the mesh; to
    points of it, a few millimetres apart. Of a mesh without any area, the object's own diagonal."""
    shown = _with_area(vertices, faces)
    points = np.concatenate([true_vertices, true_vertices[true_faces].mean(axis=1)])
    if not len(shown):
        return float(np.linalg.norm(np.ptp(points, axis=0)))
    spread = place_samples(vertices, shown, SPREAD, np.random.default_rng(0))[0]
    centres, corners = vertices[shown].mean(axis=1), vertices[np.unique(shown)]
    return float(KDTree(np.concatenate([spread, centres, corners])).query(points)[0].max())


def _with_area(vertices: Vertices, faces: Faces) -> NewFaces:
    return faces[face_areas(vertices, faces) > AREA]


def _texels(
    texture: UInt8[np.ndarray, "width width 3"], uvs: Float[np.ndarray, "pixels 2"]
) -> Float[np.ndarray, "pixels 3"]:
    size = len(texture)
    column = (uvs[:, 0] * size).astype(np.int64).clip(0, size - 1)
    row = ((1.0 - uvs[:, 1]) * size).astype(np.int64).clip(0, size - 1)
    return texture[row, column].astype(np.float64) / 255.0


def _picture(
    view: View,
    direction: Float[np.ndarray, "3"],
    vertices: Vertices,
    faces: Faces,
    colors: Float[np.ndarray, "pixels 3"],
) -> Float[np.ndarray, "size size 3"]:
    """Colors in the light of a lamp beside the eye, on white."""
    lamp = LIGHT @ frame(direction)
    normal = view.read(vertex_normals(vertices.astype(np.float64), faces)[faces])
    length = np.maximum(np.linalg.norm(normal, axis=1), 1e-9)
    shade = AMBIENT + (1.0 - AMBIENT) * np.clip((normal @ lamp) / length, 0.0, 1.0)
    samples = np.ones((*view.face.shape, 3))
    samples[view.covered] = colors * shade[:, None]
    parts = [samples[row::FINER, column::FINER] for row, column in np.ndindex(FINER, FINER)]
    return np.mean(parts, axis=0)
