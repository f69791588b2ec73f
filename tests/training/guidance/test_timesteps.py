"""Which noise levels are drawn, and how their bounds move."""

import pytest
import torch

from backend.protocol.errors import TrainingError
from training.guidance.diffusion import guidance_preset
from training.guidance.diffusion.timesteps import TimestepConfig


def drawn(config: TimestepConfig, index=0, steps=100, count=20_000) -> torch.Tensor:
    return config.sample(count, 1000, index, steps, torch.Generator().manual_seed(0))


def test_the_papers_levels_are_uniform_from_the_second_to_the_last():
    t = drawn(TimestepConfig())
    assert t.min() == 2
    assert t.max() == 999
    counts = torch.histc(t.float(), bins=10, min=0, max=1000)
    assert (counts - 2000).abs().max() < 200
    assert t.float().mean().item() == pytest.approx(500.5, abs=6)
    assert t.float().std().item() == pytest.approx(998 / 12**0.5, abs=4)


def test_bounds_move_linearly_within_their_stretch_of_the_run():
    config = TimestepConfig(low=(0.0, 0.2), high=(1.0, 0.5), during=(0.25, 0.75))
    assert config.bounds(0, 100) == (0.0, 1.0)
    assert config.bounds(25, 100) == (0.0, 1.0)
    assert config.bounds(50, 100) == pytest.approx((0.1, 0.75))
    assert config.bounds(75, 100) == config.bounds(100, 100) == pytest.approx((0.2, 0.5))
    t = drawn(config, index=50)
    assert 100 <= t.min() <= 102
    assert 747 <= t.max() <= 749
    assert t.float().mean().item() == pytest.approx(425, abs=5)


def test_a_sudden_change():
    config = TimestepConfig(high=(1.0, 0.5), during=(0.5, 0.5))
    assert config.bounds(49, 100)[1] == 1.0
    assert config.bounds(50, 100)[1] == 0.5


@pytest.mark.parametrize(
    ("anneal", "quarter"), [("linear", 0.25), ("cosine", 0.146447), ("sqrt", 0.5)]
)
def test_shapes_of_annealing(anneal, quarter):
    config = TimestepConfig(high=(1.0, 0.5), anneal=anneal)
    assert config.bounds(0, 100)[1] == 1.0
    assert config.bounds(25, 100)[1] == pytest.approx(1.0 - 0.5 * quarter, abs=1e-5)
    assert config.bounds(100, 100)[1] == pytest.approx(0.5)


def test_mvdream_anneals_both_bounds_over_eight_thousand_steps():
    config = guidance_preset("mvdream").t
    for steps in (10_000, 100_000):
        assert config.bounds(0, steps) == pytest.approx((0.98, 0.98))
        assert config.bounds(4_000, steps) == pytest.approx((0.5, 0.74))
        assert config.bounds(8_000, steps) == pytest.approx((0.02, 0.5))
        assert config.bounds(9_999, steps) == pytest.approx((0.02, 0.5))
    assert (drawn(config) == 980).all()


def test_the_generator_decides():
    assert torch.equal(drawn(TimestepConfig()), drawn(TimestepConfig()))


@pytest.mark.parametrize(
    "wrong",
    [
        {"low": (0.5, 0.5), "high": (0.4, 0.6)},
        {"high": (1.0, 1.5)},
        {"during": (0.6, 0.4)},
        {"over_steps": -1},
    ],
)
def test_bounds_that_make_no_sense_are_refused(wrong):
    with pytest.raises(TrainingError):
        TimestepConfig(**wrong)
