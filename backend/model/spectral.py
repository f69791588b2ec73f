"""Spectral norm (A11): torch's parametrization, applied and folded into plain weights."""

from __future__ import annotations

from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize


def add_spectral_norm(module: nn.Module) -> None:
    """Divide the weight of every linear layer in ``module`` by its largest singular value."""
    for layer in list(module.modules()):
        if isinstance(layer, nn.Linear):
            parametrizations.spectral_norm(layer)


def apply_output(
    layer: nn.Linear, latent: Float[Tensor, "prompts v"], gain: float
) -> Float[Tensor, "prompts size"]:
    """``gain`` times a layer without bias that is far higher than wide.

    The same as calling the layer, but under spectral norm v is divided by the norm instead of the
    weight: the large matrix is neither copied nor divided, nor its gradient.
    """
    if not parametrize.is_parametrized(layer, "weight"):
        return layer(latent * gain)
    weight: Tensor = cast(Any, layer.parametrizations).weight.original
    norm = cast(Any, layer.parametrizations).weight[0]
    if layer.training:
        norm._power_method(weight.detach(), norm.n_power_iterations)
    # What torch's parametrization divides by, after its power iteration.
    u, v = norm._u.clone(), norm._v.clone()
    return nn.functional.linear(latent * (gain / torch.vdot(u, torch.mv(weight, v))), weight)


def plain_state(module: nn.Module) -> dict[str, Tensor]:
    """``module``'s state as if it had no parametrizations: their results in the weights' places."""
    training = {name: part.training for name, part in module.named_modules()}
    module.eval()  # in training mode, looking at a weight advances its power iteration
    state = {k: v.detach() for k, v in module.state_dict().items() if ".parametrizations." not in k}
    for name, part in module.named_modules():
        if name.endswith("parametrizations") or ".parametrizations." in name:
            continue
        if parametrize.is_parametrized(part, "weight"):
            state[f"{name}.weight"] = cast(Tensor, part.weight).detach()
    for name, part in module.named_modules():
        part.training = training[name]
    return {k: v for k, v in state.items() if not k.startswith("parametrizations.")}


def largest_singular_values(module: nn.Module) -> dict[str, float]:
    """Of the weight of every linear layer in ``module``, exactly."""
    norms = {}
    for name, weight in plain_state(module).items():
        if name.endswith("weight") and weight.ndim == 2:
            tall = weight.shape[0] > weight.shape[1]
            weight = weight.double()
            square = weight.T @ weight if tall else weight @ weight.T
            largest = torch.linalg.eigvalsh(square)[-1]
            norms[name] = largest.clamp_min(0.0).sqrt().item()
    return norms
