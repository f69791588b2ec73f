"""The mapping network: a text embedding becomes the numbers of a feature grid (A4, A8, A11)."""

from __future__ import annotations

from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize


class MappingNetwork(nn.Module):
    """``flatten(c) -> linear -> SiLU -> v -> linear without bias -> grid`` (Eq. 3-5).

    Spectral norm (A11) is torch's parametrization. With ``components``, the first layer sees the
    embeddings' leading principal components in units of their spread (:meth:`whiten_on`): what
    tells a book from a shovel may be a tenth of what tells a hat from none, and spectral norm lets
    no direction be amplified more than another. :meth:`plain_weights` are two plain linear layers
    that are the same function: what checkpoints hold and inference uses.
    """

    shift: Tensor
    basis: Tensor

    def __init__(
        self,
        inputs: int,
        latent: int,
        outputs: int,
        *,
        spectral_norm: bool,
        gain: float,
        components: int = 0,
    ) -> None:
        super().__init__()
        self.encode = nn.Linear(components or inputs, latent)
        self.decode = nn.Linear(latent, outputs, bias=False)
        self.gain = gain
        self.components = components
        if components:
            self.register_buffer("shift", torch.zeros(inputs))
            self.register_buffer("basis", torch.zeros(inputs, components))
        if spectral_norm:
            parametrizations.spectral_norm(self.encode)
            parametrizations.spectral_norm(self.decode)

    def latent(
        self, embedding: Float[Tensor, "prompts tokens width"]
    ) -> Float[Tensor, "prompts v"]:
        """v, the bottleneck (Eq. 4)."""
        flat = embedding.flatten(1)
        if self.components:
            flat = (flat - self.shift) @ self.basis
        return nn.functional.silu(self.encode(flat))

    @torch.no_grad()
    def whiten_on(self, embeddings: Float[Tensor, "prompts tokens width"]) -> None:
        """Choose the principal components of these embeddings, scaled to equal spread.

        Components much weaker than the leading one (below about a seventh) are damped rather than
        blown up. The result has the size of an embedding whose numbers have mean square one.
        """
        flat = embeddings.flatten(1).double()
        self.shift.copy_(flat.mean(0))
        centered = flat - flat.mean(0)
        # Through the Gram matrix: there are fewer prompts than numbers in an embedding.
        values, vectors = torch.linalg.eigh(centered @ centered.T / len(flat))
        values = values[-self.components :].flip(0).clamp_min(0.0)
        vectors = vectors[:, -self.components :].flip(1)
        axes = nn.functional.normalize(centered.T @ vectors, dim=0)
        soft = (values + 0.02 * values[0]).sqrt().clamp_min(1e-9)
        kept = torch.zeros_like(self.basis)
        kept[:, : axes.shape[1]] = axes / soft
        size = ((centered @ kept.double()).square().sum(1).mean() / flat.shape[1]).sqrt()
        self.basis.copy_(kept / size.clamp_min(1e-9))

    def plain_weights(self) -> dict[str, Tensor]:
        """The same function as two plain linear layers, spectral norm and whitening folded in."""
        was_training = self.training
        self.eval()
        weight, bias = self.encode.weight.detach(), self.encode.bias.detach()
        decode = self.decode.weight.detach()
        self.train(was_training)
        if self.components:
            weight = weight @ self.basis.T
            bias = bias - weight @ self.shift
        return {"encode.weight": weight, "encode.bias": bias, "decode.weight": decode}

    def grid(self, latent: Float[Tensor, "prompts v"]) -> Float[Tensor, "prompts size"]:
        """The grid's values; linear in v (Eq. 5), so blends of grids are grids of blended v."""
        if not parametrize.is_parametrized(self.decode, "weight"):
            return self.decode(latent * self.gain)
        # The same as applying the parametrized layer, but v is divided by the spectral norm
        # instead of the weight: the large matrix is neither copied nor divided, nor its gradient.
        weight: Tensor = cast(Any, self.decode.parametrizations).weight.original
        return nn.functional.linear(latent * (self.gain / self._spectral_norm(weight)), weight)

    def _spectral_norm(self, weight: Float[Tensor, "size v"]) -> Float[Tensor, ""]:
        """The estimate that torch's parametrization divides by, after its power iteration."""
        norm = cast(Any, self.decode.parametrizations).weight[0]
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
