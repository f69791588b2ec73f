"""Training without waiting for the device: fixed shapes, and updates that are read afterwards."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import jaxtyping
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from backend.model.occupancy import Occupancy
from backend.protocol.errors import TrainingError
from backend.rendering.cameras import CameraConfig
from tests.tiny import TINY, tiny_model
from tests.training.amortized.spheres import sphere_trainer
from tests.training.amortized.test_training_rendering import PLAIN, step_of
from training.amortized.run import build_guidance, embedder, text_encoder
from training.amortized.trainer import Trainer
from training.presets import preset
from training.prompts import prompt_set
from training.rendering.config import Regularizer, RenderConfig
from training.rendering.renderer import TrainingRenderer
from training.rendering.scene import Step

PIXEL32 = Path(__file__).parents[2] / "data" / "pixel32"
CLOSE = CameraConfig(distance=(2.4, 3.2), focal=(4.0, 5.0), elevation=(-10.0, 60.0))
"""Every ray of every picture meets the ball."""
SETTINGS = dataclasses.replace(
    PLAIN,
    negligible=0.0,
    orientation=Regularizer(0.1),
    opacity=Regularizer(0.1),
)


class Values(TorchDispatchMode):
    """Notes operations whose result's shape, or the host, depends on values of tensors."""

    WAITS = (
        "nonzero",
        "_local_scalar_dense",
        "masked_select",
        "unique",
        "repeat_interleave.Tensor",
    )

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = str(func).removeprefix("aten.")
        by_mask = "index" in name and any(
            isinstance(i, torch.Tensor) and i.dtype == torch.bool
            for i in (args[1] if len(args) > 1 and isinstance(args[1], list | tuple) else ())
        )
        if name.startswith(self.WAITS) or by_mask:
            self.found.append(name)
        return func(*args, **(kwargs or {}))


def drawn(config: RenderConfig, cameras: CameraConfig, step: Step | None = None):
    """Pictures, alpha, regularizers, and the gradient of a loss over all of them."""
    step = step or step_of()
    views = TrainingRenderer(config, cameras)(step)
    loss = (views.images * torch.linspace(0, 1, views.images.numel()).view_as(views.images)).sum()
    (loss + sum(views.regularizers.values())).backward()
    gradients = [p.grad for p in step.model.parameters() if p.grad is not None]
    return [views.images, views.alpha, *views.regularizers.values(), *gradients]


@pytest.mark.parametrize("normals", ["differences", "analytic"])
@pytest.mark.parametrize("normals_at", ["surface", "samples"])
def test_fixed_shapes_are_another_way_to_the_same_pictures_and_gradients(normals, normals_at):
    config = dataclasses.replace(SETTINGS, normals=normals, normals_at=normals_at)
    chosen = drawn(config, CLOSE)
    fixed = drawn(dataclasses.replace(config, fixed_shapes=True), CLOSE)
    assert len(chosen) == len(fixed) > 6
    for one, other in zip(chosen, fixed, strict=True):
        torch.testing.assert_close(one, other, atol=2e-5, rtol=1e-3)


def test_rays_that_miss_the_ball_see_nothing():
    cameras = CameraConfig(distance=(2.4, 3.2), focal=(0.8, 1.2))
    images, alpha = drawn(dataclasses.replace(SETTINGS, fixed_shapes=True), cameras)[:2]
    assert (alpha[:, 0, 0] == 0).all() and alpha[:, 6, 6].min() > 0.9
    assert torch.isfinite(images).all()


def test_nothing_depends_on_values_with_fixed_shapes():
    step, other = step_of(), step_of()
    with Values() as chosen:
        drawn(SETTINGS, CLOSE, step)
    assert "nonzero.default" in chosen.found, "the check sees what it should"
    with Values() as fixed:
        drawn(dataclasses.replace(SETTINGS, fixed_shapes=True), CLOSE, other)
    assert fixed.found == []


def test_samples_cannot_be_left_out_of_fixed_shapes():
    with pytest.raises(TrainingError, match="negligible"):
        RenderConfig(fixed_shapes=True)


@pytest.mark.parametrize("mapping", ["linear", "concatenation"])
def test_as_many_points_of_every_object_are_read_as_any_others(mapping):
    model = tiny_model(config=dataclasses.replace(TINY, mapping=mapping))
    objects = model.objects_of_latent(torch.randn(3, 6))
    points = torch.rand(3, 50, 3) - 0.5
    owner = torch.arange(3).repeat_interleave(50)
    density, color = model.sample(objects, points)
    wanted = model.sample_owned(objects, points.flatten(0, 1), owner)
    torch.testing.assert_close(density.flatten(), wanted[0], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(color.flatten(0, 1), wanted[1], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(model.pre_density(objects, points), density)


@pytest.mark.parametrize("mapping", ["linear", "concatenation"])
def test_the_occupancy_of_several_objects_is_that_of_each(mapping):
    model = tiny_model(config=dataclasses.replace(TINY, mapping=mapping)).eval()
    latent = 3.0 * torch.randn(3, 6)
    line = torch.linspace(-1, 1, 9)
    together = model.grid.dense(model.objects_of_latent(latent).values, line, line, line)
    points = 2.0 * torch.rand(3, 400, 3) - 1.0
    whole = Occupancy(model, model.objects_of_latent(latent), negligible=1e-3)
    places = whole(points, torch.arange(3)[:, None].expand(3, 400))
    for index in range(3):
        objects = model.objects_of_latent(latent[index : index + 1])
        alone = model.grid.dense(objects.values[0], line, line, line)
        torch.testing.assert_close(together[index], alone)
        one = Occupancy(model, objects, negligible=1e-3)
        owner = torch.zeros(400, dtype=torch.long)
        assert torch.equal(places[index], one(points[index], owner))


@pytest.mark.parametrize("bad", ["loss", "gradient"])
def test_an_update_that_is_not_finite_changes_nothing(bad, tmp_path):
    trainer = sphere_trainer(tmp_path)
    trainer.step(0)
    before = {name: value.clone() for name, value in trainer.module.state_dict().items()}
    moments = [v.clone() for s in trainer.optimizer.state.values() for v in s.values()]
    head = trainer.model.mlp.head.weight
    if bad == "gradient":
        head.register_hook(lambda gradient: torch.full_like(gradient, math.nan))
    else:
        true = trainer.module._guidance
        trainer.module._guidance = lambda step: (true(step)[0] * math.inf, {})
    losses = trainer.step(1)
    assert math.isnan(losses["loss"])
    changed = [n for n, v in trainer.module.state_dict().items() if not torch.equal(before[n], v)]
    # Spectral norm's power iteration belongs to the pass, not to the update.
    assert all("parametrizations" in name and name[-2:] in ("_u", "_v") for name in changed)
    after = [v for s in trainer.optimizer.state.values() for v in s.values()]
    assert all(torch.equal(*pair) for pair in zip(moments, after, strict=True))


@pytest.mark.gpu
def test_an_update_never_waits_for_the_gpu(tmp_path):
    base = preset("toybox-sds")
    config = dataclasses.replace(
        base,
        run=tmp_path,
        prompts="compose96",
        diffusion_model=str(PIXEL32),
        rendering=dataclasses.replace(base.rendering, negligible=0.0, fixed_shapes=True),
        batch=4,
        device="cuda",
        precision="bf16",
    )
    device = torch.device("cuda")
    prompts, collection = prompt_set("compose96"), config.assets.open()
    encoder = text_encoder(config, prompts, collection)
    trainer = Trainer(
        config=config,
        model=tiny_model(config=dataclasses.replace(config.model)),
        embed=embedder(prompts, encoder),
        guidance=build_guidance(config, prompts, encoder, None, device),
        seen=prompts.seen,
        device=device,
    )
    for index in range(2):
        trainer.update(index)
    torch.cuda.set_sync_debug_mode("error")
    try:
        names, losses = trainer.update(2)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert all(math.isfinite(loss) for loss in losses.tolist()) and "sds" in names


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated")
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
def test_a_traced_mlp_is_the_same_function(tmp_path, monkeypatch):
    """Also its gradients: the second step's loss is that of an updated model."""
    # The suite's checks of shapes, which a run does not have, cannot be traced.
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    losses = []
    for traced in (False, True):
        trainer = sphere_trainer(tmp_path / str(traced), compile_mlp=traced)
        losses.append([trainer.step(index)["loss"] for index in (0, 1)])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
