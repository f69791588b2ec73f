"""The objective and the sampler, against formulas."""

import pytest
import torch
from torch import nn

from training.diffusion.config import preset
from training.diffusion.loop import learning_rate
from training.diffusion.model import build_scheduler, noise_levels, sample, snr_weights, v_loss

TOKENS = torch.zeros(5, 2, 4)


class Constant(nn.Module):
    """Predicts the same v everywhere."""

    def __init__(self, value):
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))

    def forward(self, noisy, t, tokens):
        return self.value.expand_as(noisy)


def levels(scheduler, t):
    alpha_bar = scheduler.alphas_cumprod[t][:, None, None, None]
    return alpha_bar.sqrt(), (1 - alpha_bar).sqrt()


@pytest.mark.parametrize("gamma", [0.0, 5.0])
def test_the_loss_is_the_weighted_error_of_v(gamma):
    scheduler = build_scheduler()
    clean, noise = torch.randn(5, 3, 4, 4), torch.randn(5, 3, 4, 4)
    t = torch.tensor([0, 10, 300, 700, 999])
    alpha, sigma = levels(scheduler, t)
    wanted = alpha * noise - sigma * clean
    snr = ((alpha / sigma) ** 2).flatten()
    weight = snr.clamp_max(gamma) / (snr + 1) if gamma else torch.ones(5)
    expected = weight * (0.25 - wanted).square().mean((1, 2, 3))
    loss = v_loss(Constant(0.25), scheduler, clean, TOKENS, noise, t, min_snr=gamma)
    assert torch.allclose(loss, expected, rtol=1e-3, atol=1e-7)


def test_weights_fall_only_where_the_picture_is_clear():
    scheduler = build_scheduler()
    weights = snr_weights(scheduler, torch.arange(1000), 5.0)
    snr = scheduler.alphas_cumprod / (1 - scheduler.alphas_cumprod)
    assert weights.max() == pytest.approx(5 / 6, abs=0.01)
    assert snr[weights.argmax()] == pytest.approx(5.0, rel=0.02)
    assert (weights >= 0).all()


def test_levels_cover_all_noise_evenly():
    generator = torch.Generator().manual_seed(0)
    batches = torch.stack([noise_levels(20, generator) for _ in range(500)])
    assert batches.min() == 0 and batches.max() == 999
    assert torch.bincount(batches.flatten() // 100).tolist() == [1000] * 10
    for batch in batches:
        assert torch.bincount(batch // 50, minlength=20).max() <= 2
    # Not in the order of the rows, or a prompt could always have the same level.
    assert batches.float().mean(0).std() < 40


@pytest.mark.parametrize("kind", ["cosine", "linear"])
def test_zero_terminal_snr(kind):
    assert build_scheduler(kind, zero_terminal_snr=True).alphas_cumprod[-1] < 1e-6
    ordinary = build_scheduler(kind).alphas_cumprod
    assert ordinary[-1] > 0
    assert (ordinary.diff() < 0).all()


class Knowing(nn.Module):
    """Knows the picture: predicts the v that leads to it, whatever the noise."""

    def __init__(self, scheduler, picture):
        super().__init__()
        self.scheduler, self.picture = scheduler, picture
        self.anchor = nn.Parameter(torch.zeros(()))
        self.asked = []

    def forward(self, noisy, t, tokens):
        self.asked.append(len(tokens))
        alpha, sigma = levels(self.scheduler, t)
        target = self.picture * tokens.mean((1, 2))[:, None, None, None]
        noise = (noisy - alpha * target) / sigma
        return alpha * noise - sigma * target


@pytest.mark.parametrize("steps", [4, 20])
def test_the_sampler_arrives_where_the_network_points(steps):
    scheduler = build_scheduler()
    picture = torch.rand(3, 4, 4) * 1.6 - 0.8
    network = Knowing(scheduler, picture)
    made = sample(
        network, scheduler, torch.ones(3, 2, 4), torch.zeros(2, 4), 4, 1.0,
        torch.Generator().manual_seed(0), steps=steps, batch=2,
    )  # fmt: skip
    expected = (picture.permute(1, 2, 0) / 2 + 0.5).expand(3, -1, -1, -1)
    assert torch.allclose(made, expected, atol=2e-2)
    assert network.asked == [2] * steps + [1] * steps  # weight 1 never asks for the empty caption


def test_guidance_extrapolates_from_the_empty_caption():
    scheduler = build_scheduler()
    picture = torch.rand(3, 4, 4) * 0.4 - 0.2
    network = Knowing(scheduler, picture)
    made = sample(
        network, scheduler, torch.ones(1, 2, 4), torch.full((2, 4), 0.5), 4, 3.0,
        torch.Generator().manual_seed(0),
    )  # fmt: skip
    # Without: half the picture; with: the whole; three times the difference on top of the half.
    expected = (2.0 * picture.permute(1, 2, 0) / 2 + 0.5)[None]
    assert torch.allclose(made, expected, atol=2e-2)


def test_the_rate_rises_stays_and_falls():
    config = preset("cpu32")
    rates = [learning_rate(config, index) for index in range(config.steps)]
    assert rates[0] == pytest.approx(config.lr / config.warmup)
    assert rates[config.warmup : int(config.steps * (1 - config.cool))] == [config.lr] * (
        int(config.steps * (1 - config.cool)) - config.warmup
    )
    falling = rates[int(config.steps * (1 - config.cool)) :]
    assert falling == sorted(falling, reverse=True)
    assert falling[-1] < 1e-3 * config.lr
