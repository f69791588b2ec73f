"""Texels go where colors change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from backend.atlas.bake import bake
from backend.atlas.detail import LEAST, MOST, texel_scale
from backend.atlas.unwrap import unwrap
from backend.field_reader import Reader
from backend.progress import CancelToken
from backend.protocol.errors import Cancelled
from backend.surface.contour import contour
from backend.surface.face_fit import fit_faces
from backend.surface.geometry import face_areas
from backend.surface.simplify import decimate
from backend.surface.topology import Faces, Vertices

from ..surface.analytic import AnalyticField

SIZE = 256
EYE = np.array([0.12, -0.55, 0.45])
"""On the head."""
RADIUS = 0.1


@dataclass
class OneEyed(AnalyticField):
    """A plain body with a dark eye."""

    contrast: float = 1.0

    def color(self, points: np.ndarray) -> np.ndarray:
        off = np.linalg.norm(points - EYE.astype(points.dtype), axis=1) - RADIUS
        dark = self.contrast / (1.0 + np.exp(np.clip(off / 0.004, -50.0, 50.0)))
        return np.repeat(0.9 - 0.8 * dark[:, None], 3, axis=1).astype(np.float32)


def mesh_of(field: AnalyticField) -> tuple[Reader, Vertices, Faces]:
    reader = Reader(field, CancelToken())
    surface = contour(reader.dense(64), field.level, field.bound, reader.cancel)
    vertices, faces = decimate(*surface, 3000, reader.cancel)
    return reader, fit_faces(reader, vertices, faces, 0.03), faces


def test_texels_lie_denser_where_the_color_changes_and_within_bounds():
    reader, vertices, faces = mesh_of(OneEyed())
    scale = texel_scale(reader, vertices, faces)
    rim = np.abs(np.linalg.norm(vertices - EYE, axis=1) - RADIUS) < 0.02
    plain = np.linalg.norm(vertices - EYE, axis=1) > 3 * RADIUS
    assert scale[rim].min() > 1.3 * scale[plain].max()
    assert LEAST <= scale.min() and scale.max() <= MOST


@pytest.mark.parametrize("contrast", [0.0, 0.01])
def test_what_has_hardly_any_color_is_laid_out_evenly(contrast: float):
    reader, vertices, faces = mesh_of(OneEyed(contrast=contrast))
    scale = texel_scale(reader, vertices, faces)
    assert scale.max() / scale.min() < 1.1


def test_the_texture_comes_nearer_to_the_field():
    reader, vertices, faces = mesh_of(OneEyed())
    draw = np.random.default_rng(0)
    area = face_areas(vertices.astype(float), faces)
    face = draw.choice(len(faces), 20_000, p=area / area.sum())
    share = draw.dirichlet(np.ones(3), len(face))[:, :, None]
    truth = reader.color((vertices[faces[face]] * share).sum(axis=1))
    error = []
    for scale in (None, texel_scale(reader, vertices, faces)):
        uvs = unwrap(vertices, faces, SIZE, reader.cancel, "own", scale).uvs
        texture = bake(reader, vertices, faces, uvs, SIZE, with_normals=False).color
        shown = bilinear(texture, (uvs[face] * share).sum(axis=1))
        error.append(np.sqrt(((shown - truth) ** 2).mean()))
    assert error[1] < 0.85 * error[0]


def test_a_cancel_is_heard():
    reader, vertices, faces = mesh_of(OneEyed())
    reader.cancel.cancel()
    with pytest.raises(Cancelled):
        texel_scale(reader, vertices, faces)


def bilinear(texture: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Colors in [0, 1] at UVs (v up)."""
    place = np.stack([1.0 - uv[:, 1], uv[:, 0]], axis=1) * len(texture) - 0.5
    low = np.floor(place).astype(int)
    share = (place - low)[:, :, None]
    corner = {
        (i, j): texture[tuple((low + np.array([i, j])).clip(0, len(texture) - 1).T)] / 255.0
        for i in (0, 1)
        for j in (0, 1)
    }
    top, bottom = (corner[i, 0] * (1.0 - share[:, 1]) + corner[i, 1] * share[:, 1] for i in (0, 1))
    return top * (1.0 - share[:, 0]) + bottom * share[:, 0]
