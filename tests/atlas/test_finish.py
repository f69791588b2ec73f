"""Metal and roughness on the surface."""

from __future__ import annotations

import numpy as np

from backend.atlas.finish import Coat, finish_at
from backend.field_reader import Reader
from backend.mesh_pipeline import field_to_mesh
from backend.progress import CancelToken
from backend.prompts.materials import PLAIN, Finish
from backend.protocol.options import MeshOptions
from tests.surface.analytic import AnalyticField

BODY, HAT = (0.0, 0.0, -0.2, 0.5), (0.0, 0.0, 0.5, 0.3)
GOLD = Finish(1.0, 0.25)
WITH, WITHOUT = AnalyticField(balls=(BODY, HAT)), AnalyticField(balls=(BODY,))


def points(count: int = 400) -> np.ndarray:
    directions = np.random.default_rng(0).normal(size=(count, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    hat, body = (directions * ball[3] + ball[:3] for ball in (HAT, BODY))
    found = np.concatenate([hat, body]).astype(np.float32)
    return found[np.abs(WITH.distance(found)) < 0.002]


def test_a_part_is_where_the_object_has_none_without_it():
    at = points()
    found = finish_at(Reader(WITH, CancelToken()), at, PLAIN, [Coat(GOLD, WITHOUT)])
    assert found is not None
    hat = WITHOUT.distance(at) > 0.03
    body = WITHOUT.distance(at) < 0.003
    assert hat.any() and body.any()
    np.testing.assert_allclose(found[hat], [[1.0, 0.25, 1.0]] * int(hat.sum()))
    np.testing.assert_allclose(found[body], [[1.0, 0.6, 0.0]] * int(body.sum()), atol=1e-6)


def test_where_nothing_changes_there_is_no_map():
    at = points()
    assert finish_at(Reader(WITH, CancelToken()), at, PLAIN, [Coat(GOLD, WITH)]) is None


def test_armor_may_cover_most_of_who_wears_it():
    at = points()
    body = WITHOUT.distance(at) < 0.003
    at = np.concatenate([at[body][:70], at[~body][:30]])
    thinner = AnalyticField(balls=((*BODY[:3], 0.45), HAT))
    found = finish_at(Reader(WITH, CancelToken()), at, PLAIN, [Coat(GOLD, thinner)])
    assert found is not None
    assert found[:70, 2].mean() > 0.9 and found[70:, 2].mean() < 0.1


def test_an_object_that_is_another_one_altogether_says_nothing():
    at, other = points(), AnalyticField(balls=((0.5, 0.5, 0.5, 0.2),))
    assert finish_at(Reader(WITH, CancelToken()), at, PLAIN, [Coat(GOLD, other)]) is None


def test_the_map_is_baked_beside_the_texture():
    options = MeshOptions(1000, 64, 40)
    made = field_to_mesh(WITH, options, finish=PLAIN, coats=[Coat(GOLD, WITHOUT)])
    assert made.finish_map is not None and made.finish_map.shape == made.texture.shape
    metal = made.finish_map[..., 2] > 127
    assert 0.05 < metal.mean() < 0.6
    plain = field_to_mesh(WITH, options)
    assert plain.finish == PLAIN and plain.finish_map is None
    np.testing.assert_array_equal(plain.texture, made.texture)
