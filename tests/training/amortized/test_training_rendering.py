"""What guidance sees: views, shadings, backgrounds, normals, regularizers (A10, A13-A15, A19)."""

import dataclasses
import math

import pytest
import torch

from backend.model.att3d import ATT3D
from backend.model.occupancy import Occupancy
from backend.protocol.errors import TrainingError
from backend.rendering.cameras import CameraConfig
from backend.rendering.lighting import AMBIENT, DIFFUSE, headlight
from backend.rendering.volume import render_rays
from tests.tiny import TINY, tiny_model
from training.prompts import PromptMix
from training.rendering.config import Regularizer, RenderConfig
from training.rendering.renderer import TrainingRenderer
from training.rendering.scene import Scene, Step

CAMERAS = CameraConfig(distance=(2.4, 3.2), focal=(0.8, 1.2), elevation=(-10.0, 60.0))
PLAIN = RenderConfig(size=12, samples=16, background="random")


def step_of(model=None, count=3, *, index=0, steps=10, seed=0, conditions=None, loud=3.0):
    """A step whose objects are dented balls, each another."""
    model = tiny_model() if model is None else model
    latent = torch.randn(count, 6, generator=torch.Generator().manual_seed(5)) * loud
    return Step(
        model,
        model.objects_of_latent(latent),
        PromptMix.plain(range(count)),
        index,
        steps,
        torch.Generator().manual_seed(seed),
        conditions or {},
    )


def renderer(**changes):
    return TrainingRenderer(dataclasses.replace(PLAIN, **changes), CAMERAS)


def only(shading):
    return {s: float(s == shading) for s in ("full", "textureless", "albedo")}


def test_views_have_the_promised_shapes_and_ranges():
    views = renderer()(step_of())
    assert views.images.shape == (3, 12, 12, 3) and views.alpha.shape == (3, 12, 12)
    assert 0 <= views.images.min() and views.images.max() <= 1
    assert 0 <= views.alpha.min() and views.alpha.max() <= 1
    assert len(views.cameras) == 3 and views.lights.shape == (3, 3) and len(views.shadings) == 3
    assert views.alpha[:, 6, 6].min() > 0.9, "the ball in the middle is opaque"


def test_the_same_generator_gives_the_same_views_and_another_others():
    first, again, other = (renderer()(step_of(seed=s)).images for s in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_a12_each_object_is_seen_as_if_it_were_alone():
    """The flat list of rays against one object at a time through the plain renderer."""
    step = step_of()
    scene = renderer().scene(3, step.generator)
    scene = dataclasses.replace(scene, shadings=["albedo"] * 3)
    many = 400
    views = renderer(samples=many).render(step, scene)
    origins, directions = scene.cameras.rays(12)
    rendered = render_rays(
        lambda points: step.model.sample(step.objects, points),
        origins, directions, bound=1.0, samples=many,
    )  # fmt: skip
    expected = rendered.color + scene.color[:, None] * (1 - rendered.alpha)[..., None]
    torch.testing.assert_close(views.images.flatten(1, 2), expected, atol=0.03, rtol=0)
    torch.testing.assert_close(views.alpha.flatten(1), rendered.alpha, atol=0.03, rtol=0)


@pytest.mark.parametrize("normals_at", ["surface", "samples"])
def test_skipping_empty_samples_changes_next_to_nothing(normals_at):
    results = []
    for negligible in (0.0, RenderConfig().negligible):
        step = step_of()
        r = renderer(
            size=16, samples=32, negligible=negligible, normals_at=normals_at, **only("full")
        )
        views = r(step)
        (grad,) = torch.autograd.grad(views.images.square().sum(), step.objects.values)
        results.append((views.images, views.alpha, grad))
    (images, alpha, grad), (fast_images, fast_alpha, fast_grad) = results
    torch.testing.assert_close(fast_images, images, atol=2e-3, rtol=0)
    torch.testing.assert_close(fast_alpha, alpha, atol=2e-3, rtol=0)
    assert (fast_grad - grad).norm() < 1e-3 * grad.norm()


def test_most_samples_are_empty_and_none_of_them_is_above_the_threshold():
    step = step_of()
    occupancy = Occupancy(step.model, step.objects, negligible=1e-3)
    points = torch.nn.functional.normalize(torch.randn(3, 3000, 3), dim=-1)
    points = points * torch.rand(3, 3000, 1)
    owner = torch.arange(3)[:, None].expand(3, 3000)
    empty = ~occupancy(points, owner)
    assert 0.02 < occupancy.share < 0.3 and empty.float().mean() > 0.2
    heights, _ = step.model.sample(step.objects, points)
    assert torch.nn.functional.softplus(heights)[empty].max() < 1e-3


def test_a15_shares_of_the_shadings():
    drawn = renderer(full=0.5, textureless=0.2, albedo=0.3).scene(4000, torch.Generator()).shadings
    for name, share in (("full", 0.5), ("textureless", 0.2), ("albedo", 0.3)):
        assert drawn.count(name) / 4000 == pytest.approx(share, abs=0.03)


def test_b17_soft_pictures_keep_a_random_share_of_colour_and_light():
    """A soft picture is the blend of the hard ones, color towards white, light towards even."""
    generator = torch.Generator().manual_seed(3)
    scene = renderer(soft=True).scene(3, generator)
    assert scene.amount is not None and 0 < scene.amount.min() and scene.amount.max() < 1
    assert renderer().scene(3, generator).amount is None

    def draw(shading, amount, normals_at="samples"):
        chosen = dataclasses.replace(scene, shadings=[shading] * 3, amount=amount)
        return renderer(samples=64, normals_at=normals_at, ambient=0.1, diffuse=0.9).render(
            step_of(), chosen
        )

    for shading in ("textureless", "albedo"):
        none, half, whole = (draw(shading, torch.full((3,), a)).images for a in (0.0, 0.5, 1.0))
        torch.testing.assert_close(none, draw("full", None).images, atol=2e-3, rtol=0)
        torch.testing.assert_close(whole, draw(shading, None).images, atol=2e-3, rtol=0)
        torch.testing.assert_close(half, (none + whole) / 2, atol=2e-3, rtol=0)


def test_a31_conditions_choose_the_augmentation():
    """Values that a run amortizes over replace those that a picture drew."""
    scene = renderer().scene(3, torch.Generator().manual_seed(3))
    scene = dataclasses.replace(scene, shadings=["full"] * 3)
    given = {"albedo": torch.tensor([1.0, 0.0, 0.0]), "textureless": torch.tensor([0.0, 0.0, 1.0])}
    images = renderer(samples=64).render(step_of(conditions=given), scene).images
    for index, shading in enumerate(("albedo", "full", "textureless")):
        hard = dataclasses.replace(scene, shadings=[shading] * 3)
        expected = renderer(samples=64).render(step_of(), hard).images
        torch.testing.assert_close(images[index], expected[index], atol=0.02, rtol=0)


def test_backgrounds_by_share():
    for kind, share in (("environment", 0.0), ("random", 1.0), ("mix", 0.3)):
        solid = renderer(background=kind, solid_share=0.3).scene(4000, torch.Generator()).solid
        assert solid.float().mean().item() == pytest.approx(share, abs=0.03)


def with_environment():
    return ATT3D(dataclasses.replace(TINY, environment=True))


def test_a10_the_environment_map_is_behind_the_object():
    model = with_environment()
    step = step_of(model)
    scene = renderer(background="environment").scene(3, step.generator)
    views = renderer(background="environment").render(step, scene)
    _, directions = scene.cameras.rays(12)
    behind = model.background(step.objects, directions).view(3, 12, 12, 3)
    torch.testing.assert_close(views.images[:, 0, 0], behind[:, 0, 0], atol=1e-3, rtol=0)
    views.images[:, 0, 0].sum().backward()
    assert model.environment.layer.weight.grad.any()


def test_a_background_that_the_model_lacks_is_an_error():
    with pytest.raises(TrainingError, match="environment map"):
        renderer(background="environment")(step_of())


def lit(shading, **changes):
    """Front views of balls lit from near the camera, and their scene."""
    step = step_of(loud=0.0)
    r = renderer(samples=80, **only(shading), **changes)
    scene = r.scene(3, step.generator)
    scene = dataclasses.replace(scene, lights=headlight(scene.cameras), color=torch.zeros(3, 3))
    return r.render(step, scene), scene


@pytest.mark.parametrize("normals", ["analytic", "differences"])
@pytest.mark.parametrize("normals_at", ["surface", "samples"])
def test_a15_light_on_a_ball_is_lambertian(normals, normals_at):
    views, scene = lit("textureless", normals=normals, normals_at=normals_at, size=21)
    # The ray through the middle ends on the ball where its normal points at the camera.
    outwards = torch.nn.functional.normalize(scene.cameras.position, dim=-1)
    to_light = torch.nn.functional.normalize(scene.lights - outwards * 0.5, dim=-1)
    expected = AMBIENT + DIFFUSE * (outwards * to_light).sum(-1)
    middle = views.images[:, 10, 10] / views.alpha[:, 10, 10, None]
    torch.testing.assert_close(middle, expected[:, None].expand(3, 3), atol=0.02, rtol=0)


def test_full_is_albedo_times_light():
    full, white, albedo = (lit(s)[0].images for s in ("full", "textureless", "albedo"))
    solid = (lit("albedo")[0].alpha > 0.999)[..., None] & (white < 0.99)
    assert solid.sum() > 60
    torch.testing.assert_close(full[solid], (albedo * white)[solid], atol=0.01, rtol=0)


def test_normals_are_not_computed_for_albedo(monkeypatch):
    def never(*args):
        raise AssertionError("normals were computed")

    monkeypatch.setattr(TrainingRenderer, "_normals", never)
    renderer(**only("albedo"), orientation=Regularizer(1.0))(step_of())
    with pytest.raises(AssertionError, match="normals were computed"):
        renderer(**only("full"))(step_of())


@pytest.mark.parametrize("normals", ["analytic", "differences"])
def test_light_teaches_the_shape(normals):
    """Through normals alone: white objects whose alpha is held fixed still get a gradient."""
    step = step_of()
    views = renderer(**only("textureless"), normals=normals)(step)
    solid = views.alpha.detach() > 0.9999
    loss = (views.images * solid[..., None]).sum()
    (grad,) = torch.autograd.grad(loss, step.objects.values)
    assert torch.isfinite(grad).all() and grad.abs().max() > 0


def test_regularizers_equal_their_formulas():
    step = step_of(index=4)
    r = renderer(opacity=Regularizer(0.3), entropy=Regularizer(0.2), **only("albedo"))
    views = r(step)
    alpha = views.alpha
    opacity = 0.3 * (alpha.square() + 0.01).sqrt().mean()
    torch.testing.assert_close(views.regularizers["opacity"], opacity)
    p = alpha.clamp(1e-5, 1 - 1e-5).double()
    entropy = 0.2 * -(p * p.log2() + (1 - p) * (1 - p).log2()).mean()
    torch.testing.assert_close(views.regularizers["entropy"].double(), entropy, rtol=1e-4, atol=0)
    assert set(views.regularizers) == {"opacity", "entropy"}


@pytest.mark.parametrize("normals_at", ["surface", "samples"])
def test_orientation_is_small_on_a_ball_and_large_inside_out(normals_at):
    def loss(sign):
        step = step_of(loud=0.0)
        r = renderer(**only("full"), normals_at=normals_at, orientation=Regularizer(1.0))
        outwards = r._normals
        r._normals = lambda *args: sign * outwards(*args)
        return r(step).regularizers["orientation"].item()

    assert loss(-1.0) > 0.03 > 10 * loss(1.0)


def test_ramps_rise_linearly_between_two_shares_of_the_run():
    ramp = Regularizer(2.0, first=0.5, ramp=(0.2, 0.6))
    factors = [ramp.factor(done) for done in (0.0, 0.2, 0.4, 0.6, 1.0)]
    assert factors == pytest.approx([0.5, 0.5, 0.75, 1.0, 1.0])
    assert Regularizer(1.0, first=0.0, ramp=(0.5, 0.5)).factor(0.5) == 1.0


def test_a31_conditions_weigh_each_object():
    def loss(conditions):
        r = renderer(opacity=Regularizer(0.3), **only("albedo"))
        return r(step_of(conditions=conditions)).regularizers["opacity"].item()

    alone = [loss({"opacity_weight": torch.eye(3)[i]}) for i in range(3)]
    assert sum(alone) == pytest.approx(loss({"opacity_weight": torch.ones(3)}), rel=1e-5)
    assert loss({"opacity_weight": torch.full((3,), 0.3)}) == pytest.approx(loss({}), rel=1e-5)
    assert loss({"guidance_weight": torch.ones(3)}) == loss({})


def test_bf16_autocast_gives_nearly_the_same_picture():
    plain = renderer(**only("full"))(step_of()).images
    with torch.autocast("cpu", torch.bfloat16):
        half = renderer(**only("full"))(step_of()).images
    assert half.dtype == torch.float32
    assert (half - plain).abs().mean() < 0.02


def test_an_object_out_of_sight_gives_the_background():
    step = step_of()
    r = renderer(size=4)
    scene = r.scene(3, step.generator)
    far = dataclasses.replace(scene.cameras, distance=torch.full((3,), 500.0))
    views = r.render(step, dataclasses.replace(scene, cameras=far))
    assert not views.alpha.any()
    torch.testing.assert_close(views.images, scene.color[:, None, None].expand(3, 4, 4, 3))
    assert math.isfinite(views.images.sum().item())


def test_close_ups_begin_where_they_are_told_to():
    config = dataclasses.replace(PLAIN, close_from=0.5)
    close = TrainingRenderer(config, dataclasses.replace(CAMERAS, close=1.0, zoom=3.0))
    largest = CAMERAS.focal[1]
    for index in (0, 4):
        cameras = close(step_of(index=index)).cameras
        assert (cameras.focal <= largest).all() and (cameras.height == 0.0).all()
    for index in (5, 9):
        cameras = close(step_of(index=index)).cameras
        assert (cameras.focal > largest).all() and (cameras.height != 0.0).all()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"full": -1.0}, "shadings"),
        ({"full": 0.0, "textureless": 0.0, "albedo": 0.0}, "shadings"),
        ({"samples": 0}, "samples"),
        ({"solid_share": 1.5}, "solid_share"),
        ({"close_from": -0.1}, "close_from"),
        ({"normal_step": 0.0}, "normal_step"),
        ({"opacity": Regularizer(1.0, ramp=(0.9, 0.1))}, "opacity"),
    ],
)
def test_a_wrong_configuration_is_named(change, named):
    with pytest.raises(TrainingError, match=named):
        dataclasses.replace(PLAIN, **change)


def test_a_scene_can_be_given():
    step = step_of()
    scene = renderer().scene(3, step.generator)
    assert isinstance(scene, Scene)
    assert renderer().render(step, scene).cameras.azimuth.tolist() == scene.cameras.azimuth.tolist()
