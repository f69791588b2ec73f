"""A model at fixed points as a function of its code: equal to its field, with true derivatives."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from backend.inference.linearized import LEAST, closed, silu
from backend.inference.model import NumpyModel, condition_inputs
from backend.inversion.fit import FitConfig, Objective, fit_code
from backend.inversion.truth import PointTruth
from backend.model.config import Condition, GridConfig, ModelConfig
from backend.progress import CancelToken
from tests.tiny import TINY, tiny_checkpoint

CONFIGS = {
    "linear": TINY,
    "deep": dataclasses.replace(TINY, mapping="deep", mapping_hidden=(7, 6)),
    "concatenation": dataclasses.replace(TINY, mapping="concatenation"),
    "no hidden layer": dataclasses.replace(TINY, hidden=()),
    "two hidden layers": dataclasses.replace(TINY, hidden=(9, 8)),
    "hash levels": dataclasses.replace(
        TINY, grid=GridConfig(resolutions=(5, 9), hashed=(20,), table=8)
    ),
    "conditions": dataclasses.replace(TINY, conditions=(Condition("weight", 1.0, 3.0, 2.5),)),
}


@pytest.fixture(params=list(CONFIGS.values()), ids=list(CONFIGS))
def model(request: pytest.FixtureRequest, tmp_path: Path) -> NumpyModel:
    config: ModelConfig = request.param
    return NumpyModel(tiny_checkpoint(tmp_path / "tiny.safetensors", config=config))


def _points(count: int = 60) -> np.ndarray:
    generator = np.random.default_rng(0)
    return generator.uniform(-0.55, 0.55, (count, 3))


def _embedding(model: NumpyModel) -> np.ndarray:
    shape = (model.config.tokens, model.config.width)
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


def test_values_at_points_are_the_fields(model: NumpyModel):
    embedding, points = _embedding(model), _points()
    density, color = model.field(embedding).sample(points.astype(np.float32))
    values = model.at_points(points).values(model.latent(embedding))
    np.testing.assert_allclose(values[:, 0], density, rtol=1e-4, atol=2e-3)
    np.testing.assert_allclose(0.5 + 0.5 * np.tanh(0.5 * values[:, 1:]), color, atol=1e-5)


def test_derivatives_are_differences(model: NumpyModel):
    values = model.at_points(_points(20))
    v = model.latent(_embedding(model)).astype(np.float64)
    _, jacobian = values.jacobian(v, slice(None))
    for index in range(len(v)):
        step = np.zeros_like(v)
        step[index] = 1e-2
        slope = (values.values(v + step) - values.values(v - step)) / 2e-2
        scale = max(np.abs(slope).max(), 1.0)
        np.testing.assert_allclose(jacobian[:, :, index], slope, atol=2e-2 * scale)


def test_a_code_is_all_that_an_object_depends_on(model: NumpyModel):
    codes, extra = model.code_map, condition_inputs(model.config)
    embedding = _embedding(model)
    code = codes.code(embedding, extra)
    v = codes.latent(silu(code)[0])
    np.testing.assert_allclose(v, model.latent(embedding), atol=1e-5)
    other = model.embedding_of(code)
    assert np.linalg.norm(other) <= np.linalg.norm(embedding) + 1e-5
    np.testing.assert_allclose(codes.code(other, extra), code, atol=1e-4)
    np.testing.assert_allclose(model.latent(other), model.latent(embedding), atol=1e-4)


def test_the_layers_between_code_and_v_have_true_derivatives(model: NumpyModel):
    codes = model.code_map
    opened = np.random.default_rng(2).standard_normal(codes.size)
    jacobian = codes.derivatives(opened)
    for index in range(len(opened)):
        step = np.zeros_like(opened)
        step[index] = 1e-5
        slope = (codes.latent(opened + step) - codes.latent(opened - step)) / 2e-5
        np.testing.assert_allclose(jacobian[:, index], slope, atol=1e-6)


def test_closing_undoes_silu_wherever_it_has_a_value():
    opened = np.array([LEAST, -0.2, -1e-9, 0.0, 1e-9, 0.5, 3.0, 200.0])
    np.testing.assert_allclose(silu(closed(opened))[0], opened, atol=1e-9)
    assert (closed(opened) >= -1.2785).all()


def test_a_fit_gets_nearer_whatever_the_layers_between_code_and_v(model: NumpyModel):
    codes, points = model.code_map, _points(200)
    ball = np.linalg.norm(points, axis=1) - 0.4
    truth = PointTruth(points, ball, np.full((len(points), 3), 0.5))
    config = FitConfig()
    objective = Objective(
        model.config, codes, model.at_points(points), truth, config, CancelToken()
    )
    start = codes.code(_embedding(model), condition_inputs(model.config))
    matrix, gradient = objective.normal_equations(silu(start)[0])
    assert matrix.shape == (codes.size, codes.size) and gradient.shape == (codes.size,)
    fitted = fit_code(objective, start, config, 5)
    assert fitted.loss < objective.loss(silu(start)[0])
    assert fitted.loss == pytest.approx(objective.loss(silu(fitted.code)[0]), rel=1e-6)
