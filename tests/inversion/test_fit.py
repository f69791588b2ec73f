"""The code whose object is nearest to what is true at points."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from backend.inference.linearized import Code, silu
from backend.inference.model import NumpyModel
from backend.inversion.fit import FitConfig, Objective, fit_code, nearest_starts
from backend.inversion.truth import PointTruth
from backend.progress import CancelToken
from backend.protocol.errors import Cancelled
from tests.tiny import tiny_checkpoint

# Neither truncated nor robust: half the reweighted squares are the loss itself.
SQUARES = FitConfig(truncation=1e4, density_huber=1e6, color_huber=1e6, color_band=1e6)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> NumpyModel:
    return NumpyModel(tiny_checkpoint(tmp_path_factory.mktemp("fit") / "tiny.safetensors"))


def code_of(model: NumpyModel, seed: int) -> Code:
    shape = (model.config.tokens, model.config.width)
    embedding = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return model.code_map.code(embedding, np.zeros(0))


def objective(
    model: NumpyModel, code: Code, fit: FitConfig, cancel: CancelToken | None = None
) -> Objective:
    """The truth is the object of a code: its own surface, in the units of a distance."""
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (300, 3))
    values = model.at_points(points)
    latent = model.code_map.latent(silu(code)[0])
    found = values.values(latent)
    height = (found[:, 0] - model.config.surface_level) / model.config.density_scale
    color = 0.5 + 0.5 * np.tanh(0.5 * found[:, 1:])
    truth = PointTruth(points, -height / fit.slope, color)
    return Objective(model.config, model.code_map, values, truth, fit, cancel or CancelToken())


def test_the_code_of_the_truth_has_no_loss(model: NumpyModel):
    code = code_of(model, 1)
    assert objective(model, code, FitConfig()).loss(silu(code)[0]) == pytest.approx(0.0, abs=1e-9)
    assert objective(model, code, FitConfig()).loss(silu(code_of(model, 2))[0]) > 1e-4


def test_the_gradient_is_the_slope_of_the_loss(model: NumpyModel):
    """Of squares, of which the loss is the half that each Huber knee divides."""
    wanted = objective(model, code_of(model, 1), SQUARES)
    opened = silu(code_of(model, 2))[0]
    matrix, gradient = wanted.normal_equations(opened)
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-4, atol=1e-12)
    for index in range(len(opened)):
        step = np.zeros_like(opened)
        step[index] = 1e-3
        slope = (wanted.loss(opened + step) - wanted.loss(opened - step)) / 2e-3
        # Differences of values in single precision, which each processor rounds in its own way.
        assert gradient[index] == pytest.approx(slope, rel=2e-3, abs=1e-3 * np.abs(gradient).max())


def test_a_fit_finds_the_code_again_from_a_start_beside_it(model: NumpyModel):
    code = code_of(model, 1)
    start = code + 0.3 * np.random.default_rng(3).standard_normal(len(code))
    wanted = objective(model, code, FitConfig())
    before = wanted.loss(silu(start)[0])
    done: list[float] = []
    found = fit_code(wanted, start, FitConfig(enough=0.0), 20, done.append)
    assert found.loss < 1e-3 * before
    assert found.loss == pytest.approx(wanted.loss(silu(found.code)[0]), rel=1e-6, abs=1e-12)
    assert done == [(index + 1) / 20 for index in range(found.steps)]


def test_no_step_makes_it_worse_and_little_gain_ends_it(model: NumpyModel):
    code, start = code_of(model, 1), code_of(model, 4)
    wanted = objective(model, code, FitConfig())
    losses = [wanted.loss(silu(start)[0])]
    losses += [fit_code(wanted, start, FitConfig(), steps).loss for steps in (1, 2, 4, 8)]
    assert losses == sorted(losses, reverse=True) and losses[-1] < losses[0]
    assert fit_code(wanted, start, dataclasses.replace(FitConfig(), enough=1.0), 20).steps == 1


def test_the_nearest_start_comes_first(model: NumpyModel):
    codes = [code_of(model, seed) for seed in range(5)]
    wanted = objective(model, codes[3], FitConfig())
    losses = [wanted.loss(silu(code)[0]) for code in codes]
    assert nearest_starts(wanted, codes, 3) == np.argsort(losses)[:3].tolist()
    assert nearest_starts(wanted, codes, 3)[0] == 3


def test_a_cancel_is_heard_within_a_step(model: NumpyModel, tmp_path: Path):
    cancel = CancelToken()
    wanted = objective(model, code_of(model, 1), FitConfig(), cancel)
    with pytest.raises(Cancelled):
        fit_code(wanted, code_of(model, 2), FitConfig(), 5, lambda _: cancel.cancel())
