"""Texels show the field's color on its surface, although the mesh beside it is flat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from backend.atlas.texels import ALIKE, NEAR_ENOUGH, TexelMap, fill_between, texel_map
from backend.atlas.unwrap import unwrap
from backend.field_reader import Reader
from backend.progress import CancelToken
from backend.surface.contour import contour
from backend.surface.face_fit import fit_faces
from backend.surface.project import newton
from backend.surface.simplify import decimate
from backend.surface.topology import Faces, Vertices

from ..surface.analytic import TOY, AnalyticField

SIZE = 192
SKIN = 2e-3
"""Metres, below the surface and above it, within which the color is another one."""


@dataclass
class Painted(AnalyticField):
    """Eyes are painted on: a hair's breadth off the surface the color is another one."""

    def color(self, points: np.ndarray) -> np.ndarray:
        depth = np.clip(np.abs(self.distance(points)) / SKIN, 0.0, 1.0)[:, None]
        return (super().color(points) * (1.0 - depth)).astype(np.float32)


Coarse = tuple[Reader, Vertices, Faces, TexelMap]


@pytest.fixture(scope="module")
def coarse() -> Coarse:
    reader = Reader(Painted(balls=TOY), CancelToken())
    field = reader.field
    surface = contour(reader.dense(64), field.level, field.bound, reader.cancel)
    vertices, faces = decimate(*surface, 600, reader.cancel)
    vertices = fit_faces(reader, vertices, faces, 0.03)
    uvs = unwrap(vertices, faces, SIZE, reader.cancel).uvs
    return reader, vertices, faces, texel_map(vertices, faces, uvs, SIZE)


def test_colors_are_those_of_a_search_for_the_surface_at_every_texel(coarse: Coarse):
    reader, vertices, faces, texels = coarse
    surface = texels.snapped(reader, vertices, faces)
    position = texels.read(surface.vertices)
    truth = reader.color(newton(reader, position, 4, 0.02))
    before = np.abs(reader.color(position) - truth).max(axis=1)
    read = texels.colors_at(reader, surface, np.arange(len(texels.row)))
    error = np.abs(read - truth).max(axis=1)
    assert np.quantile(before, 0.99) > 0.5
    # What stays is what a point may be off: its share of the skin.
    assert np.quantile(error, 0.99) < 0.8 * NEAR_ENOUGH / SKIN + 0.01


def test_only_texels_off_the_surface_are_read_twice(coarse: Coarse):
    reader, vertices, faces, texels = coarse
    surface = texels.snapped(reader, vertices, faces)
    assert isinstance(reader.field, AnalyticField)
    off = np.abs(reader.field.distance(texels.read(surface.vertices))) > NEAR_ENOUGH
    reader.field.reads = 0
    texels.colors_at(reader, surface, np.arange(len(texels.row)))
    assert 0.95 * off.sum() < reader.field.reads - len(texels.row) < 1.05 * off.sum()


def test_half_of_the_texels_say_what_all_would(coarse: Coarse):
    reader, vertices, faces, texels = coarse
    surface = texels.snapped(reader, vertices, faces)
    every = texels.colors_at(reader, surface, np.arange(len(texels.row)))
    shown = texels.colors(reader, surface)
    even = (texels.row % 2 == 0) & (texels.column % 2 == 0)
    np.testing.assert_array_equal(shown[even], every[even])
    error = np.abs(shown - every).max(axis=1)
    # The farthest texel is one between two colors of the rim: how far is a matter of rounding.
    assert error.mean() < 0.2 * ALIKE and np.quantile(error, 0.99) < 4.0 * ALIKE


@pytest.mark.parametrize("size", [1, 2, 7, 12])
def test_between_texels_that_are_alike_lies_their_mean(size: int):
    generator = np.random.default_rng(size)
    planes = np.full((3, size, size), np.nan, dtype=np.float32)
    planes[:, ::2, ::2] = generator.random(planes[:, ::2, ::2].shape) * 0.2
    planes[:, 0, 0] = np.nan
    before = planes.copy()
    fill_between(planes, 0.15)
    for row, column in np.ndindex(size, size):
        rows = sorted({row - row % 2, row + row % 2})
        columns = sorted({column - column % 2, column + column % 2})
        if max(*rows, *columns, 0) >= size:
            assert np.isnan(planes[:, row, column]).all()
            continue
        around = before[:, rows][:, :, columns]
        steps = [np.abs(np.diff(around, axis=axis)).max(initial=0.0) for axis in (1, 2)]
        wanted = around.mean(axis=(1, 2)) if max(steps) <= 0.15 else np.full(3, np.nan)
        np.testing.assert_allclose(planes[:, row, column], wanted, rtol=1e-6)


def test_chosen_texels_are_read_as_all_are(coarse: Coarse):
    _, vertices, faces, texels = coarse
    values = texels.subdivided(vertices, faces)
    chosen = np.arange(5, len(texels.row), 7)
    np.testing.assert_array_equal(texels.read(values, chosen), texels.read(values)[chosen])


def test_a_part_has_the_colors_that_it_has_in_the_whole(coarse: Coarse):
    """Two toys on one layout: each alone, with vertices of its own, reads the same texels."""
    reader, vertices, faces, _ = coarse
    both = np.concatenate([vertices, vertices])
    all_faces = np.concatenate([faces, faces + len(vertices)])
    size = 2 * SIZE  # so large that the mesh is refined
    uvs = unwrap(both, all_faces, size, reader.cancel).uvs
    texels = texel_map(both, all_faces, uvs, size)
    assert texels.rounds > 0
    everything = np.arange(len(texels.row))
    whole = texels.colors_at(reader, texels.snapped(reader, both, all_faces), everything)
    seen = 0
    for first in (0, len(faces)):
        chosen = np.zeros(len(all_faces), dtype=bool)
        chosen[first : first + len(faces)] = True
        part = texels.part(chosen, vertices, faces)
        own = chosen[texels.triangle // texels.children]
        assert np.array_equal(part.row, texels.row[own])
        assert np.array_equal(part.column, texels.column[own])
        surface = part.snapped(reader, vertices, faces)
        colors = part.colors_at(reader, surface, np.arange(len(part.row)))
        np.testing.assert_allclose(colors, whole[own], atol=1e-5)
        seen += len(part.row)
    assert seen == len(texels.row)


def test_what_was_measured_on_the_way_is_the_field_s_slope(coarse: Coarse):
    reader, vertices, faces, texels = coarse
    snapped = texels.snapped(reader, vertices, faces)
    slope = np.linalg.norm(snapped.gradient, axis=1)
    assert isinstance(reader.field, AnalyticField)
    assert abs(np.median(slope) / reader.field.sharpness - 1.0) < 0.02
    assert np.abs(reader.field.distance(snapped.vertices)).max() < 1e-3
