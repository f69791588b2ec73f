"""Noise, v and clean image: each follows from the others."""

import torch

from tests.training.guidance.fakes import LEVELS
from training.diffusion.pipeline import import_diffusers
from training.guidance.diffusion.loading import schedule_of
from training.guidance.diffusion.schedule import NoiseSchedule

T = torch.tensor([0, 300, 999])


def test_every_parameterisation_gives_the_noise_and_the_clean_image_back():
    schedule = NoiseSchedule(LEVELS)
    x0, noise = torch.randn(2, 3, 3, 4, 4)
    noisy = schedule.add_noise(x0, noise, T)
    velocity = schedule.signal(T) * noise - schedule.sigma(T) * x0
    for output, kind in ((noise, "epsilon"), (velocity, "v_prediction"), (x0, "sample")):
        torch.testing.assert_close(
            schedule.noise_of(output, noisy, T, kind), noise, rtol=1e-3, atol=2e-3
        )
        torch.testing.assert_close(schedule.x0_of(output, noisy, T, kind), x0, rtol=1e-3, atol=2e-4)


def test_levels_and_velocity_are_those_of_diffusers():
    scheduler = import_diffusers().DDPMScheduler(
        beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction"
    )
    schedule, prediction = schedule_of(scheduler.config)
    assert prediction == "v_prediction"
    assert len(schedule) == 1000
    torch.testing.assert_close(schedule.alphas_cumprod, scheduler.alphas_cumprod)
    x0, noise = torch.randn(2, 3, 3, 4, 4)
    noisy = schedule.add_noise(x0, noise, T)
    torch.testing.assert_close(noisy, scheduler.add_noise(x0, noise, T))
    velocity = scheduler.get_velocity(x0, noise, T)
    torch.testing.assert_close(schedule.x0_of(velocity, noisy, T, prediction), x0)


def test_pure_noise_at_the_end_of_a_schedule_gives_finite_clean_images():
    scheduler = import_diffusers().DDPMScheduler(rescale_betas_zero_snr=True)
    schedule, _ = schedule_of(scheduler.config)
    last = torch.tensor([999])
    noisy = torch.randn(1, 3, 4, 4)
    for kind in ("epsilon", "v_prediction", "sample"):
        assert torch.isfinite(schedule.x0_of(0.9 * noisy, noisy, last, kind)).all()
