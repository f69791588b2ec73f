"""What waits for its moment keeps its own color until it is gone."""

from __future__ import annotations

import numpy as np
import pytest

from backend.atlas.texels import TexelMap, texel_map
from backend.surface.topology import Faces
from backend.tracking.painting import around_moments
from backend.tracking.sudden import Moment

SIZE = 32
RED, GREEN, GRAY = np.array([[200, 0, 0], [0, 200, 0], [90, 90, 90]], dtype=np.uint8)
FACES: Faces = np.array([[0, 1, 2], [3, 4, 5]], dtype=np.int32)


@pytest.fixture(scope="module")
def texels() -> TexelMap:
    """Two triangles, the first in the lower left and the second in the upper right."""
    low = np.array([[0.05, 0.05], [0.4, 0.05], [0.05, 0.4]])
    uvs = np.stack([low, 1.0 - low]).astype(np.float32)
    return texel_map(np.zeros((6, 3), np.float32), FACES, uvs, SIZE)


def filled(color: np.ndarray) -> np.ndarray:
    return np.broadcast_to(color, (SIZE, SIZE, 3)).copy()


def first_goes(alpha: float) -> Moment:
    return Moment(alpha, np.arange(6) < 3)


def test_what_goes_keeps_its_color_and_the_rest_is_mixed(texels: TexelMap) -> None:
    textures = {0.0: filled(RED), 1.0: filled(GREEN)}
    moment = first_goes(0.5)
    made = around_moments(textures, {(0.0, 1.0): [moment]}, FACES, texels, texels.gutter())
    before, after = (made[side] for side in moment.sides)
    assert made.keys() == set(moment.sides)
    own, other = (SIZE - 4, 4), (3, SIZE - 4)
    np.testing.assert_array_equal(before[own], RED)
    np.testing.assert_array_equal(after[own], GREEN)
    for texture in (before, after):
        assert (texture[other][:2] > 100).all()
        assert (texture[other][:2] < 190).all()


def test_each_part_has_its_own_moment(texels: TexelMap) -> None:
    textures = {0.0: filled(RED), 1.0: filled(GREEN)}
    found = [first_goes(0.3), Moment(0.7, np.arange(6) >= 3)]
    made = around_moments(textures, {(0.0, 1.0): found}, FACES, texels, texels.gutter())
    own, other = (SIZE - 4, 4), (3, SIZE - 4)
    for alpha, texture in made.items():
        np.testing.assert_array_equal(texture[own], RED if alpha < 0.3 else GREEN)
        np.testing.assert_array_equal(texture[other], RED if alpha < 0.7 else GREEN)


def test_equal_colors_need_no_textures(texels: TexelMap) -> None:
    textures = {0.0: filled(GRAY), 1.0: filled(GRAY)}
    ends = {(0.0, 1.0): [first_goes(0.5)]}
    assert around_moments(textures, ends, FACES, texels, texels.gutter()) == {}
