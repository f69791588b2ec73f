"""Vertices move smoothly, and gradients know it."""

import torch

from tests.tiny import tiny_model
from training.refinement.mesh import RefinedSurface, Smoother, SurfaceObjects
from training.refinement.renderer import vertex_normals

from .meshes import ball


def test_a_surface_starts_as_the_mesh_and_the_colours_that_were_there():
    model = tiny_model()
    vertices, faces = ball(0.5, 2)
    surface = RefinedSurface(model, vertices, faces)
    objects = model.objects(torch.randn(3, 8, 16))
    refined = surface(objects)
    assert isinstance(refined, SurfaceObjects)
    torch.testing.assert_close(refined.values, objects.values)
    torch.testing.assert_close(refined.vertices, torch.from_numpy(vertices).float())


def test_what_all_vertices_share_moves_them_as_a_whole():
    _, faces = ball(0.5, 2)
    smoother = Smoother(int(faces.max()) + 1, faces, 30.0)
    shared = torch.ones(int(faces.max()) + 1, 3)
    torch.testing.assert_close(smoother(shared), shared)


def test_a_pull_on_one_vertex_takes_others_along_the_stiffer_the_more():
    vertices, faces = ball(0.5, 3)
    top = int(vertices[:, 2].argmax())
    pull = torch.zeros(len(vertices), 1)
    pull[top] = 1.0
    own = []
    for stiffness in (0.0, 1.0, 30.0):
        moved = Smoother(len(vertices), faces, stiffness)(pull)[:, 0]
        assert moved.min() >= 0 and moved.argmax() == top
        torch.testing.assert_close(moved.sum(), torch.ones(()), atol=1e-5, rtol=0)
        own.append(moved[top].item())
    assert own[0] == 1.0 and own[0] > 2 * own[1] > 4 * own[2]


def test_the_gradient_is_that_of_the_solution():
    vertices, faces = ball(0.5, 1)
    smoother = Smoother(len(vertices), faces, 5.0)
    u = torch.randn(len(vertices), 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda u: smoother(u), u)


def test_normals_of_a_ball_point_away_from_its_middle():
    vertices, faces = (torch.from_numpy(part) for part in ball(0.5, 3))
    normals = vertex_normals(vertices, faces)
    assert (normals * vertices / 0.5).sum(1).min() > 0.995
