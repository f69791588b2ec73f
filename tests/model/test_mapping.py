"""The mapping network, the density bias and the environment map (A4, A10, A11, A20)."""

import dataclasses

import pytest
import torch

from backend.model.att3d import ATT3D
from backend.model.decoder import density_bias
from tests.tiny import TINY, largest_singular_values, tiny_model


def test_a11_both_layers_have_spectral_norm_one_after_training_forward_passes():
    model = tiny_model().train()
    for _ in range(200):
        model.mapping.grid(model.mapping.latent(torch.randn(2, 8, 16)))
    assert largest_singular_values(model.mapping) == pytest.approx(
        {"encode.weight": 1.0, "decode.weight": 1.0}, abs=1e-2
    )


def test_a11_can_be_switched_off():
    model = tiny_model(config=dataclasses.replace(TINY, spectral_norm=False))
    assert not hasattr(model.mapping.decode, "parametrizations")


def test_a11_bounds_the_grid_by_the_latent():
    model = tiny_model().train()
    for _ in range(200):
        latent = model.mapping.latent(torch.randn(3, 8, 16))
        values = model.mapping.grid(latent)
    assert (values.norm(dim=1) <= 1.02 * model.mapping.gain * latent.norm(dim=1)).all()


def test_a11_dividing_v_equals_the_parametrized_layer():
    """The fast path against torch's own forward pass: values, gradients and buffers."""
    results = []
    for slow in (False, True):
        mapping = tiny_model().train().mapping
        latent = torch.linspace(-1, 1, 12).view(2, 6).requires_grad_()
        for _ in range(3):
            values = mapping.decode(latent * mapping.gain) if slow else mapping.grid(latent)
        values.square().sum().backward()
        layer = mapping.decode.parametrizations.weight
        results.append((values, latent.grad, layer.original.grad, layer[0]._u, layer[0]._v))
    for fast, reference in zip(*results, strict=True):
        torch.testing.assert_close(fast, reference, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("components", [0, 5, 12])
def test_plain_weights_are_the_same_function(components):
    config = dataclasses.replace(TINY, components=components)
    mapping = tiny_model(config=config).eval().mapping
    embedding = torch.randn(9, 8, 16) + 3.0
    if components:
        mapping.whiten_on(embedding)
    plain = tiny_model(config=config.plain).mapping
    plain.load_state_dict(mapping.plain_weights())
    torch.testing.assert_close(
        plain.latent(embedding), mapping.latent(embedding), atol=1e-3, rtol=1e-3
    )
    latent = torch.randn(2, 6)
    torch.testing.assert_close(plain.grid(latent), mapping.grid(latent))


def test_whitening_gives_every_strong_direction_the_same_spread():
    mapping = tiny_model(config=dataclasses.replace(TINY, components=4)).mapping
    strength = torch.tensor([8.0, 4.0, 2.0, 0.01])
    axes = torch.linalg.qr(torch.randn(128, 4)).Q
    embedding = 50.0 + (torch.randn(1000, 4) * strength) @ axes.T
    mapping.whiten_on(embedding.view(-1, 8, 16))
    white = (embedding - mapping.shift) @ mapping.basis
    spread = white.std(0)
    assert spread[1] / spread[0] > 0.9
    assert spread[2] / spread[0] > 0.8
    assert spread[3] / spread[0] < 0.1
    assert white.mean(0).abs().max() < 1e-3 * white.abs().max()
    assert white.square().sum(1).mean().item() == pytest.approx(128, rel=1e-3)


def test_eq5_the_grid_is_linear_in_v():
    mapping = tiny_model().eval().mapping
    a, b = torch.randn(2, 1, 6)
    torch.testing.assert_close(
        mapping.grid(0.3 * a + 0.7 * b),
        0.3 * mapping.grid(a) + 0.7 * mapping.grid(b),
        atol=1e-5,
        rtol=1e-4,
    )


def test_a20_density_bias():
    points = torch.tensor([[0.0, 0, 0], [0.5, 0, 0], [0, 1.0, 0]])
    assert density_bias(points, 10.0, 0.5).tolist() == [10.0, 0.0, -10.0]


def test_a10_environment_map_sees_direction_and_latent():
    model = ATT3D(dataclasses.replace(TINY, environment=True))
    objects = model.objects(torch.randn(2, 8, 16))
    directions = torch.nn.functional.normalize(torch.randn(1, 5, 3), dim=-1).expand(2, -1, -1)
    colors = model.background(objects, directions)
    assert colors.shape == (2, 5, 3)
    assert ((colors > 0) & (colors < 1)).all()
    assert not torch.allclose(colors[0], colors[1])
    assert not torch.allclose(colors[0, 0], colors[0, 1])
