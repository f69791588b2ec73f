"""v found by references with grid and MLP frozen: it comes to what made them, whatever it was."""

import pytest
import torch

from backend.rendering.cameras import CameraConfig
from tests.tiny import TINY, tiny_model
from tests.training.amortized.spheres import RADII, REFERENCES, Spheres, sphere_trainer
from training.amortized.frozen_latents import LEAST, find_latents, spread_axes
from training.guidance.references import ReferenceGuidance

GUIDANCE = ReferenceGuidance(Spheres(), REFERENCES, CameraConfig())


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    """A model that knows the balls, and their v."""
    trainer = sphere_trainer(tmp_path_factory.mktemp("run"), steps=150, batch=4)
    trainer.run(lambda *_: None)
    model = trainer.model.eval().requires_grad_(False)
    embedding = trainer.embed(range(len(RADII)), torch.Generator())
    return model, model.mapping.latent(embedding)


def last_loss(model, start, **options):
    """The mean of all losses over the last ten of the steps, and v."""
    losses = []
    found = find_latents(
        model,
        start,
        GUIDANCE,
        batch=4,
        watch=lambda _index, _steps, parts: losses.append(sum(parts.values())),
        **options,
    )
    return sum(losses[-10:]) / 10, found


def test_latents_that_were_mixed_up_are_found_again(learnt):
    model, v = learnt
    best, _ = last_loss(model, v, visits=10, rate=0.0)
    wrong = v.roll(1, 0)
    bad, unmoved = last_loss(model, wrong, visits=10, rate=0.0)
    assert torch.allclose(unmoved, wrong, atol=1e-3)
    found, _ = last_loss(model, wrong, visits=150, rate=0.1)
    assert bad > 3 * best and found < best + 0.2 * (bad - best)


def test_what_is_found_can_be_said_by_a_mapping_network_and_the_model_stays(learnt):
    model, v = learnt
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    _, found = last_loss(model, v - 2.0, visits=20, rate=0.3)
    assert found.min() >= LEAST
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, before[name]), name


def test_grids_are_spread_alike_along_the_axes():
    model = tiny_model()
    known = torch.randn(50, TINY.latent) @ torch.randn(TINY.latent, TINY.latent)
    axes = spread_axes(model, known)
    share = (known - known.mean(0)) @ torch.linalg.inv(axes)
    square = share.T @ share / len(known)
    assert (
        torch.allclose(square, torch.eye(TINY.latent), atol=0.02) or square.diagonal().max() < 1.1
    )
    grids = model.mapping.grid(axes)
    overlap = grids @ grids.T
    off = overlap - torch.diag(overlap.diagonal())
    assert off.abs().max() < 1e-3 * overlap.diagonal().max()
