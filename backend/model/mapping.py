"""The mapping network: a text embedding becomes the numbers of a feature grid (A4, A8, A11)."""

from __future__ import annotations

from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize


class MappingNetwork(nn.Module):
    """``flatten(c) -> linear -> SiLU -> v -> linear without bias -> grid`` (Eq. 3-5).

    Spectral norm (A11) is torch's parametrization. :meth:`plain_weights` are the weights without
    it, which is what checkpoints hold and inference uses.
    """

    shift: Tensor
    scale: Tensor

    def __init__(
        self, inputs: int, latent: int, outputs: int, *, spectral_norm: bool, gain: float
    ) -> None:
        super().__init__()
        self.encode = nn.Linear(inputs, latent)
        self.decode = nn.Linear(latent, outputs, bias=False)
        self.gain = gain
        # On the CPU even while the rest is built without memory: nothing loads them.
        self.register_buffer("shift", torch.zeros((), device="cpu"), persistent=False)
        self.register_buffer("scale", torch.ones((), device="cpu"), persistent=False)
        if spectral_norm:
            parametrizations.spectral_norm(self.encode)
            parametrizations.spectral_norm(self.decode)

    def latent(
        self, embedding: Float[Tensor, "prompts tokens width"]
    ) -> Float[Tensor, "prompts v"]:
        """v, the bottleneck (Eq. 4)."""
        centered = (embedding.flatten(1) - self.shift) / self.scale
        return nn.functional.silu(self.encode(centered))

    def center_on(self, embeddings: Float[Tensor, "prompts tokens width"]) -> None:
        """Take embeddings relative to the mean of these, in units of their spread."""
        flat = embeddings.flatten(1)
        self.shift = flat.mean(0)
        self.scale = (flat - self.shift).square().mean().sqrt().clamp_min(1e-6)

    def plain_weights(self) -> dict[str, Tensor]:
        """The same function as two plain linear layers: what a checkpoint holds.

        Spectral norm is applied, and the shift and scale of the embeddings folded into ``encode``.
        """
        was_training = self.training
        self.eval()
        encode, decode = self.encode.weight.detach(), self.decode.weight.detach()
        self.train(was_training)
        weight = encode / self.scale
        return {
            "encode.weight": weight,
            "encode.bias": self.encode.bias.detach() - (weight * self.shift).sum(1),
            "decode.weight": decode,
        }

    def grid(self, latent: Float[Tensor, "prompts v"]) -> Float[Tensor, "prompts size"]:
        """The grid's values; linear in v (Eq. 5), so blends of grids are grids of blended v."""
        if not parametrize.is_parametrized(self.decode, "weight"):
            return self.decode(latent * self.gain)
        # The same as applying the parametrized layer, but v is divided by the spectral norm
        # instead of the weight: the large matrix is neither copied nor divided, nor its gradient.
        weight = self.decode.parametrizations.weight.original
        return nn.functional.linear(latent * (self.gain / self._spectral_norm(weight)), weight)

    def _spectral_norm(self, weight: Float[Tensor, "size v"]) -> Float[Tensor, ""]:
        """The estimate that torch's parametrization divides by, after its power iteration."""
        norm = cast(Any, self.decode.parametrizations.weight)[0]
        if self.training:
            norm._power_method(weight.detach(), norm.n_power_iterations)
        u, v = norm._u.clone(), norm._v.clone()
        return torch.vdot(u, torch.mv(weight, v))

    def spectral_norms(self) -> tuple[float, float]:
        """Largest singular value of both weights, exactly."""
        norms = []
        for layer in (self.encode, self.decode):
            weight = cast(Tensor, layer.weight).detach().double()
            small = weight.T @ weight if weight.shape[0] > weight.shape[1] else weight @ weight.T
            norms.append(torch.linalg.eigvalsh(small)[-1].sqrt().item())
        return norms[0], norms[1]
