"""Textures against the field that they show."""

from __future__ import annotations

import numpy as np
import pytest

from backend.atlas.bake import bake, paint
from backend.atlas.finish import Coat
from backend.atlas.tangents import corner_frames, decode
from backend.atlas.texels import TexelMap, interpolate, texel_corners, texel_map
from backend.field_reader import Reader
from backend.progress import CancelToken
from backend.prompts.materials import PLAIN, Finish
from backend.protocol.errors import Cancelled
from backend.srgb import to_bytes
from tests.surface.analytic import AnalyticField

SIZE = 128
BALL = AnalyticField(balls=((0.0, 0.0, 0.0, 0.5),))
STEPS = np.linspace(-0.3, 0.3, 9)
X, Y = (axis.reshape(-1) for axis in np.meshgrid(STEPS, STEPS, indexing="ij"))
VERTICES = np.stack([X, Y, np.sqrt(0.25 - X * X - Y * Y)], axis=1).astype(np.float32)
"""A net over the upper part of the ball: between its vertices it lies a little below."""
CORNER = (9 * np.arange(8)[:, None] + np.arange(8)).reshape(-1)
FACES = np.concatenate(
    [np.stack([CORNER, CORNER + 9, CORNER + 10], 1), np.stack([CORNER, CORNER + 10, CORNER + 1], 1)]
)
UVS = (0.5 + 1.4 * VERTICES[FACES][..., :2]).astype(np.float32)


def reader(field: AnalyticField = BALL) -> Reader:
    return Reader(field, CancelToken())


def above(texels: TexelMap) -> np.ndarray:
    """The points of the ball that the texels show: f32[texels, 3]."""
    flat = texels.read(texels.subdivided(VERTICES, FACES))
    return (0.5 * flat / np.linalg.norm(flat, axis=1, keepdims=True)).astype(np.float32)


def test_colors_are_the_fields_on_its_surface():
    baked = bake(reader(), VERTICES, FACES, UVS, SIZE, with_normals=False)
    texels = texel_map(VERTICES, FACES, UVS, SIZE)
    wanted = to_bytes(BALL.color(above(texels))).astype(int)
    off = np.abs(baked.color[texels.row, texels.column].astype(int) - wanted)
    assert len(off) > 0.6 * SIZE * SIZE and off.max() <= 3
    assert baked.normal_map is None and baked.finish_map is None


def test_normals_are_the_fields_in_the_frames_of_the_mesh():
    baked = bake(reader(), VERTICES, FACES, UVS, SIZE, with_normals=True)
    assert baked.normal_map is not None
    texels = texel_map(VERTICES, FACES, UVS, SIZE)
    local = baked.normal_map[texels.row, texels.column] / 127.5 - 1.0
    tangents, normals = (
        interpolate(
            texel_corners(UVS, SIZE), frame, texels.triangle // texels.children, texels.place
        )
        for frame in corner_frames(VERTICES, FACES, UVS)
    )
    cosine = (decode(local, tangents, normals) * 2.0 * above(texels)).sum(axis=1)
    assert np.degrees(np.arccos(cosine.clip(-1, 1))).max() < 1.5


def test_the_gutter_goes_on_as_the_chart_ends():
    texels = texel_map(VERTICES, FACES, UVS, SIZE)
    values = np.full((len(texels.row), 3), 0.5)
    picture = paint(values, texels, texels.gutter())
    covered = np.zeros((SIZE, SIZE), bool)
    covered[texels.row, texels.column] = True
    beside = covered.copy()
    beside[1:] |= covered[:-1]
    beside[:-1] |= covered[1:]
    assert (picture[beside & ~covered] == 128).all() and (beside & ~covered).any()


def test_a_coat_that_is_nowhere_makes_no_map():
    both = bake(
        reader(), VERTICES, FACES, UVS, SIZE, with_normals=False,
        coats=[Coat(Finish(1.0, 0.25), BALL)],
    )  # fmt: skip
    assert both.finish_map is None
    hat = AnalyticField(balls=((0.0, 0.0, 0.0, 0.5), (0.0, 0.0, 0.5, 0.2)))
    half = bake(
        reader(hat), VERTICES, FACES, UVS, SIZE, with_normals=False, finish=PLAIN,
        coats=[Coat(Finish(1.0, 0.25), BALL)],
    )  # fmt: skip
    assert half.finish_map is not None
    assert half.finish_map[SIZE // 2, SIZE // 2, 2] > 200, "the tip is the hat's metal"


def test_a_cancel_is_heard():
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        bake(Reader(BALL, cancel), VERTICES, FACES, UVS, SIZE, with_normals=False)
