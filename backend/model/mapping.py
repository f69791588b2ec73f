"""The mapping network: a text embedding becomes the numbers of a feature grid (A4-A8, A11).

The bottleneck v comes from the flattened embedding here, and from attention over its tokens in
``attention.py``. Whatever lies before v, the grid is linear in it (or, with concatenation, the
same for every prompt), so blends of grids are grids of blended v.
"""

from __future__ import annotations

import itertools
import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .config import Condition, ModelConfig
from .grid import FeatureGrid
from .spectral import add_spectral_norm, apply_output, plain_state


class MappingNetwork(nn.Module):
    """``flatten(c) -> linear -> SiLU -> v -> linear without bias -> grid`` (Eq. 3-5).

    Deep (A5): further linear layers with SiLU before v. Concatenation (A7): no layer after v, but
    one ``shared`` grid. Spectral norm (A11) is torch's parametrization. With ``components``, the
    first layer sees the embeddings' leading principal components in units of their spread
    (:meth:`whiten_on`): what tells a book from a shovel may be a tenth of what tells a hat from
    none, and spectral norm lets no direction be amplified more than another.
    :meth:`plain_weights` are plain linear layers that are the same function: what checkpoints hold
    and inference uses.
    """

    shift: Tensor
    basis: Tensor

    def __init__(self, config: ModelConfig, grid: FeatureGrid) -> None:
        super().__init__()
        self.gain = config.gain
        self.components = config.components
        self.condition_scale = math.sqrt(config.width)
        """A condition at the end of its range weighs as much as a token of unit mean square."""
        inputs = config.tokens * config.width
        hidden = config.mapping_hidden if config.mapping == "deep" else ()
        first = (config.components or inputs) + len(config.conditions)
        widths = (first, *hidden, config.latent)
        self.encode = nn.Linear(widths[0], widths[1])
        self.deeper = nn.ModuleList(
            nn.Linear(before, after) for before, after in itertools.pairwise(widths[1:])
        )
        if config.components:
            self.register_buffer("shift", torch.zeros(inputs))
            self.register_buffer("basis", torch.zeros(inputs, config.components))
        self.decode: nn.Linear | None = None
        if config.mapping == "concatenation":
            # Near zero, as instant-NGP's tables start.
            self.shared = nn.Parameter(torch.empty(grid.size).uniform_(-1e-4, 1e-4))
            self.outputs = ("shared",)
        else:
            self.decode = nn.Linear(config.latent, grid.size, bias=False)
            self.outputs = ("decode.weight",)
        """Names of the parameters that make up the grid: the large ones."""
        if config.spectral_norm:
            add_spectral_norm(self)

    def latent(
        self,
        embedding: Float[Tensor, "prompts tokens width"],
        conditions: Float[Tensor, "prompts conditions"] | None = None,
        shift: Float[Tensor, "prompts v"] | None = None,
    ) -> Float[Tensor, "prompts v"]:
        """v, the bottleneck (Eq. 4), given conditions in -1 .. 1 (A31).

        ``shift`` is added to v before its SiLU: what a prompt's asset has beside its text.
        """
        flat = embedding.flatten(1)
        if self.components:
            flat = (flat - self.shift) @ self.basis
        if conditions is not None:
            flat = torch.cat([flat, conditions * self.condition_scale], dim=1)
        v = self.encode(flat)
        for layer in self.deeper:
            v = layer(nn.functional.silu(v))
        return nn.functional.silu(v if shift is None else v + shift)

    @torch.no_grad()
    def whiten_on(
        self, embeddings: Float[Tensor, "prompts tokens width"], floor: float = 0.02
    ) -> None:
        """Choose the principal components of these embeddings, scaled to equal spread.

        Components with less variance than about ``floor`` of the leading one's are damped rather
        than blown up. The result has the size of an embedding whose numbers have mean square one.
        """
        flat = embeddings.flatten(1).double()
        self.shift.copy_(flat.mean(0))
        centered = flat - flat.mean(0)
        # Through the smaller one of the Gram matrix and the covariance.
        few = len(flat) < flat.shape[1]
        square = centered @ centered.T if few else centered.T @ centered
        values, vectors = torch.linalg.eigh(square / len(flat))
        values = values[-self.components :].flip(0).clamp_min(0.0)
        vectors = vectors[:, -self.components :].flip(1)
        axes = nn.functional.normalize(centered.T @ vectors, dim=0) if few else vectors
        soft = (values + floor * values[0]).sqrt().clamp_min(1e-9)
        kept = torch.zeros_like(self.basis)
        kept[:, : axes.shape[1]] = axes / soft
        size = ((centered @ kept.double()).square().sum(1).mean() / flat.shape[1]).sqrt()
        self.basis.copy_(kept / size.clamp_min(1e-9))

    def plain_weights(self) -> dict[str, Tensor]:
        """The same function as plain linear layers, spectral norm and whitening folded in."""
        state = plain_state(self)
        if self.components:
            weight, bias = state["encode.weight"], state["encode.bias"]
            text, rest = weight[:, : self.components], weight[:, self.components :]
            text = text @ state.pop("basis").T
            state["encode.bias"] = bias - text @ state.pop("shift")
            state["encode.weight"] = torch.cat([text, rest], dim=1)
        return state

    def grid(self, latent: Float[Tensor, "prompts v"]) -> Float[Tensor, "prompts size"]:
        """The grid's values; linear in v (Eq. 5)."""
        if self.decode is None:
            return self.shared.expand(len(latent), -1)
        return apply_output(self.decode, latent, self.gain)


def normalised_conditions(
    known: tuple[Condition, ...],
    given: dict[str, Float[Tensor, " prompts"]] | None,
    count: int,
    device: torch.device,
) -> Float[Tensor, "prompts conditions"] | None:
    """Conditions as the mapping network takes them, in -1 .. 1; defaults for those not given.

    Raises:
        ValueError: a condition that the model does not have.
    """
    given = given or {}
    unknown = sorted(set(given) - {condition.name for condition in known})
    if unknown:
        raise ValueError(f"the model has no condition {unknown[0]!r}")
    if not known:
        return None
    columns = []
    for condition in known:
        value = given.get(condition.name)
        if value is None:
            value = torch.full((count,), condition.default)
        value = value.to(device, torch.float32)
        low, high = condition.low, condition.high
        if condition.logarithmic:
            low, high, value = math.log(low), math.log(high), value.log()
        columns.append(2.0 * (value - low) / (high - low) - 1.0)
    return torch.stack(columns, dim=1)
