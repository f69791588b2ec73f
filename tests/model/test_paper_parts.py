"""Parts as the paper prints them: the environment map (A10) and self-attention (A6)."""

import dataclasses
import math

import pytest
import torch

from backend.model.att3d import ATT3D
from backend.model.checkpoint import CheckpointMetadata, load_checkpoint, save_checkpoint
from backend.model.config import config_from_json, config_to_json
from backend.model.decoder import EnvironmentMap
from tests.tiny import TINY, largest_singular_values

ATTENTION = dataclasses.replace(
    TINY, mapping="attention", attention=16, attention_layers=2, components=0
)


@pytest.mark.parametrize(("pi", "unit"), [(True, math.pi), (False, 1.0)])
def test_a10_frequencies(pi, unit):
    """Against the sum written out: sigmoid(b + sum of w sin/cos(2^k unit d) + w v)."""
    torch.manual_seed(0)
    around = EnvironmentMap(2, pi=pi)
    direction = torch.nn.functional.normalize(torch.randn(1, 1, 3), dim=-1)
    v = torch.randn(1, 2)
    waves = [math.sin(float(d) * 2**k * unit) for d in direction[0, 0] for k in range(8)]
    waves += [math.cos(float(d) * 2**k * unit) for d in direction[0, 0] for k in range(8)]
    inputs = torch.tensor([*waves, *v[0].tolist()])
    expected = torch.sigmoid(around.layer.weight @ inputs + around.layer.bias)
    torch.testing.assert_close(around(direction, v)[0, 0], expected, atol=1e-4, rtol=0)
    assert sum(p.numel() for p in EnvironmentMap(32, pi=pi).parameters()) == 243


def trained(config):
    """A model whose spectral norms have settled."""
    torch.manual_seed(0)
    model = ATT3D(config).train()
    for _ in range(20):
        model.objects(torch.randn(1, config.tokens, config.width))
        if model.environment is not None:
            model.background(
                model.objects_of_latent(torch.randn(1, config.latents)), torch.randn(1, 2, 3)
            )
    return model.eval()


def test_a10_spectral_norm_of_the_environment_map_alone():
    config = dataclasses.replace(TINY, environment=True, environment_spectral_norm=True)
    model = trained(config)
    (norm,) = largest_singular_values(model.environment).values()
    assert norm == pytest.approx(1.0, abs=0.02)
    assert not any("parametrizations" in name for name in model.mlp.state_dict())


def test_a6_tokens_are_read_together_and_every_layer_is_normed():
    model = trained(ATTENTION)
    norms = largest_singular_values(model.mapping)
    assert len(norms) == 1 + 2 * 4 + 2 * len(ATTENTION.grid.levels)
    assert all(norm == pytest.approx(1.0, abs=0.05) for norm in norms.values())
    text = torch.randn(1, ATTENTION.tokens, ATTENTION.width)
    other = text.clone()
    other[0, 0] += 1.0
    assert not torch.allclose(model.latent(text), model.latent(other))


@pytest.mark.parametrize(
    "config",
    [
        ATTENTION,
        dataclasses.replace(TINY, environment=True, environment_spectral_norm=True),
        dataclasses.replace(TINY, environment=True, environment_pi=False),
    ],
)
def test_they_come_back_from_a_checkpoint(config, tmp_path):
    model = trained(config)
    path = tmp_path / "x.safetensors"
    metadata = CheckpointMetadata(name="x", config=config, text_encoder={"kind": "small"})
    save_checkpoint(path, model, metadata, storage="float32")
    loaded = load_checkpoint(path).model
    text = torch.randn(2, config.tokens, config.width)
    ours, theirs = model.objects(text), loaded.objects(text)
    torch.testing.assert_close(theirs.values, ours.values, atol=1e-4, rtol=1e-3)
    around = torch.nn.functional.normalize(torch.randn(2, 5, 3), dim=-1)
    torch.testing.assert_close(
        loaded.background(theirs, around), model.background(ours, around), atol=1e-3, rtol=0
    )


def test_a_configuration_from_before_these_options_means_what_it_did():
    data = config_to_json(TINY)
    for name in ("environment_spectral_norm", "environment_pi", "attention_layers"):
        del data[name]
    assert config_from_json(data) == TINY
    assert TINY.environment_pi and not TINY.environment_spectral_norm
