"""Published settings by name."""

import pytest

from backend.protocol.errors import TrainingError
from training.guidance.diffusion import GUIDANCE_PRESETS, DiffusionGuidanceConfig, guidance_preset


def test_the_default_is_the_papers():
    config = DiffusionGuidanceConfig()
    assert guidance_preset("att3d") == config
    assert config.weight == 100.0
    assert config.t.bounds(0, 100) == config.t.bounds(100, 100) == (0.002, 1.0)
    assert (config.space, config.weighting, config.views) == ("noise", "dreamfusion", "paper")
    assert not (config.perp_neg or config.rescale or config.clamp or config.blended)


def test_the_small_models_setting_is_the_studys():
    config = guidance_preset("small")
    assert 4.0 <= config.weight <= 5.0
    assert (config.space, config.weighting, config.clamp) == ("x0", "uniform", True)
    assert config.t.bounds(0, 100) == (0.02, 0.92)
    assert config.t.bounds(100, 100) == pytest.approx((0.02, 0.5))


@pytest.mark.parametrize(
    ("name", "weight"), [("threestudio-if", 21.0), ("dreamfusion", 101.0), ("mvdream", 50.0)]
)
def test_weights_count_from_the_empty_prompt(name, weight):
    assert guidance_preset(name).weight == weight


def test_an_unknown_name_gives_those_there_are():
    with pytest.raises(TrainingError) as error:
        guidance_preset("magic")
    assert all(name in error.value.remedy for name in GUIDANCE_PRESETS)
