"""The paper's sizes, as in the table of the method's checklist."""

import pytest

from backend.model.att3d import ATT3D
from backend.model.config import ModelConfig, config_from_json, config_to_json, paper_resolutions
from backend.protocol.errors import CheckpointError


def parameters(module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_a1_grid_rule_gives_the_papers_resolutions():
    assert paper_resolutions(8) == (9, 14, 22, 36, 58, 96, 157, 257)


def test_a1_a3_a4_a10_parameter_counts():
    model = ATT3D(ModelConfig())
    assert model.grid.vertices == 255_889
    assert model.grid.size == 1_023_556
    assert parameters(model.mapping.encode) == 1_892_384
    assert parameters(model.mapping.decode) == 32_753_792
    assert parameters(model.mlp) == 804
    assert parameters(model.environment) == 243


def test_a8_two_latents():
    assert parameters(ATT3D(ModelConfig(latent=2)).mapping) == 2_165_386


def test_config_survives_json():
    import json

    config = ModelConfig(latent=7, hidden=(16, 8), environment=False)
    assert config_from_json(json.loads(json.dumps(config_to_json(config)))) == config


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"latent": "many"}, "latent"),
        ({"latent": 2.5}, "latent"),
        ({"bound": float("nan")}, "bound"),
        ({"grid": {"resolutions": [9, 10**9]}}, "resolutions"),
        ({"grid": {"resolutions": []}}, "resolutions"),
        ({"grid": {"support": "torus"}}, "support"),
        ({"surprise": 1}, "surprise"),
        ({"spectral_norm": 1}, "spectral_norm"),
    ],
)
def test_a_wrong_configuration_is_named(change, named):
    with pytest.raises(CheckpointError, match=named):
        config_from_json(config_to_json(ModelConfig()) | change)
