"""Score distillation (A18).

For images ``x = encode(render(theta))``, noise ``eps`` and a level ``t``, with
``x_t = a_t x + s_t eps`` and ``eps_hat`` the network's guided noise for ``x_t`` and the prompt,

    d loss / d x = w(t) (eps_hat - eps)                                     (space "noise")

exactly: the network's Jacobian is left out (DreamFusion, Eq. 3). It is made as the gradient of

    loss = 1/2 || x - stop(x - w(t) (eps_hat - eps)) ||^2.

In the space of clean images, with ``x0_hat = (x_t - s_t eps_hat) / a_t``,

    d loss / d x = w(t) (x - x0_hat)                                        (space "x0")

is the same direction, since ``x - x0_hat = s_t / a_t (eps_hat - eps)``, until ``x0_hat`` is clamped
to the range of images or its spread is rescaled (MVDream). There ``w`` is usually one.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .schedule import NoiseSchedule

Noise = Literal["drawn", "fixed"]
Space = Literal["noise", "x0"]
Weighting = Literal["dreamfusion", "uniform", "fantasia3d", "snr"]
"""w(t), by where it comes from:

``dreamfusion``  ``s_t^2 = 1 - alpha_bar_t`` (Poole et al. 2022; threestudio's "sds")
``uniform``      1; also what Score Jacobian Chaining's variance-reduced gradient comes to
                 (Wang et al. 2022), as ``a_t / s_t (x - x0_hat) = eps_hat - eps``
``fantasia3d``   ``a_t s_t^2 = sqrt(alpha_bar_t) (1 - alpha_bar_t)`` (Chen et al. 2023; threestudio)
``snr``          ``a_t / s_t``: with space "x0" the gradient of "uniform" in space "noise"
"""

Images = Float[Tensor, "images channels height width"]


def weight_of(
    weighting: Weighting, schedule: NoiseSchedule, t: Int[Tensor, " images"]
) -> Float[Tensor, "images 1 1 1"]:
    """``w(t)`` of each image."""
    a, s = schedule.signal(t), schedule.sigma(t)
    if weighting == "dreamfusion":
        return s.square()
    if weighting == "fantasia3d":
        return a * s.square()
    if weighting == "snr":
        return a / s.clamp_min(1e-4)
    return torch.ones_like(a)


def distillation_loss(x: Images, gradient: Images) -> Float[Tensor, " images"]:
    """A loss an image whose gradient with respect to ``x`` is ``gradient``, exactly.

    Its value, half the gradient's square, says how far the network wants the image to move.
    """
    # x - stop(x - gradient), without the rounding of x - gradient.
    pull = (x - x.detach()) + gradient.detach()
    return 0.5 * pull.square().sum((1, 2, 3))


def limit_gradient(gradient: Images, *, normalise: bool, clip: float) -> Images:
    """The gradient with each image's root mean square set to one, or bounded by ``clip``.

    ``clip`` 0 does not bound. A gradient of zero stays zero.
    """
    if not normalise and clip == 0.0:
        return gradient
    size = gradient.square().mean((1, 2, 3), keepdim=True).sqrt()
    if normalise:
        gradient = gradient / size.clamp_min(1e-12)
        size = (size > 1e-12).to(size)
    if clip > 0.0:
        gradient = gradient * (clip / size.clamp_min(1e-12)).clamp_max(1.0)
    return gradient
