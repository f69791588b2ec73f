"""Guidance: a network's several outputs for one noisy image become the guided one.

Here ``e_u`` is the output for the empty (or negative) prompt and ``e`` that for the prompt. All of
this is linear in the outputs up to a factor an image, so it reads the same for noise, v and x_0.

The weight ``w`` is that of ``e_u + w (e - e_u)``, as in Imagen, diffusers and Eq. 11: 1 is no
guidance. Ho and Salimans, DreamFusion and threestudio write ``e + w' (e - e_u)``: their ``w'`` is
our ``w - 1``.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

Images = Float[Tensor, "images channels height width"]


def classifier_free(unconditional: Images, conditional: Images, weight: Tensor) -> Images:
    """``e_u + w (e - e_u)``; ``weight``: one an image."""
    return unconditional + _each(weight) * (conditional - unconditional)


def between_prompts(
    unconditional: Images,
    ends: Float[Tensor, "ends images channels height width"],
    shares: Float[Tensor, "images ends"],
    weight: Tensor,
) -> Images:
    """``e_u + sum_i share_i w (e_i - e_u)``: guidance interpolation (A28).

    Eq. 11 with the subtracted ``e_u`` that it leaves out, and for any number of ends. With share
    one for an end, or equal ends, it is :func:`classifier_free`.
    """
    direction = torch.einsum("ni,inchw->nchw", shares.to(ends), ends - unconditional)
    return unconditional + _each(weight) * direction


def perpendicular(x: Images, direction: Images) -> Images:
    """The part of each image of ``x`` at right angles to that of ``direction``."""
    dot = (x * direction).sum((1, 2, 3), keepdim=True)
    square = direction.square().sum((1, 2, 3), keepdim=True)
    return x - dot / square.clamp_min(1e-12) * direction


def perp_negative(
    unconditional: Images,
    conditional: Images,
    negatives: Float[Tensor, "negatives images channels height width"],
    weights: Float[Tensor, "images negatives"],
) -> Images:
    """``e - e_u + sum_j w_j perpendicular(n_j - e_u, e - e_u)``: Perp-Neg's direction.

    Armandpour et al. 2023: what a negative prompt shares with the prompt is kept, the rest
    pushed away from; the weights are negative.
    """
    towards = conditional - unconditional
    total = towards
    for negative, weight in zip(negatives, weights.T, strict=True):
        total = total + _each(weight) * perpendicular(negative - unconditional, towards)
    return total


def rescale(guided: Images, conditional: Images, share: float) -> Images:
    """Guidance with the spread of the unguided output (Lin et al. 2023, Eq. 15 and 16).

    ``share * guided * std(conditional) / std(guided) + (1 - share) * guided``, with an image's own
    standard deviations. Lin et al. use 0.7; MVDream 0.5, on x_0.
    """
    if share == 0.0:
        return guided
    factor = conditional.std((1, 2, 3), keepdim=True) / guided.std(
        (1, 2, 3), keepdim=True
    ).clamp_min(1e-8)
    return guided * (share * factor + (1.0 - share))


def _each(weight: Float[Tensor, " images"]) -> Float[Tensor, "images 1 1 1"]:
    return weight[:, None, None, None]
