"""The forward process of a diffusion model, and its three parameterisations.

    x_t = a_t x_0 + s_t eps,    a_t = sqrt(alpha_bar_t),    s_t = sqrt(1 - alpha_bar_t)

A network predicts the noise ``eps``, the clean image ``x_0``, or ``v = a_t eps - s_t x_0``
(Salimans and Ho 2022). Each follows linearly from any other, given ``x_t``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

Prediction = Literal["epsilon", "v_prediction", "sample"]
"""What a network's output means: ``eps``, ``v`` or ``x_0``; diffusers' names."""

_LEAST_SIGNAL = 1e-4
"""Where a schedule ends in pure noise, x_0 does not follow from eps; bounds the division."""


@dataclass(frozen=True)
class NoiseSchedule:
    """Noise levels of a model's timesteps 0 .. T - 1."""

    alphas_cumprod: Float[Tensor, " timesteps"]
    """alpha_bar: from almost one down to almost zero."""

    def __len__(self) -> int:
        return len(self.alphas_cumprod)

    def to(self, device: torch.device | str) -> NoiseSchedule:
        return NoiseSchedule(self.alphas_cumprod.to(device))

    def signal(self, t: Int[Tensor, " images"]) -> Float[Tensor, "images 1 1 1"]:
        """Factor of the signal at each noise level, ``a_t``."""
        return self.alphas_cumprod[t].sqrt()[:, None, None, None]

    def sigma(self, t: Int[Tensor, " images"]) -> Float[Tensor, "images 1 1 1"]:
        """Factor of the noise at each noise level, ``s_t``."""
        return (1.0 - self.alphas_cumprod[t]).sqrt()[:, None, None, None]

    def add_noise(
        self,
        x0: Float[Tensor, "images channels height width"],
        noise: Float[Tensor, "images channels height width"],
        t: Int[Tensor, " images"],
    ) -> Float[Tensor, "images channels height width"]:
        """The noisy images ``x_t``."""
        return self.signal(t) * x0 + self.sigma(t) * noise

    def noise_of(
        self,
        output: Float[Tensor, "images channels height width"],
        noisy: Float[Tensor, "images channels height width"],
        t: Int[Tensor, " images"],
        prediction: Prediction,
    ) -> Float[Tensor, "images channels height width"]:
        """``eps`` from a network's output."""
        if prediction == "epsilon":
            return output
        a, s = self.signal(t), self.sigma(t)
        if prediction == "v_prediction":
            return s * noisy + a * output
        return (noisy - a * output) / s.clamp_min(_LEAST_SIGNAL)

    def x0_of(
        self,
        output: Float[Tensor, "images channels height width"],
        noisy: Float[Tensor, "images channels height width"],
        t: Int[Tensor, " images"],
        prediction: Prediction,
    ) -> Float[Tensor, "images channels height width"]:
        """``x_0`` from a network's output."""
        if prediction == "sample":
            return output
        a, s = self.signal(t), self.sigma(t)
        if prediction == "v_prediction":
            return a * noisy - s * output
        return (noisy - s * output) / a.clamp_min(_LEAST_SIGNAL)
