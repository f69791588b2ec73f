"""The interpolation types of diffusion guidance (A28, Eq. 8-11)."""

import pytest
import torch

from backend.protocol.errors import TrainingError
from tests.training.guidance.fakes import FormulaModel, Shown, embedding, formula, recorded, step_of
from training.guidance.diffusion import DiffusionGuidance, DiffusionGuidanceConfig
from training.guidance.diffusion.interpolation import ends_of
from training.guidance.diffusion.sds import distillation_loss
from training.prompts import PromptMix

PROMPTS = ["a tree in spring", "a tree in summer", "a tree in winter"]
KINDS = ["none", "latent", "loss", "bernoulli", "guidance"]
CONFIG = DiffusionGuidanceConfig(weight=8.0, views="none", per_pixel=False)
MIX = PromptMix(
    torch.tensor([[0, 1], [1, 2], [2, 0]]),
    torch.tensor([[0.25, 0.75], [0.5, 0.5], [0.9, 0.1]]),
)
SURE = PromptMix(MIX.prompts, torch.tensor([[0.0, 1.0], [0.0, 1.0], [0.0, 1.0]]))


def run(kind, mix=MIX, config=CONFIG, seed=0):
    model, shown = FormulaModel(), Shown()
    guidance = DiffusionGuidance(model, PROMPTS, config, shown, kind)
    loss, _ = guidance(step_of(mix, seed=seed))
    loss.backward()
    return model, shown.images.grad


@pytest.mark.parametrize("perp_neg", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_every_type_pulls_at_every_object(kind, perp_neg):
    config = DiffusionGuidanceConfig(perp_neg=perp_neg)
    mix = PromptMix(torch.tensor([[0, 1, 2]] * 3), torch.tensor([[0.2, 0.5, 0.3]] * 3))
    _, gradient = run(kind, mix, config)
    assert torch.isfinite(gradient).all()
    assert (gradient.abs().sum((1, 2, 3)) > 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_with_all_of_one_end_every_type_asks_for_that_end(kind):
    """Up to the draw of noise, which "bernoulli" and "loss" make after other draws."""
    model, gradient = run(kind, SURE)
    _, plain = run("none", PromptMix.plain([1, 2, 0]))
    if kind in ("none", "latent", "guidance"):
        torch.testing.assert_close(gradient, plain, rtol=1e-4, atol=1e-4)
    said = torch.stack([embedding(PROMPTS[i]) for i in (1, 2, 0)])
    torch.testing.assert_close(model.calls[-1][2].tokens[-3:], said)


@pytest.mark.parametrize("kind", ["latent", "guidance"])
def test_equal_ends_are_one_prompt(kind):
    same = PromptMix(torch.tensor([[0, 0], [1, 1], [2, 2]]), MIX.shares)
    _, gradient = run(kind, same)
    _, plain = run("none", PromptMix.plain([0, 1, 2]))
    torch.testing.assert_close(gradient, plain, rtol=1e-4, atol=1e-4)


def test_none_asks_for_the_leading_prompt():
    model, _ = run("none")
    asked = model.calls[0][2].tokens[3:]
    torch.testing.assert_close(asked, torch.stack([embedding(PROMPTS[i]) for i in (1, 1, 2)]))


def test_latent_asks_for_the_mix_of_the_embeddings():
    model, _ = run("latent")
    asked = model.calls[0][2].tokens[3:]
    for i in range(3):
        expected = sum(
            MIX.shares[i, j] * embedding(PROMPTS[int(MIX.prompts[i, j])]) for j in range(2)
        )
        torch.testing.assert_close(asked[i], expected)


def test_guidance_is_the_corrected_equation_11():
    model, gradient = run("guidance")
    x = Shown().images.permute(0, 3, 1, 2).detach() * 2 - 1
    t, noise, noisy, _, s = recorded(model, x)
    empty = formula(noisy, t, embedding("").expand(3, 1, 3))
    guided = empty.clone()
    for i in range(3):
        for j in range(2):
            said = embedding(PROMPTS[int(MIX.prompts[i, j])])[None]
            end = formula(noisy[i : i + 1], t[i : i + 1], said)[0]
            guided[i] += MIX.shares[i, j] * 8.0 * (end - empty[i])
    expected = 2.0 * (s**2 * (guided - noise)).permute(0, 2, 3, 1) / 3
    torch.testing.assert_close(gradient, expected, rtol=2e-3, atol=1e-3)


def test_loss_is_the_sum_of_the_ends_losses_by_share_each_with_its_own_noise():
    model, gradient = run("loss")
    x = Shown().images.permute(0, 3, 1, 2).detach() * 2 - 1
    assert len(model.calls) == 2
    assert not torch.equal(model.calls[0][1], model.calls[1][1])
    x.requires_grad_()
    total = torch.zeros(3)
    for j in range(2):
        t, noise, noisy, _, s = recorded(model, x.detach(), call=j)
        said = torch.stack([embedding(PROMPTS[int(p)]) for p in MIX.prompts[:, j]])
        empty = formula(noisy, t, embedding("").expand(3, 1, 3))
        guided = empty + 8.0 * (formula(noisy, t, said) - empty)
        total = total + MIX.shares[:, j] * distillation_loss(x, s**2 * (guided - noise))
    total.mean().backward()
    expected = 2.0 * x.grad.permute(0, 2, 3, 1)
    torch.testing.assert_close(gradient, expected, rtol=2e-3, atol=1e-3)


def test_bernoulli_draws_ends_by_their_shares():
    mix = PromptMix(torch.tensor([[0, 1, 2]] * 6_000), torch.tensor([[0.2, 0.7, 0.1]] * 6_000))
    ends = ends_of(mix, "bernoulli", torch.Generator().manual_seed(0))
    assert ends.prompts.shape == ends.shares.shape == (6_000, 1)
    assert (ends.shares == 1).all()
    counts = torch.bincount(ends.prompts[:, 0], minlength=3) / 6_000
    torch.testing.assert_close(counts, torch.tensor([0.2, 0.7, 0.1]), atol=0.02, rtol=0)


def test_a_diffusion_model_has_no_truth_between_prompts():
    with pytest.raises(TrainingError, match="true picture"):
        DiffusionGuidance(FormulaModel(), PROMPTS, CONFIG, Shown(), "truth")
