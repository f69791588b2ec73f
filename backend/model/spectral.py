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


class _DividedLinear(torch.autograd.Function):
    """``x W^T gain / sigma`` for a W far higher than wide, where sigma, W's spectral norm, is
    ``u^T W v``.

    On a CPU the cost is the number of passes over W's memory. Written out as torch operations the
    gradient takes three such passes to make (one for the product, one for sigma's, one for their
    sum); as one product of joined factors it takes one. Single precision under autocast too: the
    result is a grid.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Float[Tensor, "prompts v"],
        weight: Float[Tensor, "size v"],
        u: Float[Tensor, " size"],
        v: Float[Tensor, " v"],
        sigma: Float[Tensor, ""],
        gain: float,
    ) -> Float[Tensor, "prompts size"]:
        with torch.autocast(x.device.type, enabled=False):
            scaled = x.to(weight.dtype) * (gain / sigma)
            ctx.save_for_backward(scaled, weight, u, v, sigma)
            ctx.gain = gain
            return nn.functional.linear(scaled, weight)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Float[Tensor, "prompts size"]) -> tuple[Any, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        scaled, weight, u, v, sigma = ctx.saved_tensors
        grad = grad.to(weight.dtype)
        back = grad @ weight
        grad_weight = None
        if ctx.needs_input_grad[1]:
            # d sigma / dW = u v^T, and the result falls as 1 / sigma.
            grad_sigma = -(back * scaled).sum() / sigma
            rows = torch.cat([grad, (grad_sigma * u)[None]])
            grad_weight = rows.T @ torch.cat([scaled, v[None]])
        return back * (ctx.gain / sigma), grad_weight, None, None, None, None


def apply_output(
    layer: nn.Linear, latent: Float[Tensor, "prompts v"], gain: float
) -> Float[Tensor, "prompts size"]:
    """``gain`` times a layer without bias that is far higher than wide.

    The same as calling the layer in torch, power iteration and all, but under spectral norm v is
    divided by the norm instead of the weight: the large matrix is neither copied nor divided.
    """
    if not parametrize.is_parametrized(layer, "weight"):
        return layer(latent * gain)
    weight: Tensor = cast(Any, layer.parametrizations).weight.original
    norm = cast(Any, layer.parametrizations).weight[0]
    sigma = weight.new_zeros(())
    with torch.no_grad(), torch.autocast(weight.device.type, enabled=False):
        if layer.training:
            for _ in range(norm.n_power_iterations):
                _normalise(torch.mv(weight, norm._v), norm._u, norm.eps)
                sigma = _normalise(torch.mv(weight.T, norm._u), norm._v, norm.eps)
        else:
            sigma = torch.vdot(norm._u, torch.mv(weight, norm._v))
    # Copies: the next step's power iteration writes into the buffers.
    u, v = norm._u.clone(), norm._v.clone()
    return cast(Tensor, _DividedLinear.apply(latent, weight, u, v, sigma, gain))


def _normalise(
    vector: Float[Tensor, " n"], into: Float[Tensor, " n"], eps: float
) -> Float[Tensor, ""]:
    """Write ``vector`` over its length into ``into``; return the length.

    The length of ``W^T u`` is ``u^T W v`` for the unit v along it: no pass over W to find sigma.
    """
    length = vector.norm().clamp_min(eps)
    torch.div(vector, length, out=into)
    return length


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
