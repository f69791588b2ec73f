"""Families: in bounds and on the ground at any mix, no jumps between, mixes as formulas say."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import Float
from torch import Tensor

from backend.protocol.errors import TrainingError
from backend.rendering.cameras import orbit
from training.assets.toybox import ToyboxAssets
from training.prompts import FAMILIES, CharacterSpec, FamilySpec, PromptMix, caption, chain, spec_of
from training.toybox import (
    Asset,
    AssetBatch,
    build,
    build_mix,
    near_surface_points,
    query,
    render,
    signed_distance,
    stack,
)
from training.toybox.families import FAMILY_PARTS
from training.toybox.families.family import blend, grown
from training.toybox.primitives import ball

MIXES = 6
GROUND = -0.85


def mixed(family: str, *shares: float) -> Asset:
    return build_mix(chain(family), list(shares))


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def mixes(family: str) -> AssetBatch:
    """Every stage, and random mixes of all stages."""
    count = len(chain(family))
    draw = torch.distributions.Dirichlet(torch.full((count,), 0.7))
    torch.manual_seed(3)
    shares = torch.cat([torch.eye(count), draw.sample((MIXES,))])
    return stack([mixed(family, *row) for row in shares.tolist()])


def near(batch: AssetBatch, count: int, sigma: float) -> Float[Tensor, "assets count 3"]:
    generator = torch.Generator().manual_seed(1)
    return near_surface_points(batch, count, sigma, generator, compiled=False)


def test_stages_are_those_that_prompts_name() -> None:
    assert tuple(FAMILY_PARTS) == FAMILIES
    for name in FAMILIES:
        assert tuple(FAMILY_PARTS[name].stages) == tuple(spec.stage for spec in chain(name))


def test_everything_stands_inside_the_ball(mixes: AssetBatch) -> None:
    directions = torch.nn.functional.normalize(torch.randn(1500, 3), dim=-1)
    shell = (0.955 * directions).expand(len(mixes), -1, -1)
    assert signed_distance(mixes, shell, compiled=False).min() > 0


def test_everything_stands_on_the_ground(mixes: AssetBatch) -> None:
    axis = torch.linspace(-0.44, 0.44, 23)
    x, y = torch.meshgrid(axis, axis, indexing="ij")
    for height, covered in ((GROUND + 0.025, True), (GROUND - 0.01, False)):
        plane = torch.stack([x, y, torch.full_like(x, height)], -1).view(1, -1, 3)
        values = signed_distance(mixes, plane.expand(len(mixes), -1, -1), compiled=False)
        assert bool((values.amin(1) < 0).all()) is covered
        assert bool((values.amin(1) < 0).any()) is covered


def test_the_sign_changes_across_the_surface_and_only_there(mixes: AssetBatch) -> None:
    """Points on the surface have an inside on one side and an outside on the other."""
    points = near(mixes, 600, 0.0).requires_grad_()
    values = signed_distance(mixes, points, compiled=False)
    (gradient,) = torch.autograd.grad(values.sum(), points)
    normals = torch.nn.functional.normalize(gradient, dim=-1)
    on_surface = values.abs() < 2e-3
    assert on_surface.float().mean() > 0.25
    with torch.no_grad():
        outside = signed_distance(mixes, points + 0.004 * normals, compiled=False)
        inside = signed_distance(mixes, points - 0.004 * normals, compiled=False)
    # In a crease the way out of one part may lead into another.
    assert (outside > 0)[on_surface].float().mean() > 0.93
    assert (inside < 0)[on_surface].float().mean() > 0.99


def test_steps_of_nine_tenths_of_the_distance_never_pass_a_surface(mixes: AssetBatch) -> None:
    """What sphere tracing relies on, as for the animals."""
    points = near(mixes, 250, 0.15)
    values = signed_distance(mixes, points, compiled=False)
    directions = torch.nn.functional.normalize(torch.randn(len(mixes), 250, 3), dim=-1)
    reached = points + directions * 0.9 * values.clamp_min(0.0)[..., None]
    after = signed_distance(mixes, reached, compiled=False)
    assert after[values > 0].min() > -2e-3


def test_a_small_step_between_prompts_moves_the_surface_a_little(family: str) -> None:
    """No part pops: over a hundredth of the way no point of the surface moves 2 cm."""
    stages = chain(family)
    step = 0.01
    alphas = torch.tensor([0.0, 0.004, 0.3, 0.62, 0.986])
    before, after = [], []
    for a, b in itertools.pairwise(stages):
        for alpha in alphas.tolist():
            before.append(build_mix([a, b], [1 - alpha, alpha]))
            after.append(build_mix([a, b], [1 - alpha - step, alpha + step]))
    first, second = stack(before), stack(after)
    points = near(second, 700, 0.0)
    on_surface = signed_distance(second, points, compiled=False).abs() < 2e-3
    moved = signed_distance(first, points, compiled=False).abs() * on_surface
    assert on_surface.float().mean() > 0.25
    assert moved.max() < 0.02


def test_stages_look_different_from_all_sides(family: str) -> None:
    stages = chain(family)
    batch = stack([build(spec) for spec in stages])
    each = torch.arange(len(stages)).repeat_interleave(3)
    cameras = orbit(3, start=20.0)[torch.arange(3).repeat(len(stages))]
    views = render(batch[each], cameras, 24, shading="albedo", compiled=False)
    pictures = torch.cat([views.rgb, views.alpha[..., None]], -1).unflatten(0, (len(stages), 3))
    for index in range(len(stages) - 1):
        difference = (pictures[index] - pictures[index + 1]).abs().amax(-1).gt(0.15)
        assert (difference.float().mean((1, 2)) > 0.02).all()


@dataclass(frozen=True)
class Blob:
    size: float
    color: tuple[float, float, float]


@given(st.floats(0, 1))
def test_parameters_mix_linearly(share: float) -> None:
    first, second = Blob(1.0, (0.0, 0.2, 1.0)), Blob(3.0, (1.0, 0.2, 0.0))
    found = blend([first, second], [1 - share, share])
    assert found.size == pytest.approx(1 + 2 * share)
    assert found.color == pytest.approx((share, 0.2, 1 - share))


@given(st.floats(0.01, 1))
def test_parts_shrink_towards_their_root(amount: float) -> None:
    (part,) = grown((0.1, 0.0, 0.0), amount, ball((0.5, 0.0, 0.0), 0.2))
    assert part.center[0] == pytest.approx(0.1 + 0.4 * amount)
    assert part.radius * part.scale[0] == pytest.approx(0.2 * amount)
    assert grown((0, 0, 0), 0.0, ball((0.5, 0, 0), 0.2)) == []


def test_a_mix_that_is_all_one_stage_is_that_stage(family: str) -> None:
    stages = chain(family)
    shares = [0.0] * len(stages)
    shares[1] = 1.0
    for ours, theirs in zip(
        stack([build_mix(stages, shares)]).tensors(),
        stack([build(stages[1])]).tensors(),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


def test_there_is_nothing_true_between_toys_of_two_kinds() -> None:
    tree, dragon = chain("tree-seasons")[0], chain("baby-dragon")[0]
    for other in (dragon, CharacterSpec("pig")):
        with pytest.raises(TrainingError, match="no true toy between 'a tree in spring'"):
            build_mix([tree, other], [0.5, 0.5])


def test_captions_are_of_their_stage(family: str) -> None:
    for spec in chain(family):
        assert spec_of(caption(spec)) == spec
        assert spec_of(f"  {caption(spec).upper()} ") == spec
    with pytest.raises(TrainingError, match="no stage 'monsoon'"):
        FamilySpec("tree-seasons", "monsoon")


class TestAssets:
    """The reference assets of a chain."""

    assets = ToyboxAssets(chain("tree-seasons"), torch.device("cpu"), compiled=False)

    def test_whole_prompts_are_the_chains_own_and_mixes_lie_between(self) -> None:
        mix = PromptMix(
            torch.tensor([[0, 1], [1, 2], [3, 2]]),
            torch.tensor([[0.4, 0.6], [1.0, 0.0], [0.0, 1.0]]),
        )
        found = self.assets.assets_at(mix).table
        expected = stack(
            [
                mixed("tree-seasons", 0.4, 0.6, 0.0, 0.0),
                build(chain("tree-seasons")[1]),
                build(chain("tree-seasons")[2]),
            ]
        )
        for ours, theirs in zip(found.tensors(), expected.tensors(), strict=True):
            torch.testing.assert_close(ours, theirs)

    def test_points_and_pictures_are_those_of_the_mixed_toy(self) -> None:
        mix = PromptMix(torch.tensor([[1, 3]]), torch.tensor([[0.5, 0.5]]))
        batch = self.assets.assets_at(mix)
        points = batch.near_points(50, 0.02, torch.Generator().manual_seed(0))
        truth = stack([mixed("tree-seasons", 0.0, 0.5, 0.0, 0.5)])
        distance, color = batch.query(points)
        expected, painted = query(truth, points, compiled=False)
        torch.testing.assert_close(distance, expected)
        torch.testing.assert_close(color, painted)
        picture, alpha = batch.pictures(orbit(1), 16)
        shown = render(truth, orbit(1), 16, shading="albedo", compiled=False)
        torch.testing.assert_close(alpha, shown.alpha)
        assert picture.shape == (1, 16, 16, 3)
