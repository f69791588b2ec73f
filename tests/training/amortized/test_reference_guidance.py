"""Guidance by references: what each loss asks for."""

import dataclasses

import pytest
import torch

from backend.model.att3d import ATT3D, Objects
from backend.rendering.cameras import CameraConfig
from tests.tiny import TINY, tiny_model
from tests.training.amortized.spheres import REFERENCES, Spheres
from training.guidance.references import ReferenceGuidance, truncated_distance_loss
from training.prompts import PromptMix
from training.rendering.scene import Step


def test_within_the_truncation_the_height_is_the_distance():
    target = torch.linspace(-0.9, 0.9, 19)
    assert truncated_distance_loss(target, target, 1.0).max() == 0
    off = truncated_distance_loss(target + 0.5, target, 1.0)
    torch.testing.assert_close(off, torch.full_like(off, 0.5 - 0.05))


def test_beyond_it_only_the_side_matters():
    heights = torch.tensor([5.0, 1.5, 1.0, 0.0, -3.0])
    inside = truncated_distance_loss(heights, torch.full((5,), 2.0), 1.0)
    outside = truncated_distance_loss(-heights, torch.full((5,), -2.0), 1.0)
    assert inside[:3].max() == 0
    assert inside[3] < inside[4]
    assert torch.equal(inside, outside)


def test_a_wrong_side_always_has_a_gradient_towards_the_right_one():
    height = torch.tensor([-50.0, 50.0], requires_grad=True)
    truncated_distance_loss(height, torch.tensor([9.0, -9.0]), 1.0).sum().backward()
    assert height.grad[0] < 0 < height.grad[1]


class Exact(ATT3D):
    """A model whose objects are exactly the balls."""

    def __init__(self):
        super().__init__(TINY)

    def sample(self, objects, points):
        distance, color = Spheres().assets_at(PromptMix.plain([0, 1])).query(points)
        return TINY.surface_level - 300.0 * distance, color


def run(model, references=REFERENCES):
    guidance = ReferenceGuidance(Spheres(), references, CameraConfig())
    objects = Objects(torch.zeros(2, 6), torch.zeros(2, 4))
    return guidance(
        Step(model, objects, PromptMix.plain([0, 1]), 0, 1, torch.Generator().manual_seed(0))
    )


def test_the_truth_costs_nothing_at_points_and_little_in_pictures():
    fine = dataclasses.replace(REFERENCES, size=64, samples=192)
    _, parts = run(Exact(), fine)
    assert parts["density"] == pytest.approx(0.0, abs=1e-6)
    assert parts["color"] == pytest.approx(0.0, abs=1e-6)
    assert parts["picture"] < 0.02
    assert parts["alpha"] < 0.02


def test_pictures_and_points_can_be_switched_off():
    assert set(run(Exact(), dataclasses.replace(REFERENCES, rays=0))[1]) == {"density", "color"}
    assert set(run(Exact(), dataclasses.replace(REFERENCES, points=0))[1]) == {"picture", "alpha"}


@pytest.mark.parametrize("part", ["rays", "points"])
def test_each_family_of_losses_reaches_every_weight(part):
    model = tiny_model().train()
    objects = model.objects(torch.randn(2, 8, 16))
    guidance = ReferenceGuidance(
        Spheres(), dataclasses.replace(REFERENCES, **{part: 0}), CameraConfig()
    )
    loss, _ = guidance(
        Step(model, objects, PromptMix.plain([0, 1]), 0, 1, torch.Generator().manual_seed(0))
    )
    loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
