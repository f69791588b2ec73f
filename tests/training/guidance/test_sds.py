"""Score distillation's gradient, against the equation written out (A18)."""

import dataclasses

import pytest
import torch

from backend.protocol.errors import TrainingError
from backend.rendering.cameras import CameraConfig
from tests.training.guidance.fakes import (
    LEVELS,
    FormulaModel,
    Shown,
    embedding,
    formula,
    recorded,
    step_of,
)
from training.guidance.diffusion import (
    DiffusionGuidance,
    DiffusionGuidanceConfig,
    check_close_ups,
)
from training.guidance.diffusion.schedule import NoiseSchedule
from training.guidance.diffusion.sds import distillation_loss, limit_gradient, weight_of
from training.prompts import PromptMix
from training.prompts.views import view_words

PROMPTS = ["a pig", "a lion", "a duck"]
SCHEDULE = NoiseSchedule(LEVELS)


def run(config, model=None, shown=None, conditions=None, seed=0):
    """Loss, its parts, and the model and renderer that saw the step."""
    model, shown = model or FormulaModel(), shown or Shown()
    guidance = DiffusionGuidance(model, PROMPTS, config, shown)
    loss, parts = guidance(step_of(PromptMix.plain([2, 0, 1]), conditions=conditions, seed=seed))
    loss.backward()
    return loss, {name: part.item() for name, part in parts.items()}, model, shown


def texts(shown) -> list[str]:
    words = view_words(shown.cameras, "paper")
    return [f"{PROMPTS[p]}, {w}" for p, w in zip([2, 0, 1], words, strict=True)]


def guided(noisy, t, shown, weight):
    """``e_u + w (e - e_u)`` of the formula model."""
    one = torch.stack([embedding(text) for text in texts(shown)])
    none = embedding("").expand(len(t), 1, 3)
    empty, prompt = formula(noisy, t, none), formula(noisy, t, one)
    return empty + weight * (prompt - empty)


def test_a_distillation_loss_has_exactly_the_wanted_gradient():
    x = torch.randn(2, 3, 4, 4, requires_grad=True)
    wanted = 1e-3 * torch.randn(2, 3, 4, 4)
    losses = distillation_loss(x, wanted)
    losses.sum().backward()
    assert torch.equal(x.grad, wanted)
    torch.testing.assert_close(losses, 0.5 * wanted.square().sum((1, 2, 3)))


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_the_gradient_is_that_of_the_equation(prediction):
    """d loss / d x = w(t) (eps_hat - eps), w = 1 - alpha_bar, weight 100; the mean over objects."""
    config = DiffusionGuidanceConfig(per_pixel=False)
    _, parts, model, shown = run(config, FormulaModel(prediction))
    x = model.encode(shown.images).detach()
    t, noise, noisy, a, s = recorded(model, x)
    output = guided(noisy, t, shown, 100.0)
    predicted = {
        "epsilon": output,
        "v_prediction": s * noisy + a * output,
        "sample": (noisy - a * output) / s,
    }[prediction]
    gradient = s**2 * (predicted - noise)
    # x = 2 image - 1.
    expected = 2.0 * gradient.permute(0, 2, 3, 1) / 3
    torch.testing.assert_close(shown.images.grad, expected, rtol=2e-3, atol=1e-3)
    assert parts["sds"] == pytest.approx(0.5 * gradient.square().sum().item() / 3, rel=1e-2)
    assert parts["t"] == pytest.approx(t.float().mean().item() / 1000)


def test_in_x0_space_the_gradient_is_the_distance_to_the_guided_clean_image():
    config = DiffusionGuidanceConfig(
        weight=4.0, space="x0", weighting="uniform", clamp=True, per_pixel=False
    )
    _, _, model, shown = run(config, FormulaModel("v_prediction"))
    x = model.encode(shown.images).detach()
    t, _, noisy, a, s = recorded(model, x)
    clean = (a * noisy - s * guided(noisy, t, shown, 4.0)).clamp(-1, 1)
    expected = 2.0 * (x - clean).permute(0, 2, 3, 1) / 3
    torch.testing.assert_close(shown.images.grad, expected, rtol=1e-4, atol=1e-5)


def test_without_clamp_the_two_spaces_differ_by_a_factor_only():
    """x - x0_hat = s / a (eps_hat - eps): with w = a / s in x0 space, w = 1 in the other."""
    noise = run(DiffusionGuidanceConfig(weight=5.0, weighting="uniform"))
    clean = run(DiffusionGuidanceConfig(weight=5.0, weighting="snr", space="x0"))
    torch.testing.assert_close(noise[3].images.grad, clean[3].images.grad, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("noise", ["drawn", "fixed"])
def test_a_prompt_may_keep_its_noise(noise):
    """Whatever the step, and another prompt has another."""
    seen = []
    for seed in range(2):
        _, _, model, shown = run(DiffusionGuidanceConfig(noise=noise), seed=seed)
        seen.append(recorded(model, model.encode(shown.images).detach())[1])
    assert torch.allclose(*seen, atol=1e-3) == (noise == "fixed")
    first, second, _ = seen[0]
    assert not torch.allclose(first, second, atol=0.1)


def test_per_pixel_is_a_mean_over_pixels():
    _, some, model, shown = run(DiffusionGuidanceConfig(per_pixel=False))
    _, mean, _, other = run(DiffusionGuidanceConfig(per_pixel=True))
    pixels = model.encode(shown.images)[0].numel()
    torch.testing.assert_close(shown.images.grad / pixels, other.images.grad)
    assert some["sds"] / pixels == pytest.approx(mean["sds"], rel=1e-5)


def test_each_object_may_have_its_own_guidance_weight():
    """A31: a step's condition replaces the configured weight."""
    weights = torch.tensor([1.0, 10.0, 100.0])
    _, _, _, mixed = run(DiffusionGuidanceConfig(), conditions={"guidance_weight": weights})
    for i, weight in enumerate(weights.tolist()):
        _, _, _, alone = run(DiffusionGuidanceConfig(weight=weight))
        torch.testing.assert_close(mixed.images.grad[i], alone.images.grad[i])


def test_the_negative_prompt_stands_in_for_the_empty_one():
    _, _, model, _ = run(DiffusionGuidanceConfig(negative="blurry"))
    assert "blurry" in model.asked
    assert "" not in model.asked
    tokens = model.calls[0][2].tokens
    torch.testing.assert_close(tokens[:3], embedding("blurry").expand(3, 1, 3))


def test_rescaled_guidance_is_applied_in_the_space_of_the_gradient():
    config = DiffusionGuidanceConfig(
        weight=30.0, space="x0", weighting="uniform", rescale=1.0, per_pixel=False
    )
    _, _, model, shown = run(config, FormulaModel("v_prediction"))
    x = model.encode(shown.images).detach()
    t, _, noisy, a, s = recorded(model, x)
    wanted = x - shown.images.grad.permute(0, 3, 1, 2) / 2 * 3
    plain = a * noisy - s * guided(noisy, t, shown, 1.0)
    torch.testing.assert_close(wanted.std((1, 2, 3)), plain.std((1, 2, 3)), rtol=1e-3, atol=0)


def test_perp_neg_pushes_away_from_the_other_views():
    config = DiffusionGuidanceConfig(weight=10.0, perp_neg=True, per_pixel=False)
    _, _, model, shown = run(config)
    noisy, t, condition, cameras = model.calls[0]
    # The empty prompt, the prompt, two negatives; three objects each.
    assert len(noisy) == 4 * 3 == len(cameras)
    outputs = formula(noisy, t, condition.tokens).unflatten(0, (4, 3))
    from training.guidance.diffusion.combine import perp_negative
    from training.prompts.views import perp_negatives

    _, weights = perp_negatives(shown.cameras, "paper")
    assert (weights < 0).any()
    direction = perp_negative(outputs[0], outputs[1], outputs[2:], weights)
    x = model.encode(shown.images).detach()
    t, noise, _, _, s = recorded(model, x)
    gradient = s**2 * (outputs[0] + 10.0 * direction - noise)
    expected = 2.0 * gradient.permute(0, 2, 3, 1) / 3
    torch.testing.assert_close(shown.images.grad, expected, rtol=2e-3, atol=1e-3)


def test_regularizers_are_added_and_logged():
    shown = Shown(regularizers={"opacity": torch.tensor(0.25)})
    loss, parts, _, _ = run(DiffusionGuidanceConfig(), shown=shown)
    assert parts["opacity"] == 0.25
    assert loss.item() == pytest.approx(parts["sds"] + 0.25)


@pytest.mark.parametrize(
    ("name", "formula_of"),
    [
        ("dreamfusion", lambda bar: 1 - bar),
        ("uniform", lambda bar: 1 + 0 * bar),
        ("fantasia3d", lambda bar: bar**0.5 * (1 - bar)),
        ("snr", lambda bar: (bar / (1 - bar)) ** 0.5),
    ],
)
def test_weightings(name, formula_of):
    t = torch.tensor([0, 250, 999])
    weight = weight_of(name, SCHEDULE, t)
    torch.testing.assert_close(weight[:, 0, 0, 0], formula_of(LEVELS[t]))


def test_gradients_can_be_normalised_or_clipped():
    gradient = torch.tensor([0.01, 1.0, 50.0])[:, None, None, None] * torch.randn(3, 3, 4, 4)

    def size(x):
        return x.square().mean((1, 2, 3)).sqrt()

    torch.testing.assert_close(
        size(limit_gradient(gradient, normalise=True, clip=0.0)), torch.ones(3)
    )
    clipped = limit_gradient(gradient, normalise=False, clip=2.0)
    assert torch.equal(clipped[0], gradient[0])
    assert size(clipped)[2].item() == pytest.approx(2.0)
    zero = torch.zeros(1, 3, 4, 4)
    for normalise in (True, False):
        assert torch.equal(limit_gradient(zero, normalise=normalise, clip=1.0), zero)


def test_the_generator_decides_everything():
    first, again, other = (run(DiffusionGuidanceConfig(), seed=seed)[0] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_view_words_of_the_camera_are_in_the_diffusion_prompt():
    _, _, model, shown = run(DiffusionGuidanceConfig())
    assert set(model.asked) == {"", *texts(shown)}
    _, _, model, shown = run(DiffusionGuidanceConfig(views="none"))
    assert set(model.asked) == {"", *PROMPTS}


def test_blended_words_mix_the_embeddings():
    """The first camera is at 30 degrees: two thirds front, one third side."""
    _, _, model, _ = run(DiffusionGuidanceConfig(blended=True))
    tokens = model.calls[0][2].tokens[3]
    expected = 2 / 3 * embedding("a duck, front view") + 1 / 3 * embedding("a duck, side view")
    torch.testing.assert_close(tokens, expected, rtol=1e-4, atol=1e-5)


def test_everything_that_may_be_asked_is_prepared():
    model = FormulaModel()
    DiffusionGuidance(model, PROMPTS, DiffusionGuidanceConfig(negative="ugly"), Shown())
    assert len(model.prepared) == 1 + 3 * 3
    assert {"ugly", "a pig, front view", "a duck, rear view"} <= set(model.prepared)


def test_the_model_is_told_the_cameras():
    _, _, model, shown = run(DiffusionGuidanceConfig())
    cameras = model.calls[0][3]
    torch.testing.assert_close(cameras.azimuth, shown.cameras.azimuth.repeat(2))


@pytest.mark.parametrize(
    "wrong",
    [
        {"weight": -1.0},
        {"rescale": 1.5},
        {"clip": -1.0},
        {"clamp": True, "space": "noise"},
        {"perp_neg": True, "views": "none"},
    ],
)
def test_options_that_do_not_go_together_are_refused(wrong):
    with pytest.raises(TrainingError) as error:
        DiffusionGuidanceConfig(**wrong)
    assert "--diffusion." in error.value.remedy


def test_latents_cannot_be_clamped_and_words_must_be_those_of_training():
    config = DiffusionGuidanceConfig(space="x0", clamp=True)
    latent = FormulaModel()
    latent.pixels = False
    with pytest.raises(TrainingError, match="latents"):
        DiffusionGuidance(latent, PROMPTS, config, Shown())
    sided = FormulaModel()
    sided.views = "sided"
    with pytest.raises(TrainingError, match="sided"):
        DiffusionGuidance(sided, PROMPTS, config, Shown())
    DiffusionGuidance(sided, PROMPTS, dataclasses.replace(config, views="sided"), Shown())


@pytest.mark.parametrize("scheme", ["sided", "angles", "close"])
def test_view_words_may_be_the_models_own(scheme):
    config = DiffusionGuidanceConfig(views="model")
    own = FormulaModel()
    own.views = scheme
    guidance = DiffusionGuidance(own, PROMPTS, config, Shown())
    assert guidance.config == dataclasses.replace(config, views=scheme)
    with pytest.raises(TrainingError, match="does not say which view words"):
        DiffusionGuidance(FormulaModel(), PROMPTS, config, Shown())
    if scheme == "angles":
        with pytest.raises(TrainingError, match="Perp-Neg"):
            DiffusionGuidance(own, PROMPTS, dataclasses.replace(config, perp_neg=True), Shown())


def test_close_ups_are_asked_of_models_that_know_them():
    """Hub models may; our own were trained on the pictures that their view words tell apart."""
    own = FormulaModel()
    close = CameraConfig(close=0.4)
    for views in (None, "close"):
        own.views = views
        check_close_ups(own, close)
    for views in ("sided", "angles"):
        own.views = views
        check_close_ups(own, CameraConfig())
        with pytest.raises(TrainingError, match="knows no close-ups"):
            check_close_ups(own, close)
