"""Sphere tracing: ranges, agreement with a dense reference, and compiled equal to eager."""

from __future__ import annotations

import pytest
import torch

from backend.rendering.cameras import CameraConfig, orbit, sample_cameras
from training.prompts import FAMILIES, CharacterSpec, chain
from training.toybox import (
    AssetBatch,
    Renders,
    build,
    near_surface_points,
    query,
    render,
    signed_distance,
    stack,
)
from training.toybox.primitives import ball
from training.toybox.sheet import family_rows, render_sheet, rows
from training.toybox.table import pack

SPECS = (
    CharacterSpec("pig", "riding a bike", "wearing a cape", "tophat"),
    CharacterSpec("monkey", "wielding a katana", "made out of gold", "helmet"),
    CharacterSpec("robot", "holding a blue balloon"),
)


@pytest.fixture(scope="module")
def toys() -> AssetBatch:
    return stack([build(spec) for spec in SPECS])


@pytest.fixture(scope="module")
def pictures(toys: AssetBatch) -> Renders:
    return render(toys, orbit(3, start=30.0), 48, compiled=False)


def test_ranges_and_shapes(pictures: Renders) -> None:
    assert pictures.rgb.shape == pictures.albedo.shape == pictures.normals.shape == (3, 48, 48, 3)
    assert pictures.alpha.shape == pictures.depth.shape == (3, 48, 48)
    for image in (pictures.rgb, pictures.albedo, pictures.alpha):
        assert image.min() >= 0 and image.max() <= 1
    assert 0.08 < pictures.alpha.mean() < 0.5
    assert (pictures.alpha[:, 0, 0] == 0).all()
    partial = (pictures.alpha > 0.05) & (pictures.alpha < 0.95)
    assert partial.float().mean() > 0.005


def test_normals_are_unit_and_face_the_camera(pictures: Renders) -> None:
    covered = pictures.alpha == 1
    lengths = pictures.normals.norm(dim=-1)
    torch.testing.assert_close(
        lengths[covered], torch.ones_like(lengths[covered]), atol=1e-3, rtol=0
    )
    _, directions = orbit(3, start=30.0).rays(48)
    facing = -(pictures.normals * directions.view(3, 48, 48, 3)).sum(-1)
    assert (facing[covered] > -0.1).float().mean() > 0.98


def test_depth_lies_on_the_surface(toys: AssetBatch, pictures: Renders) -> None:
    cameras = orbit(3, start=30.0)
    origins, directions = cameras.rays(48)
    points = origins[:, None] + pictures.depth.view(3, -1, 1) * directions
    covered = pictures.alpha.view(3, -1) == 1
    assert signed_distance(toys, points, compiled=False)[covered].abs().quantile(0.95) < 0.015


def test_coverage_equals_a_dense_search_along_each_ray(toys: AssetBatch) -> None:
    """Nothing is skipped: a pixel is covered where dense samples of its ray are inside."""
    size, cameras = 20, orbit(3, start=30.0)
    origins, directions = cameras.rays(size)
    t = torch.linspace(2.0, 4.0, 161)
    samples = origins[:, None, None] + t[:, None] * directions[:, :, None]
    values = signed_distance(toys, samples.flatten(1, 2), compiled=False)
    truth = values.unflatten(1, (-1, 161)).amin(-1) < 0
    alpha = render(toys, cameras, size, compiled=False).alpha.view(3, -1)
    assert (truth == (alpha > 0.5)).float().mean() > 0.99
    assert ((alpha == 0) & truth).float().mean() < 0.002


def test_a_ball_is_round_and_where_it_should_be() -> None:
    batch = stack([pack([ball((0.0, 0.0, 0.0), 0.5)], [])])
    cameras = orbit(1, elevation=0.0)
    picture = render(batch, cameras, 64, compiled=False)
    radius = 64 * 1.35 * 0.5 / (3**2 - 0.5**2) ** 0.5
    assert picture.alpha.sum().item() == pytest.approx(torch.pi * radius**2, rel=0.01)
    torch.testing.assert_close(picture.alpha, picture.alpha.flip(2), atol=1e-3, rtol=0)
    assert picture.depth[0, 32, 32].item() == pytest.approx(2.5, abs=0.01)


def test_backgrounds_and_shadings(toys: AssetBatch) -> None:
    cameras, backdrop = orbit(3), torch.rand(3, 3)
    albedo = render(toys, cameras, 32, shading="albedo", background=backdrop, compiled=False)
    torch.testing.assert_close(albedo.rgb[:, 0, 0], backdrop)
    mixed = albedo.albedo * albedo.alpha[..., None]
    mixed = mixed + (1 - albedo.alpha[..., None]) * backdrop[:, None, None]
    torch.testing.assert_close(albedo.rgb, mixed)
    white = render(toys, cameras, 32, shading="textureless", compiled=False).rgb
    torch.testing.assert_close(white[..., 0], white[..., 2])
    lights = torch.tensor([[0.0, 0.0, 3.0]]).expand(3, 3)
    lit = render(toys, cameras, 32, lights=lights, shading="textureless", compiled=False)
    top = lit.normals[..., 2] > 0.7
    assert lit.rgb[top].mean() > lit.rgb[(lit.alpha == 1) & ~top].mean()


def test_sizes_that_no_tile_divides(toys: AssetBatch) -> None:
    assert render(toys[:1], orbit(1), 30, compiled=False).rgb.shape == (1, 30, 30, 3)


@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated")
def test_compiled_equals_eager_for_any_batch(toys: AssetBatch) -> None:
    cameras = sample_cameras(3, CameraConfig(distance=(2.8, 3.2), focal=(1.2, 1.4)))
    for count, size in ((3, 24), (1, 20)):
        fast = render(toys[:count], cameras[:count], size)
        slow = render(toys[:count], cameras[:count], size, compiled=False)
        torch.testing.assert_close(fast.alpha, slow.alpha, atol=1e-3, rtol=0)
        # A point on the border of two colors may fall to either.
        assert ((fast.rgb - slow.rgb).abs().amax(-1) > 1e-2).float().mean() < 2e-3
    generator = torch.Generator().manual_seed(0)
    points = near_surface_points(toys, 100, 0.02, generator, compiled=True)
    for fast_values, slow_values in zip(
        query(toys, points), query(toys, points, compiled=False), strict=True
    ):
        assert ((fast_values - slow_values).abs() > 1e-4).float().mean() < 5e-3


def test_an_asset_far_from_every_ray_gives_an_empty_picture() -> None:
    picture = render(stack([pack([], [])]), orbit(1), 16, compiled=False)
    assert picture.alpha.max() == 0
    assert (picture.rgb == 1).all()


def test_the_rendered_sheet_shows_everything() -> None:
    sheet = rows()
    shown = [spec for row in sheet for spec, _ in row if isinstance(spec, CharacterSpec)]
    assert {spec.animal for spec in shown} >= {"squirrel", "bear"} and len(sheet) == 8
    small = render_sheet([sheet[0][:2], sheet[3][:1]], 16, compiled=False)
    assert small.shape == (32, 32, 3)
    assert (small[16:, 16:] == 1).all()


def test_the_families_sheet_leads_from_the_first_prompt_to_the_last() -> None:
    sheet = family_rows(4)
    assert len(sheet) == len(FAMILIES)
    stages, shares = zip(*(toy for toy, _ in sheet[0]), strict=True)
    assert stages[0][0] == chain(FAMILIES[0])[0] and shares[0] == (1.0, 0.0)
    assert stages[-1][1] == chain(FAMILIES[0])[-1] and shares[-1] == (0.0, 1.0)
    assert render_sheet([sheet[0][:1]], 8, compiled=False).shape == (8, 8, 3)
