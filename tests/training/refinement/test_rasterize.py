"""What a pixel sees of a mesh, against rays cast at every triangle; outlines against area."""

from dataclasses import fields

import numpy as np
import pytest
import torch

from backend.rendering.cameras import Cameras, orbit
from training.refinement.outlines import Edges, antialias
from training.rendering.rasterize import project, visible

from .meshes import ball, two_balls

SIZE = 48


def camera(azimuth: float = 20.0, elevation: float = 15.0) -> Cameras:
    single = orbit(1, start=azimuth, elevation=elevation)
    return Cameras(*(getattr(single, field.name).double() for field in fields(Cameras)))


def cast(vertices, faces, cameras: Cameras, size: int):
    """The nearest triangle on each pixel's ray, or -1, and its distance (Moeller and Trumbore)."""
    origin, direction = cameras.rays(size)
    a, b, c = vertices[faces].unbind(1)
    d = direction[0][:, None]
    p = torch.linalg.cross(d.expand(-1, len(faces), -1), (c - a)[None].expand(len(d), -1, -1))
    det = (p * (b - a)).sum(-1)
    s = origin[0] - a
    u = (p * s).sum(-1) / det
    q = torch.linalg.cross(s, b - a)
    v = (d * q).sum(-1) / det
    t = (q * (c - a)).sum(-1) / det
    hit = (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0)
    t = torch.where(hit, t, torch.inf)
    distance, face = t.min(1)
    return torch.where(distance.isfinite(), face, -1), distance


@pytest.fixture
def scene():
    vertices, faces = two_balls()
    return torch.from_numpy(vertices), torch.from_numpy(faces)


def test_pixels_see_the_triangle_that_their_ray_meets_first(scene):
    vertices, faces = scene
    seen = visible(project(vertices, camera(), SIZE)[0], faces, SIZE)
    found = torch.full((SIZE * SIZE,), -1).index_put((seen.pixel,), seen.face)
    truth, _ = cast(vertices, faces, camera(), SIZE)
    assert (found >= 0).sum() > 300
    assert (found == truth).double().mean() > 0.999


def test_the_point_that_is_seen_lies_on_the_pixels_ray(scene):
    vertices, faces = scene
    seen = visible(project(vertices, camera(), SIZE)[0], faces, SIZE)
    points = seen.interpolate(vertices, faces)
    origin, direction = camera().rays(SIZE)
    _, distance = cast(vertices, faces, camera(), SIZE)
    truth = origin[0] + distance[seen.pixel, None] * direction[0][seen.pixel]
    off = (points - truth).norm(dim=1)
    assert off.quantile(0.99) < 1e-5
    torch.testing.assert_close(seen.weights.sum(1), torch.ones_like(off))


def coverage(vertices, faces, edges, size=SIZE):
    """Alpha of every pixel."""
    screen = project(vertices, camera(), size)[0]
    seen = visible(screen, faces, size)
    alpha = vertices.new_zeros(size * size, 1).index_fill(0, seen.pixel, 1.0)
    return antialias(alpha, screen, seen, faces, edges, size)[:, 0]


def test_outlines_cover_pixels_by_area(scene):
    vertices, faces = scene
    edges = Edges(faces.numpy())
    fine = coverage(vertices, faces, edges, 8 * SIZE).view(SIZE, 8, SIZE, 8).mean((1, 3)).flatten()
    smooth = coverage(vertices, faces, edges)
    screen = project(vertices, camera(), SIZE)[0]
    hard = torch.zeros_like(fine).index_fill(0, visible(screen, faces, SIZE).pixel, 1.0)
    assert (smooth >= 0).all() and (smooth <= 1).all()
    assert (smooth - fine).abs().sum() < 0.35 * (hard - fine).abs().sum()


@pytest.mark.parametrize("rounds", [2, 5])
def test_a_ball_that_grows_covers_more_at_the_true_rate(rounds: int):
    """Also if its triangles are much smaller than a pixel."""
    vertices, faces = (torch.from_numpy(part) for part in ball(0.5, rounds))
    edges = Edges(faces.numpy())
    scale = torch.ones((), dtype=torch.float64, requires_grad=True)
    coverage(scale * vertices, faces, edges).sum().backward()
    step = 0.02
    large, small = (
        coverage((1 + sign * step) * vertices, faces, edges, 8 * SIZE).sum() / 64
        for sign in (1, -1)
    )
    rate = ((large - small) / (2 * step)).item()
    assert scale.grad.item() == pytest.approx(rate, rel=0.08)


def test_a_hidden_outline_changes_nothing():
    """A small ball inside a large one, and one behind it."""
    large, faces = ball(0.5, 3)
    for hidden in (0.5 * large, 0.5 * large + [-0.3, 0.8, 0.0]):
        both = torch.from_numpy(np.concatenate([large, hidden]))
        all_faces = np.concatenate([faces, faces + len(large)])
        front = camera(0.0, 0.0)
        pictures = []
        for mesh, mesh_faces in ((torch.from_numpy(large), faces), (both, all_faces)):
            screen = project(mesh, front, SIZE)[0]
            index = torch.from_numpy(mesh_faces)
            seen = visible(screen, index, SIZE)
            image = torch.zeros(SIZE * SIZE, 1, dtype=torch.float64).index_fill(0, seen.pixel, 1.0)
            pictures.append(antialias(image, screen, seen, index, Edges(mesh_faces), SIZE))
        torch.testing.assert_close(*pictures)
