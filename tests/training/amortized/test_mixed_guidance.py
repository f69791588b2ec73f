"""Guidances with weights that move over the run."""

import pytest
import torch

from backend.protocol.errors import TrainingError
from tests.tiny import tiny_model
from training.guidance.mixed import GuidanceConfig, MixedGuidance
from training.prompts import PromptMix
from training.rendering.scene import Step

MODEL = tiny_model()


class Constant:
    """A guidance that is always the same, and counts its calls."""

    def __init__(self, name: str, value: float) -> None:
        self.name, self.value, self.calls = name, value, 0

    def __call__(self, step):
        self.calls += 1
        value = torch.tensor(self.value)
        return value, {self.name: value}


def step(index: int) -> Step:
    objects = MODEL.objects(torch.zeros(1, 8, 16))
    return Step(MODEL, objects, PromptMix.plain([0]), index, 100, torch.Generator())


@pytest.mark.parametrize(
    ("index", "expected"),
    [(0, 1.0), (20, 1.0), (30, 0.5 * 1 + 0.5 * 10), (40, 10.0), (99, 10.0)],
)
def test_the_loss_is_the_weighted_sum_at_the_time(index, expected):
    mixed = MixedGuidance(
        [(Constant("a", 1.0), (1.0, 0.0)), (Constant("b", 10.0), (0.0, 1.0))], (0.2, 0.4)
    )
    assert mixed(step(index))[0].item() == pytest.approx(expected)


def test_a_guidance_without_weight_is_not_computed():
    first, second = Constant("a", 1.0), Constant("b", 1.0)
    mixed = MixedGuidance([(first, (1.0, 0.0)), (second, (0.0, 1.0))], (0.5, 0.5))
    assert mixed(step(0))[1] == {"a": 1.0}
    assert mixed(step(50))[1] == {"b": 1.0}
    assert (first.calls, second.calls) == (1, 1)


@pytest.mark.parametrize(
    "config",
    [
        {"references": (0.0, 0.0)},
        {"references": (-1.0, 1.0)},
        {"during": (0.5, 0.2)},
        {"during": (0.5, 1.2)},
    ],
)
def test_wrong_configurations_are_refused(config):
    with pytest.raises(TrainingError):
        GuidanceConfig(**config)
