"""The second stage: a mesh becomes what pictures of it say (A26)."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.protocol.errors import BadPrompt, BadRequest, TrainingError
from backend.rendering.cameras import orbit
from tests.tiny import tiny_model
from tests.training.amortized.spheres import COLORS, RADII, Spheres, sphere_trainer
from training import cli
from training.guidance.pictures import PictureGuidance
from training.guidance.references import ReferencesConfig
from training.presets import REFINE, preset
from training.prompts import PromptMix
from training.refinement.mesh import RefinedSurface
from training.refinement.renderer import MeshRenderer
from training.refinement.run import refine
from training.rendering.config import RenderConfig
from training.rendering.scene import Scene, Step

from .meshes import ball

PROMPT = "a pig wearing a tophat"


def surface_trainer(folder, *, steps: int = 60, **changes):
    """A trainer whose object is a ball of radius .33 that should be that of the first prompt."""
    trainer = sphere_trainer(folder, steps=steps, batch=2, **changes)
    vertices, faces = ball(0.33, 4)
    surface = RefinedSurface(trainer.model, vertices, faces, stiffness=2.0)
    renderer = MeshRenderer(faces, RenderConfig(size=32, background="random"))
    guidance = PictureGuidance(Spheres(), ReferencesConfig(), renderer)
    return dataclasses.replace(
        trainer,
        config=dataclasses.replace(trainer.config, optimizer=REFINE.optimizer),
        guidance=guidance,
        seen=[0],
        offset=surface,
    )


def test_pictures_teach_a_ball_its_size_and_colour(tmp_path):
    trainer = surface_trainer(tmp_path)
    surface = trainer.offset
    assert surface.vertices.norm(dim=1).mean().item() == pytest.approx(0.33, abs=0.01)
    before = color_error(trainer, surface.vertices.detach())
    trainer.run(lambda *_: None)
    moved = surface.vertices.detach()
    assert moved.norm(dim=1).mean().item() == pytest.approx(RADII[0].item(), abs=0.01)
    assert moved.norm(dim=1).std() < 0.01
    now = color_error(trainer, moved)
    assert now < 0.75 * before, (before, now)


def color_error(trainer, points) -> float:
    """Mean distance of the colors at ``points`` from the first ball's."""
    with torch.no_grad():
        embedding = trainer.embed([0], trainer.generator(0))
        objects = trainer.offset(trainer.model.objects(embedding))
        color = trainer.model.sample(objects, points[None])[1][0]
    return (color - COLORS[0]).abs().mean().item()


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not(tmp_path):
    ends = []
    for folder, stops in ((tmp_path / "whole", (6,)), (tmp_path / "parts", (3, 6))):
        for last in stops:
            trainer = surface_trainer(folder, steps=6, save_every=1)

            def stop(_trainer, progress, _losses, last=last):
                if progress.step == last:
                    raise KeyboardInterrupt

            with pytest.raises(KeyboardInterrupt):
                trainer.run(stop)
        ends.append(trainer.offset.vertices.detach())
    torch.testing.assert_close(*ends, rtol=0, atol=0)


def lit_ball() -> tuple[RefinedSurface, MeshRenderer, Step, Scene]:
    """A white ball, lit from the right of a camera in front."""
    model = tiny_model()
    vertices, faces = ball(0.5, 3)
    surface = RefinedSurface(model, vertices, faces)
    objects = surface(model.objects(torch.randn(1, 8, 16)))
    generator = torch.Generator().manual_seed(0)
    scene = Scene(
        orbit(1, elevation=0.0),
        torch.tensor([[3.0, -0.5, 0.0]]),
        ["textureless"],
        torch.ones(1, dtype=torch.bool),
        torch.zeros(1, 3),
    )
    renderer = MeshRenderer(faces, RenderConfig(size=32, background="random"))
    return surface, renderer, Step(model, objects, PromptMix.plain([0]), 0, 1, generator), scene


def test_an_environment_that_the_model_does_not_have_is_refused():
    _, renderer, step, scene = lit_ball()
    assert step.model.environment is None
    with pytest.raises(TrainingError, match="environment map"):
        renderer.render(step, dataclasses.replace(scene, solid=torch.zeros(1, dtype=torch.bool)))


def test_light_falls_on_the_side_that_faces_it():
    surface, renderer, step, scene = lit_ball()
    views = renderer.render(step, scene)
    inside = views.alpha[0] > 0.99
    shown = torch.where(inside, views.images[0].mean(-1), torch.nan)
    left, right = shown[:, :16].nanmean(), shown[:, 16:].nanmean()
    assert right > left + 0.2
    views.images.sum().backward()
    assert surface.move.grad is not None and surface.move.grad.abs().max() > 0


def test_mixed_precision_moves_nothing_on_the_screen():
    _, renderer, step, scene = lit_ball()
    plain = renderer.render(step, scene)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = renderer.render(step, scene)
    torch.testing.assert_close(mixed.alpha, plain.alpha)
    torch.testing.assert_close(mixed.images, plain.images)


def config(folder, **changes):
    return dataclasses.replace(
        REFINE,
        run=folder,
        compiled=False,
        device="cpu",
        faces=500,
        resolution=32,
        texture_size=64,
        rendering=dataclasses.replace(REFINE.rendering, size=24),
        steps=2,
        batch=2,
        **changes,
    )


def test_refining_leaves_a_mesh_and_pictures_of_it(short_run, tmp_path):
    import trimesh

    path = refine(short_run, PROMPT, config(tmp_path))
    assert path == tmp_path / "mesh.glb"
    mesh = trimesh.load(path, force="mesh")
    assert 100 < len(mesh.faces) <= 500
    assert np.abs(mesh.vertices).max() <= 1.1
    assert (tmp_path / "sheets" / "000002.png").exists()
    with pytest.raises(TrainingError, match="--prompts"):
        refine(short_run, "a pig", config(tmp_path))


def test_a_diffusion_model_refines_too(short_run, tmp_path):
    distillation = preset("toybox-sds")
    path = refine(
        short_run,
        PROMPT,
        config(
            tmp_path,
            output=tmp_path / "other" / "pig.ply",
            guidance=distillation.guidance,
            diffusion=distillation.diffusion,
            diffusion_model=str(Path(__file__).parents[2] / "data" / "pixel32"),
        ),
    )
    assert path == tmp_path / "other" / "pig.ply" and path.exists()


def test_bad_input_is_named(short_run, tmp_path, capsys):
    assert cli.main(["refine", str(short_run)]) == 2
    assert "needs a checkpoint and a prompt" in capsys.readouterr().err
    with pytest.raises(BadPrompt):
        refine(short_run, "  ", config(tmp_path))
    with pytest.raises(BadRequest, match="faces"):
        refine(short_run, PROMPT, dataclasses.replace(config(tmp_path), faces=1))
    with pytest.raises(BadRequest, match="ending"):
        refine(short_run, PROMPT, config(tmp_path, output=tmp_path / "pig.stl"))
    for stiffness in (-1.0, float("nan"), float("inf")):
        with pytest.raises(TrainingError, match="stiffness"):
            refine(short_run, PROMPT, config(tmp_path, stiffness=stiffness))
