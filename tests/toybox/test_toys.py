"""Toys: what is built, where it lies, how its distances behave, and that it looks different."""

from __future__ import annotations

import itertools

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from backend.protocol.errors import TrainingError
from backend.rendering.cameras import orbit
from training.prompts import ACTIVITIES, ANIMALS, HATS, THEMES, CharacterSpec
from training.toybox import (
    AssetBatch,
    build,
    near_surface_points,
    query,
    render,
    signed_distance,
    stack,
    surface_color,
)
from training.toybox.build import assemble
from training.toybox.primitives import Layer, ball, box, capsule, disc, ellipsoid, ring
from training.toybox.table import PAINTS, SOLIDS, pack

DRESSED = CharacterSpec("lion", "wielding a katana", "wearing a cape", "sombrero")
VARIED = (
    *(CharacterSpec(animal) for animal in ANIMALS),
    *(CharacterSpec("bear", activity) for activity in ACTIVITIES),
    *(CharacterSpec("pig", None, theme) for theme in THEMES),
    *(CharacterSpec("rabbit", None, None, hat) for hat in HATS),
    DRESSED,
)


@pytest.fixture(scope="module")
def varied() -> AssetBatch:
    return stack([build(spec) for spec in VARIED])


def near(batch: AssetBatch, count: int, sigma: float) -> Float[Tensor, "assets count 3"]:
    generator = torch.Generator().manual_seed(1)
    return near_surface_points(batch, count, sigma, generator, compiled=False)


def test_every_combination_fits_the_tables() -> None:
    """Parts only add up, so the largest of each kind together bound all 5,940 toys."""

    def most(specs: list[CharacterSpec], bare: CharacterSpec | None) -> tuple[int, int]:
        base = assemble(bare) if bare else None
        figures = [assemble(spec) for spec in specs]
        return (
            max(len(f.solids) for f in figures) - (len(base.solids) if base else 0),
            max(len(f.paints) for f in figures) - (len(base.paints) if base else 0),
        )

    pig = CharacterSpec("pig")
    parts = [
        most([CharacterSpec(animal) for animal in ANIMALS], None),
        most([CharacterSpec("pig", activity) for activity in ACTIVITIES], pig),
        most([CharacterSpec("pig", None, theme) for theme in THEMES], pig),
        most([CharacterSpec("pig", None, None, hat) for hat in HATS], pig),
    ]
    assert sum(solids for solids, _ in parts) <= SOLIDS
    assert sum(paints for _, paints in parts) <= PAINTS


def test_too_many_primitives_are_refused() -> None:
    with pytest.raises(TrainingError, match="65 solids, but the table holds 64"):
        pack([ball((0, 0, 0), 0.1)] * (SOLIDS + 1), [])


def test_building_is_repeatable_and_batches_are_picked_by_row(varied: AssetBatch) -> None:
    again = build(DRESSED)
    picked = varied[torch.tensor([len(varied) - 1])]
    assert torch.equal(picked.solids[0], again.solids)
    assert torch.equal(picked.paint_materials[0], again.paint_materials)
    assert len(varied[2:5]) == 3


def test_everything_stands_inside_the_ball(varied: AssetBatch) -> None:
    directions = torch.nn.functional.normalize(torch.randn(3000, 3), dim=-1)
    for radius in (0.95, 0.97, 1.0):
        shell = (directions * radius).expand(len(varied), -1, -1)
        assert signed_distance(varied, shell, compiled=False).min() > 0


def test_feet_stand_on_the_same_ground(varied: AssetBatch) -> None:
    standing = varied[: len(ANIMALS)]
    x, y = torch.meshgrid(
        torch.linspace(-0.3, 0.3, 25), torch.linspace(-0.3, 0.3, 25), indexing="ij"
    )
    for height, covered in ((-0.83, True), (-0.87, False)):
        plane = torch.stack([x, y, torch.full_like(x, height)], -1).view(1, -1, 3)
        values = signed_distance(standing, plane.expand(len(standing), -1, -1), compiled=False)
        assert bool((values.amin(1) < 0).all()) is covered


SHAPES = {
    "ball": ball((0.1, 0, 0), 0.3),
    "ellipsoid": ellipsoid((0, 0.1, 0), (0.3, 0.2, 0.15), up=(0.3, 0, 1)),
    "capsule": capsule((-0.2, 0, 0), (0.2, 0.1, 0.3), 0.1),
    "cone": capsule((0, 0, -0.2), (0, 0, 0.2), 0.2, 0.05),
    "box": box((0, 0, 0), (0.3, 0.2, 0.1), 0.03, up=(0.2, 0.1, 1)),
    "disc": disc((0, 0, 0.1), (0, 0.3, 1), 0.4, 0.1),
    "ring": ring((0, 0, 0), (1, 0, 0), 0.3, 0.06),
}


@pytest.mark.parametrize("name", SHAPES)
def test_each_shape_has_a_distance_of_slope_one_near_its_surface(name: str) -> None:
    batch = stack([pack([SHAPES[name]], [])])
    points = near(batch, 2000, 0.01).requires_grad_()
    values = signed_distance(batch, points, compiled=False)
    (gradient,) = torch.autograd.grad(values.sum(), points)
    slopes = gradient.norm(dim=-1)[values.abs() < 0.02]
    assert slopes.median() == pytest.approx(1.0, abs=0.02)
    assert slopes.quantile(0.99) < 1.1


def test_exact_distances_of_simple_shapes() -> None:
    batch = stack([pack([ball((0.1, 0, 0), 0.3)], []), pack([SHAPES["ring"]], [])])
    points = torch.tensor([[[0.8, 0.0, 0.0]], [[0.0, 0.0, 0.5]]])
    values = signed_distance(batch, points, compiled=False)[:, 0]
    torch.testing.assert_close(values, torch.tensor([0.4, 0.14]), atol=1e-5, rtol=0)


def test_steps_of_nine_tenths_of_the_distance_never_pass_a_surface(varied: AssetBatch) -> None:
    """What sphere tracing relies on: no surface inside a ball of 0.9 d, but for a millimetre."""
    points = near(varied, 300, 0.15)
    values = signed_distance(varied, points, compiled=False)
    directions = torch.nn.functional.normalize(torch.randn(len(varied), 300, 3), dim=-1)
    reached = points + directions * 0.9 * values.clamp_min(0.0)[..., None]
    after = signed_distance(varied, reached, compiled=False)
    assert after[values > 0].min() > -1e-3


def test_points_near_the_surface_are_near_it(varied: AssetBatch) -> None:
    values = signed_distance(varied, near(varied, 2000, 0.01), compiled=False)
    assert values.abs().median() < 0.015
    assert (values < 0.05).all()
    assert ((values.abs() < 0.03).float().mean(1) > 0.6).all()
    assert torch.equal(near(varied, 50, 0.01), near(varied, 50, 0.01))


def test_colours_are_colours_everywhere(varied: AssetBatch) -> None:
    points = torch.rand(len(varied), 500, 3) * 2 - 1
    distances, colors = query(varied, points, compiled=False)
    assert colors.min() >= 0 and colors.max() <= 1
    assert torch.equal(colors, surface_color(varied, points, compiled=False))
    assert torch.equal(distances, signed_distance(varied, points, compiled=False))


def test_gold_and_wood_are_yellow_and_brown() -> None:
    batch = stack([build(CharacterSpec("raccoon", None, theme)) for theme in THEMES[:2]])
    red, green, blue = surface_color(batch, near(batch, 3000, 0.0), compiled=False).unbind(-1)
    assert ((red >= green) & (green >= blue)).float().mean() > 0.99
    assert (red[0] - blue[0]).mean() > 0.35 and red[1].mean() < red[0].mean()


def test_clothes_hide_the_belly() -> None:
    for theme in ("wearing a sweater", "wearing a suit", "wearing medieval armor"):
        trunk = [p for p in assemble(CharacterSpec("pig", None, theme)).solids if p.soft]
        assert not any(primitive.layer == Layer.TORSO for primitive in trunk)


def _views(specs: list[CharacterSpec]) -> Float[Tensor, "specs 4 32 32 4"]:
    batch = stack([build(spec) for spec in specs])
    each = torch.arange(len(specs)).repeat_interleave(4)
    cameras = orbit(4, start=20.0)[torch.arange(4).repeat(len(specs))]
    views = render(batch[each], cameras, 32, shading="albedo", compiled=False)
    return torch.cat([views.rgb, views.alpha[..., None]], -1).unflatten(0, (len(specs), 4))


@pytest.mark.parametrize(
    ("specs", "sides"),
    [
        ([CharacterSpec(animal) for animal in ANIMALS], 4),
        # A shovel or a balloon can hide behind the body.
        ([CharacterSpec("pig", activity) for activity in (None, *ACTIVITIES)], 3),
        ([CharacterSpec("pig", None, theme) for theme in (None, *THEMES)], 4),
        ([CharacterSpec("pig", None, None, hat) for hat in (None, *HATS)], 4),
    ],
    ids=["animals", "activities", "themes", "hats"],
)
def test_each_looks_different_from_all_sides(specs: list[CharacterSpec], sides: int) -> None:
    views = _views(specs)
    for a, b in itertools.combinations(range(len(specs)), 2):
        difference = (views[a] - views[b]).abs().amax(-1).gt(0.15).float().mean((1, 2))
        assert (difference > 0.004).sum() >= sides, (specs[a], specs[b], difference)
