"""The dense grid read three ways equals a slow, obvious reference (A1)."""

import itertools

import pytest
import torch

from backend.accelerator import TorchField
from backend.field_reader import Reader
from backend.model.config import GridConfig
from backend.model.field import Field
from backend.model.grid import FeatureGrid
from backend.progress import CancelToken
from backend.surface.refine import near_surface
from tests.tiny import tiny_model

RESOLUTIONS = (3, 4, 7)


def grid(support="cube"):
    return FeatureGrid(GridConfig(resolutions=RESOLUTIONS, features=2, support=support))


def slow_read(grid, values, point):
    """Trilinear interpolation, one corner at a time."""
    out = []
    for volume in grid.volumes(values):
        n = volume.shape[0]
        place = [(float(p) * 0.5 + 0.5) * (n - 1) for p in point]
        low = [min(int(p), n - 2) for p in place]
        total = torch.zeros(volume.shape[-1])
        for corner in itertools.product((0, 1), repeat=3):
            weight = 1.0
            for axis in range(3):
                part = place[axis] - low[axis]
                weight *= part if corner[axis] else 1 - part
            total += weight * volume[tuple(low[a] + corner[a] for a in range(3))]
        out.append(total)
    return torch.cat(out)


def points_in_ball(count):
    points = torch.randn(count, 3)
    return points / points.norm(dim=-1, keepdim=True) * torch.rand(count, 1)


@pytest.mark.parametrize("support", ["cube", "ball"])
def test_points_equal_the_slow_reference(support):
    g = grid(support)
    values = torch.randn(2, g.size)
    points = torch.stack([points_in_ball(40), points_in_ball(40)])
    read = g.read(values, points)
    for obj in range(2):
        expected = torch.stack([slow_read(g, values[obj], p) for p in points[obj]])
        torch.testing.assert_close(read[obj], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("support", ["cube", "ball"])
def test_whole_grid_equals_points(support):
    g = grid(support)
    values = torch.randn(g.size)
    x, y, z = torch.linspace(-1, 1, 6), torch.linspace(-1, 1, 5), torch.linspace(-0.3, 0.9, 4)
    points = torch.stack(torch.meshgrid(x, y, z, indexing="ij"), -1)
    expected = g.read(values[None], points.reshape(1, -1, 3)).view(6, 5, 4, -1)
    torch.testing.assert_close(g.dense(values, x, y, z), expected, atol=1e-5, rtol=1e-5)


def test_equals_grid_sample():
    g = FeatureGrid(GridConfig(resolutions=(6,), features=3))
    values, points = torch.randn(1, g.size), torch.rand(1, 50, 3) * 2 - 1
    volume = g.volumes(values[0])[0].permute(3, 0, 1, 2)[None]
    expected = torch.nn.functional.grid_sample(
        volume, points.flip(-1)[:, :, None, None], align_corners=True
    )[0, :, :, 0, 0].T
    torch.testing.assert_close(g.read(values, points)[0], expected, atol=1e-5, rtol=1e-5)


def test_ball_support_is_the_cube_inside_the_ball_and_half_the_size():
    cube = FeatureGrid(GridConfig(resolutions=(36,)))
    ball = FeatureGrid(GridConfig(resolutions=(36,), support="ball"))
    assert ball.size < 0.7 * cube.size
    values = torch.randn(ball.size)
    as_cube = ball.volumes(values)[0].reshape(1, -1)
    points = points_in_ball(500)[None]
    torch.testing.assert_close(ball.read(values[None], points), cube.read(as_cube, points))


def test_a_vertex_is_read_as_it_stands_and_the_border_is_inside():
    g = FeatureGrid(GridConfig(resolutions=(5,), features=1))
    values = torch.arange(125.0)
    corners = torch.tensor([[-1.0, -1, -1], [1, 1, 1], [-1, -1, 1], [1, -1, -1]])
    assert g.read(values[None], corners[None]).flatten().tolist() == [0.0, 124.0, 4.0, 100.0]


@pytest.mark.parametrize("support", ["cube", "ball"])
def test_gradients_equal_finite_differences(support):
    g = FeatureGrid(GridConfig(resolutions=(3, 4), features=2, support=support)).double()
    values = torch.randn(1, g.size, dtype=torch.double, requires_grad=True)
    points = (points_in_ball(6)[None].double() * 0.9).requires_grad_()
    assert torch.autograd.gradcheck(g.read, (values, points), eps=1e-7, atol=1e-5)


@pytest.mark.parametrize("support", ["cube", "ball"])
def test_gradients_of_gradients_equal_finite_differences(support):
    """A loss on analytic normals is one."""
    g = FeatureGrid(GridConfig(resolutions=(3,), features=1, support=support)).double()
    values = torch.randn(1, g.size, dtype=torch.double, requires_grad=True)
    points = (points_in_ball(2)[None].double() * 0.9).requires_grad_()
    assert torch.autograd.gradgradcheck(g.read, (values, points), eps=1e-7, atol=1e-5)


@pytest.mark.parametrize("support", ["cube", "ball"])
def test_a_flat_list_of_points_reads_each_owners_grid(support):
    g = grid(support)
    values, points = torch.randn(3, g.size), points_in_ball(30)
    owner = torch.randint(3, (30,))
    read = g.read_owned(values, points, owner)
    for p in range(30):
        expected = slow_read(g, values[owner[p]], points[p])
        torch.testing.assert_close(read[p], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("support", ["cube", "ball"])
@pytest.mark.parametrize("balanced", [True, False])
def test_reading_whole_volumes_equals_reading_corners(support, balanced, monkeypatch):
    """Which of the two is chosen changes the time, not the features or their gradient."""
    g = FeatureGrid(GridConfig(resolutions=(5, 9), support=support))
    values = torch.randn(3, g.size, requires_grad=True)
    points = points_in_ball(60)
    owner = torch.arange(3).repeat_interleave(20) if balanced else torch.randint(2, (60,)) * 2
    results = []
    for worth in (0, 10**9):
        monkeypatch.setattr("backend.model.grid.POINTS_WORTH", worth)
        read = g.read_owned(values, points, owner)
        results.append((read, *torch.autograd.grad(read.sin().sum(), values)))
    for corners, volumes in zip(*results, strict=True):
        torch.testing.assert_close(volumes, corners, atol=1e-5, rtol=1e-5)


def test_gradients_of_half_precision_grids_are_summed_in_single_precision():
    """4096 points add 1/64 each to one vertex: in bfloat16 the sum would stop at 4."""
    g = FeatureGrid(GridConfig(resolutions=(2,), features=1))
    values = torch.zeros(1, g.size, dtype=torch.bfloat16, requires_grad=True)
    g.read(values, -torch.ones(1, 4096, 3)).mul(1 / 64).sum().backward()
    assert values.grad is not None and values.grad[0, 0].item() == 64.0


def wobbly_field(seed=3):
    """A ball with dents: the tiny model with a louder grid."""
    model = tiny_model(seed).requires_grad_(False)
    model.mapping.gain = 200.0
    model.mlp.head.weight.mul_(60.0)
    return Field(model, torch.randn(6))


def test_field_reads_agree():
    field = wobbly_field()
    dense = field.dense(21)
    line = torch.linspace(-field.bound, field.bound, 21)
    points = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), -1).view(-1, 3)
    inside = points.norm(dim=-1) <= field.bound
    assert (dense > field.level).any() and (dense < field.level).any()
    torch.testing.assert_close(
        field.pre_density(points)[inside], dense.flatten()[inside], atol=1e-3, rtol=1e-4
    )
    torch.testing.assert_close(
        field.sample(points)[0][inside], dense.flatten()[inside], atol=1e-3, rtol=1e-4
    )


def test_near_surface_is_exact_wherever_the_surface_passes():
    field = wobbly_field()
    dense = field.dense(49)
    reader = Reader(TorchField(field), CancelToken())
    near = torch.from_numpy(near_surface(reader, 49, 17, margin=60.0))
    assert torch.equal(near > field.level, dense > field.level)
    touched = torch.zeros_like(dense, dtype=torch.bool)
    above = dense > field.level
    for axis in range(3):
        changes = above.narrow(axis, 0, 48) != above.narrow(axis, 1, 48)
        touched.narrow(axis, 0, 48).logical_or_(changes)
        touched.narrow(axis, 1, 48).logical_or_(changes)
    assert touched.any()
    torch.testing.assert_close(near[touched], dense[touched], atol=1e-3, rtol=1e-4)


def test_gradient_is_that_of_the_bias_where_the_grid_is_empty():
    model = tiny_model().requires_grad_(False)
    model.mapping.gain = 0.0
    field = Field(model, torch.zeros(6))
    points = points_in_ball(20) * 0.8 + 0.05
    slope = model.config.density_bias / model.config.density_bias_radius
    expected = -slope * points / points.norm(dim=-1, keepdim=True)
    torch.testing.assert_close(field.gradient(points, 1e-2), expected, rtol=2e-2, atol=2.0)


def test_empty_reads():
    field = wobbly_field()
    density, color = field.sample(torch.zeros(0, 3))
    assert density.shape == (0,) and color.shape == (0, 3)
