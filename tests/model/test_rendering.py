"""Cameras, lights, shading and volume rendering (A13-A15, A17)."""

import math

import pytest
import torch

from backend.model.field import Field
from backend.rendering.cameras import CameraConfig, intersect_ball, orbit, sample_cameras
from backend.rendering.lighting import AMBIENT, DIFFUSE, LightConfig, sample_lights, shade
from backend.rendering.volume import render_field, render_rays, view_field
from tests.tiny import tiny_model


def test_azimuth_zero_is_the_front_view_and_grows_towards_plus_x():
    cameras = orbit(4, elevation=0.0, distance=2.0)
    expected = torch.tensor([[0.0, -2, 0], [2, 0, 0], [0, 2, 0], [-2, 0, 0]])
    torch.testing.assert_close(cameras.position, expected, atol=1e-6, rtol=0)


def test_axes_are_a_right_handed_frame_with_z_up():
    right, up, forward = sample_cameras(50, CameraConfig()).axes()
    torch.testing.assert_close(torch.linalg.cross(right, up), -forward)
    assert (up[:, 2] >= 0).all() and right[:, 2].abs().max() == 0


def test_rays_are_unit_and_rows_run_from_the_top_left():
    cameras = orbit(1, elevation=0.0)
    origin, directions = cameras.rays(4)
    assert origin[0].tolist() == pytest.approx([0, -3, 0], abs=1e-6)
    torch.testing.assert_close(directions.norm(dim=-1), torch.ones(1, 16))
    first, last = directions[0, 0], directions[0, -1]
    assert first[0] < 0 < first[2] and last[2] < 0 < last[0]


def test_focal_is_in_image_widths():
    cameras = orbit(1, elevation=0.0, focal=0.8)
    _, directions = cameras.rays(1000)
    row = directions[0, 500_000:501_000]
    angle = torch.acos((row[0] * row[-1]).sum())
    assert angle.item() == pytest.approx(2 * math.atan(0.5 / 0.8), rel=2e-3)


def test_a13_statistics_and_repeatability():
    config = CameraConfig()
    cameras = sample_cameras(4000, config, torch.Generator().manual_seed(1))
    again = sample_cameras(4000, config, torch.Generator().manual_seed(1))
    assert torch.equal(cameras.position, again.position)
    for values, (low, high) in (
        (cameras.distance, config.distance),
        (cameras.focal, config.focal),
        (torch.rad2deg(cameras.azimuth), config.azimuth),
    ):
        assert low <= values.min() and values.max() <= high
        assert values.mean().item() == pytest.approx((low + high) / 2, rel=0.03)
        assert values.std().item() == pytest.approx((high - low) / math.sqrt(12), rel=0.05)


def test_close_ups_look_at_the_axis_with_a_longer_lens():
    config = CameraConfig(close=0.3, zoom=2.5, heights=(-0.2, 0.7))
    cameras = sample_cameras(4000, config, torch.Generator().manual_seed(1))
    whole = sample_cameras(4000, CameraConfig(), torch.Generator().manual_seed(1))
    close = cameras.height != 0.0
    assert close.float().mean().item() == pytest.approx(0.3, abs=0.03)
    heights = cameras.height[close]
    assert -0.2 <= heights.min() < -0.15 and 0.65 < heights.max() <= 0.7
    # All else is as it would be without them.
    assert torch.equal(cameras.focal, whole.focal * torch.where(close, 2.5, 1.0))
    assert torch.equal(cameras.distance, whole.distance)
    assert torch.equal(cameras.position[~close], whole.position[~close])
    # The ray through the middle of the picture meets the axis there.
    origins, directions = cameras[close].rays(1)
    reached = origins + cameras.distance[close, None] * directions[:, 0]
    expected = torch.nn.functional.pad(heights[:, None], (2, 0))
    torch.testing.assert_close(reached, expected, atol=1e-5, rtol=0)


def test_a14_light_distance_and_angle():
    cameras = sample_cameras(2000, CameraConfig())
    lights = sample_lights(cameras, LightConfig())
    distance = lights.norm(dim=-1)
    assert 1.0 <= distance.min() and distance.max() <= 3.0
    cosine = (lights * cameras.position).sum(-1) / distance / cameras.distance
    angle = torch.rad2deg(torch.acos(cosine.clamp(-1, 1)))
    assert angle.max() <= 45.1
    assert angle.mean().item() == pytest.approx(22.5, rel=0.05)


def test_a15_shadings():
    albedo = torch.tensor([[0.5, 0.2, 0.1]])
    normal, point = torch.tensor([[0.0, 0, 1]]), torch.zeros(1, 3)
    above, below = torch.tensor([[0.0, 0, 2]]), torch.tensor([[0.0, 0, -2]])
    assert torch.equal(shade(albedo, normal, point, above, "albedo"), albedo)
    torch.testing.assert_close(
        shade(albedo, normal, point, above, "full"), albedo * (AMBIENT + DIFFUSE)
    )
    torch.testing.assert_close(shade(albedo, normal, point, below, "full"), albedo * AMBIENT)
    white = shade(albedo, normal, point, below, "textureless")
    torch.testing.assert_close(white, torch.full((1, 3), AMBIENT))


def test_ball_interval():
    origins = torch.tensor([[0.0, -3, 0]])
    directions = torch.tensor([[[0.0, 1, 0], [1.0, 0, 0]]])
    near, far = intersect_ball(origins, directions, 1.0)
    assert (near[0, 0].item(), far[0, 0].item()) == pytest.approx((2.0, 4.0))
    assert near[0, 1] == far[0, 1]


def constant(pre_density, color):
    def radiance(points):
        return torch.full(points.shape[:2], pre_density), color.expand(*points.shape[:2], 3)

    return radiance


def test_alpha_of_uniform_density_is_beer_lambert():
    origins, directions = torch.tensor([[0.0, -3, 0]]), torch.tensor([[[0.0, 1, 0]]])
    color = torch.tensor([0.2, 0.4, 0.6])
    for samples in (1, 7, 64):
        rendered = render_rays(
            constant(0.3, color), origins, directions, bound=1.0, samples=samples
        )
        expected = 1 - math.exp(-2.0 * math.log1p(math.exp(0.3)))
        assert rendered.alpha.item() == pytest.approx(expected, rel=1e-5)
        torch.testing.assert_close(rendered.color[0, 0], color * expected)
        assert rendered.weights.sum().item() == pytest.approx(expected, rel=1e-5)


def test_rays_that_miss_the_ball_are_empty():
    rendered = render_rays(
        constant(50.0, torch.ones(3)),
        torch.tensor([[0.0, -3, 0]]),
        torch.tensor([[[1.0, 0, 0]]]),
        bound=1.0,
        samples=8,
    )
    assert rendered.alpha.item() == 0 and not rendered.color.any()


def test_depth_of_a_wall():
    def radiance(points):
        return torch.where(points[..., 1] > 0.25, 300.0, -300.0), torch.ones_like(points)

    rendered = render_rays(
        radiance,
        torch.tensor([[0.0, -3, 0]]),
        torch.tensor([[[0.0, 1, 0]]]),
        bound=1.0,
        samples=400,
    )
    assert rendered.depth.item() == pytest.approx(3.25, abs=0.01)


def test_gradients_reach_density_and_color():
    density = torch.zeros(1, 40, requires_grad=True)
    color = torch.full((1, 40, 3), 0.5, requires_grad=True)
    rendered = render_rays(
        lambda points: (density, color),
        torch.tensor([[0.0, -3, 0]]),
        torch.nn.functional.normalize(torch.tensor([[[0.0, 1, 0], [0.1, 1, 0]]]), dim=-1),
        bound=1.0,
        samples=20,
    )
    rendered.color.sum().backward()
    assert (density.grad != 0).all() and (color.grad > 0).all()


def test_jitter_changes_samples_repeatably():
    def seen(seed):
        points = []
        render_rays(
            lambda p: (points.append(p), constant(0.0, torch.ones(3))(p))[1],
            torch.tensor([[0.0, -3, 0]]),
            torch.tensor([[[0.0, 1, 0]]]),
            bound=1.0,
            samples=16,
            jitter=True,
            generator=torch.Generator().manual_seed(seed),
        )
        return points[0]

    assert torch.equal(seen(1), seen(1)) and not torch.equal(seen(1), seen(2))


def test_picture_of_a_ball():
    field = Field(tiny_model().requires_grad_(False), torch.zeros(6))
    picture, alpha = render_field(field, orbit(2, elevation=0.0), 32, samples=64)
    assert picture.shape == (2, 32, 32, 3) and alpha.shape == (2, 32, 32)
    assert alpha[:, 16, 16].min() > 0.99 and alpha[:, 0, 0].max() < 1e-3
    assert picture[:, 0, 0].min() > 0.99
    # Radius .5 seen from 3 m at focal 1.35: a disc of .46 of the width.
    assert alpha[0, 16].gt(0.5).sum().item() == pytest.approx(0.46 * 32, abs=2)


def test_samples_in_empty_space_are_not_read_and_change_no_picture(monkeypatch):
    """Against reading every sample."""
    torch.manual_seed(3)
    model = tiny_model()
    field = Field(model, torch.randn(model.config.latent))
    read = []
    sample = Field.sample
    monkeypatch.setattr(Field, "sample", lambda self, p: read.append(len(p)) or sample(self, p))
    fast = view_field(field, orbit(2), 24)
    fewer = sum(read)
    read.clear()
    monkeypatch.setattr(Field, "occupied", lambda self, p: torch.ones(len(p), dtype=torch.bool))
    slow = view_field(field, orbit(2), 24)
    assert fewer < 0.7 * sum(read)
    torch.testing.assert_close(fast.alpha, slow.alpha, atol=2e-3, rtol=0)
    seen = slow.alpha > 0.05
    torch.testing.assert_close(fast.albedo[seen], slow.albedo[seen], atol=2e-3, rtol=0)
    torch.testing.assert_close(fast.points[seen], slow.points[seen], atol=1e-2, rtol=0)
