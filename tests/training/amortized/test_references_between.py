"""References between prompts (A28): what each interpolation type compares the objects with."""

from __future__ import annotations

import dataclasses
from typing import get_args

import pytest
import torch

from backend.model.att3d import ATT3D, Objects
from backend.protocol.errors import TrainingError
from backend.rendering.cameras import CameraConfig
from tests.tiny import TINY
from tests.training.amortized.spheres import REFERENCES, Balls, Spheres
from training.guidance.references import KINDS, ReferenceGuidance, truncated_distance_loss
from training.prompts import PromptMix
from training.prompts.mix import Interpolation
from training.rendering.scene import Step

PROMPTS = torch.tensor([[0, 1], [2, 3]])


class Fixed(ATT3D):
    """Objects that are the balls of a mix, whatever they were asked to be."""

    def __init__(self, mix):
        super().__init__(TINY)
        self._balls = Spheres().assets_at(mix)
        self.points = None

    def sample(self, objects, points):
        self.points = points if self.points is None else self.points
        distance, color = self._balls.query(points)
        return TINY.surface_level - REFERENCES.slope * TINY.density_scale * distance, color


class Recorder(Spheres):
    def __init__(self):
        self.mixes = []

    def assets_at(self, mix):
        self.mixes.append(mix)
        return super().assets_at(mix)


def mix(*shares):
    return PromptMix(PROMPTS, torch.tensor(shares))


HALFWAY = mix([0.5, 0.5], [0.5, 0.5])


def run(kind, asked, seed=0, model=None, assets=None, references=REFERENCES):
    guidance = ReferenceGuidance(
        assets or Spheres(), references, CameraConfig(), interpolation=kind
    )
    objects = Objects(torch.zeros(2, 6), torch.zeros(2, 4))
    generator = torch.Generator().manual_seed(seed)
    parts = guidance(Step(model or Fixed(HALFWAY), objects, asked, 0, 1, generator))[1]
    return {name: float(value) for name, value in parts.items()}


def test_the_truth_is_the_asset_between():
    asked = mix([0.3, 0.7], [0.9, 0.1])
    right = run("truth", asked, model=Fixed(asked))
    assert right["density"] == pytest.approx(0.0, abs=1e-4)
    assert right["color"] == pytest.approx(0.0, abs=1e-6)
    for wrong in (HALFWAY, mix([0.7, 0.3], [0.1, 0.9])):
        assert run("truth", asked, model=Fixed(wrong))["density"] > 0.05


def test_weighted_losses_are_the_ends_losses_by_share():
    """Eq. 9: the same draws whatever the shares, so the losses are linear in them."""
    ends = [run("loss", mix(end, end)) for end in ([1.0, 0.0], [0.0, 1.0])]
    both = run("loss", mix([0.3, 0.7], [0.3, 0.7]))
    for part in ("density", "picture", "alpha"):
        assert both[part] == pytest.approx(0.3 * ends[0][part] + 0.7 * ends[1][part], rel=1e-5)
    assert abs(ends[0]["density"] - ends[1]["density"]) > 0.01


def test_weighted_losses_at_points_are_the_formula():
    shares = torch.tensor([[0.25, 0.75], [0.6, 0.4]])
    model = Fixed(HALFWAY)
    parts = run("loss", PromptMix(PROMPTS, shares), model=model)
    density, error, weight = 0.0, 0.0, 0.0
    height = -REFERENCES.slope * Spheres().assets_at(HALFWAY).query(model.points)[0]
    color = Spheres().assets_at(HALFWAY).query(model.points)[1]
    for end in range(2):
        balls = Spheres().assets_at(PromptMix.plain(PROMPTS[:, end].tolist()))
        distance, truth = balls.query(model.points)
        for row in range(2):
            share = shares[row, end]
            losses = truncated_distance_loss(
                height[row], -REFERENCES.slope * distance[row], REFERENCES.truncation
            )
            density += share * losses.mean() / 2
            close = distance[row].abs() < REFERENCES.color_band
            error += share * (color[row] - truth[row]).abs().mean(-1)[close].sum()
            weight += share * close.sum()
    assert parts["density"] == pytest.approx(density.item(), rel=1e-4)
    assert parts["color"] == pytest.approx(2.0 * (error / weight).item(), rel=1e-4)


def test_bernoulli_draws_one_end_by_share():
    """Eq. 10: each object becomes one of its ends, as often as its share says."""
    assets = Recorder()
    asked = mix([0.2, 0.8], [0.5, 0.5])
    few = dataclasses.replace(REFERENCES, rays=0, points=10)
    for seed in range(150):
        run("bernoulli", asked, seed, assets=assets, references=few)
    drawn = torch.cat([m.prompts for m in assets.mixes], dim=1)
    assert all(bool((m.shares == 1).all()) for m in assets.mixes)
    assert set(drawn[0].tolist()) == {0, 1} and set(drawn[1].tolist()) == {2, 3}
    assert (drawn[0] == 1).float().mean() == pytest.approx(0.8, abs=0.1)
    assert (drawn[1] == 3).float().mean() == pytest.approx(0.5, abs=0.13)
    assert run("bernoulli", asked, 5) == run("bernoulli", asked, 5)


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_mix_every_type_is_the_same(kind):
    plain = PromptMix.plain([0, 3])
    assert run(kind, plain) == pytest.approx(run("none", plain))


class WithoutPicturesBetween(Spheres):
    pictures_between = False

    def assets_at(self, mix):
        batch = super().assets_at(mix)
        return Unpictured(batch.radii, batch.colors) if mix.between else batch


class Unpictured(Balls):
    def pictures(self, cameras, size):
        raise AssertionError("a picture of what has none")


def test_where_nothing_between_has_pictures_those_of_the_other_objects_are_compared():
    asked, assets = mix([0.3, 0.7], [0.0, 1.0]), WithoutPicturesBetween()
    right, wrong = (
        sum(
            run("truth", asked, seed, Fixed(PromptMix.plain([ball])), assets)["alpha"]
            for seed in range(4)
        )
        for ball in (3, 0)
    )
    assert right < 0.4 * wrong
    none = run("truth", HALFWAY, assets=assets)
    assert set(none) == {"density", "color"}


def test_pictures_alone_teach_nothing_between_where_there_are_none():
    few = dataclasses.replace(REFERENCES, points=0)
    with pytest.raises(TrainingError, match="no pictures of what lies between"):
        run("truth", HALFWAY, assets=WithoutPicturesBetween(), references=few)


@pytest.mark.parametrize("kind", sorted(set(get_args(Interpolation)) - set(KINDS)))
def test_types_of_diffusion_are_refused(kind):
    with pytest.raises(TrainingError, match=f"references cannot interpolate by '{kind}'") as error:
        ReferenceGuidance(Spheres(), REFERENCES, CameraConfig(), interpolation=kind)
    assert "loss, bernoulli or truth" in error.value.remedy
