"""The NeRF MLP (A3), the density bias (A20) and the environment map (A10).

``pre_density`` is the density before its softplus.
"""

from __future__ import annotations

import itertools
import math
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .spectral import plain_state


class RadianceMLP(nn.Module):
    """Grid features to pre-density and color: SiLU hidden layers, sigmoid color (A3).

    With ``conditions`` numbers joined to the features (A7: v), the first layer's part that sees
    them is a ``shift`` of its result, the same for all points of an object: :meth:`shift`.
    """

    def __init__(
        self,
        channels: int,
        hidden: tuple[int, ...],
        density_scale: float = 1.0,
        conditions: int = 0,
    ) -> None:
        super().__init__()
        self.density_scale = density_scale
        self.channels = channels
        self.conditions = conditions
        widths = (channels + conditions, *hidden)
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            layers += [nn.Linear(before, after), nn.SiLU()]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(widths[-1], 4)

    def shift(self, latent: Float[Tensor, "objects v"]) -> Float[Tensor, "objects hidden"]:
        """What joining ``latent`` to the features adds to the first layer's result."""
        return nn.functional.linear(latent, self._first.weight[:, self.channels :])

    def folded(self, latent: Float[Tensor, " v"]) -> RadianceMLP:
        """One object's MLP, of the features alone: its shift is in the first layer's bias."""
        hidden = tuple(layer.out_features for layer in self.body if isinstance(layer, nn.Linear))
        state = {k: v.clone() for k, v in plain_state(self).items()}
        state["body.0.bias"] = state["body.0.bias"] + self.shift(latent[None])[0].detach()
        state["body.0.weight"] = state["body.0.weight"][:, : self.channels].contiguous()
        with torch.device("meta"):
            mlp = RadianceMLP(self.channels, hidden, self.density_scale)
        mlp.load_state_dict(state, assign=True)
        return mlp.requires_grad_(False)

    def forward(
        self,
        features: Float[Tensor, "*shape channels"],
        shift: Float[Tensor, "*shape hidden"] | None = None,
    ) -> tuple[Float[Tensor, "*shape"], Float[Tensor, "*shape 3"]]:
        """Pre-density without the bias of A20, and color in [0, 1]."""
        out = self.head(self._hidden(features, shift))
        return out[..., 0] * self.density_scale, torch.sigmoid(out[..., 1:])

    def pre_density(
        self,
        features: Float[Tensor, "*shape channels"],
        shift: Float[Tensor, "*shape hidden"] | None = None,
    ) -> Float[Tensor, "*shape"]:
        """The first output alone."""
        hidden = self._hidden(features, shift)
        weight, bias = self.head.weight, self.head.bias
        out = nn.functional.linear(hidden, weight[:1], bias[:1])
        return out[..., 0] * self.density_scale

    @property
    def _first(self) -> nn.Linear:
        return cast(nn.Linear, self.body[0])

    def _hidden(
        self,
        features: Float[Tensor, "*shape channels"],
        shift: Float[Tensor, "*shape hidden"] | None,
    ) -> Float[Tensor, "*shape last"]:
        first = self._first
        if shift is None:
            out = first(features)
        else:
            weight = first.weight[:, : self.channels]
            out = nn.functional.linear(features, weight, first.bias) + shift
        for layer in list(self.body)[1:]:
            # Without gradients nothing needs what goes in, and a second array costs time.
            if isinstance(layer, nn.SiLU):
                out = nn.functional.silu(out, inplace=not torch.is_grad_enabled())
            else:
                out = layer(out)
        return out


def density_bias(
    points: Float[Tensor, "*shape 3"], height: float, radius: float
) -> Float[Tensor, "*shape"]:
    """``height (1 - |x| / radius)``: an initial ball of density (A20, Eq. 7)."""
    return height * (1.0 - points.norm(dim=-1) / radius)


class EnvironmentMap(nn.Module):
    """Background color of a direction, for an object: sinusoids joined with v, one linear layer,
    sigmoid (A10)."""

    OCTAVES = 8

    def __init__(self, latent: int, *, pi: bool = True) -> None:
        """Frequencies are ``2^k`` radians a unit, k from 0 to 7, times pi with ``pi``."""
        super().__init__()
        self.layer = nn.Linear(6 * self.OCTAVES + latent, 3)
        self._unit = math.pi if pi else 1.0

    def forward(
        self,
        directions: Float[Tensor, "objects rays 3"],
        latent: Float[Tensor, "objects v"],
    ) -> Float[Tensor, "objects rays 3"]:
        octaves = 2.0 ** torch.arange(self.OCTAVES, device=directions.device) * self._unit
        angles = (directions[..., None] * octaves).flatten(-2)
        waves = torch.cat([angles.sin(), angles.cos()], dim=-1)
        known = latent[:, None].expand(*directions.shape[:2], -1)
        return torch.sigmoid(self.layer(torch.cat([waves, known], dim=-1)))
