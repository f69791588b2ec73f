"""The NeRF MLP (A3), the density bias (A20) and the environment map (A10).

``pre_density`` is the density before its softplus.
"""

from __future__ import annotations

import itertools
import math

import torch
from jaxtyping import Float
from torch import Tensor, nn


class RadianceMLP(nn.Module):
    """Grid features to pre-density and colour: SiLU hidden layers, sigmoid colour (A3)."""

    def __init__(self, channels: int, hidden: tuple[int, ...], density_scale: float = 1.0) -> None:
        super().__init__()
        self.density_scale = density_scale
        widths = (channels, *hidden)
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            layers += [nn.Linear(before, after), nn.SiLU()]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(widths[-1], 4)

    def forward(
        self, features: Float[Tensor, "*shape channels"]
    ) -> tuple[Float[Tensor, "*shape"], Float[Tensor, "*shape 3"]]:
        """Pre-density without the bias of A20, and colour in [0, 1]."""
        out = self.head(self.body(features))
        return out[..., 0] * self.density_scale, torch.sigmoid(out[..., 1:])

    def pre_density(self, features: Float[Tensor, "*shape channels"]) -> Float[Tensor, "*shape"]:
        """The first output alone."""
        hidden = self.body(features)
        out = nn.functional.linear(hidden, self.head.weight[:1], self.head.bias[:1])
        return out[..., 0] * self.density_scale


def density_bias(
    points: Float[Tensor, "*shape 3"], height: float, radius: float
) -> Float[Tensor, "*shape"]:
    """``height (1 - |x| / radius)``: an initial ball of density (A20, Eq. 7)."""
    return height * (1.0 - points.norm(dim=-1) / radius)


class EnvironmentMap(nn.Module):
    """Background colour of a direction, for an object: sinusoids joined with v, one linear layer,
    sigmoid (A10)."""

    OCTAVES = 8

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.layer = nn.Linear(6 * self.OCTAVES + latent, 3)

    def forward(
        self,
        directions: Float[Tensor, "objects rays 3"],
        latent: Float[Tensor, "objects v"],
    ) -> Float[Tensor, "objects rays 3"]:
        octaves = 2.0 ** torch.arange(self.OCTAVES, device=directions.device) * math.pi
        angles = (directions[..., None] * octaves).flatten(-2)
        waves = torch.cat([angles.sin(), angles.cos()], dim=-1)
        known = latent[:, None].expand(*directions.shape[:2], -1)
        return torch.sigmoid(self.layer(torch.cat([waves, known], dim=-1)))
