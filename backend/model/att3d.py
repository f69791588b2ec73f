"""The whole model: text embeddings in, a batch of objects out (Algorithm 1's network)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from .config import ModelConfig
from .decoder import EnvironmentMap, RadianceMLP, density_bias
from .grid import FeatureGrid
from .mapping import MappingNetwork


@dataclass(frozen=True)
class Objects:
    """What the mapping network says of a batch of prompts."""

    latent: Float[Tensor, "objects v"]
    values: Float[Tensor, "objects size"]
    """Each object's grid."""

    def __len__(self) -> int:
        return len(self.latent)


class ATT3D(nn.Module):
    """Mapping network, feature grid, MLP and environment map of one checkpoint."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.grid = FeatureGrid(config.grid)
        self.mapping = MappingNetwork(
            config.tokens * config.width,
            config.latent,
            self.grid.size,
            spectral_norm=config.spectral_norm,
            gain=config.gain,
            components=config.components,
        )
        self.mlp = RadianceMLP(self.grid.channels, config.hidden, config.density_scale)
        self.environment = EnvironmentMap(config.latent) if config.environment else None

    def objects(self, embedding: Float[Tensor, "prompts tokens width"]) -> Objects:
        """The objects of some text embeddings (A4)."""
        return self.objects_of_latent(self.mapping.latent(embedding))

    def objects_of_latent(self, latent: Float[Tensor, "objects v"]) -> Objects:
        """The objects of some latents v."""
        return Objects(latent, self.mapping.grid(latent))

    def sample(
        self, objects: Objects, points: Float[Tensor, "objects points 3"]
    ) -> tuple[Float[Tensor, "objects points"], Float[Tensor, "objects points 3"]]:
        """Pre-density and colour of each object at its own points (metres)."""
        features = self.grid.read(objects.values, points / self.config.bound)
        pre_density, color = self.mlp(features.float())
        return pre_density + self.bias(points), color

    def sample_owned(
        self,
        objects: Objects,
        points: Float[Tensor, "points 3"],
        owner: Int[Tensor, " points"],
    ) -> tuple[Float[Tensor, " points"], Float[Tensor, "points 3"]]:
        """:meth:`sample` of any number of points an object: point p belongs to ``owner[p]``."""
        features = self.grid.read_owned(objects.values, points / self.config.bound, owner)
        pre_density, color = self.mlp(features)
        return pre_density + self.bias(points), color

    def pre_density_owned(
        self,
        objects: Objects,
        points: Float[Tensor, "points 3"],
        owner: Int[Tensor, " points"],
    ) -> Float[Tensor, " points"]:
        """The pre-density of :meth:`sample_owned` alone."""
        features = self.grid.read_owned(objects.values, points / self.config.bound, owner)
        return self.mlp.pre_density(features) + self.bias(points)

    def bias(self, points: Float[Tensor, "*shape 3"]) -> Float[Tensor, "*shape"]:
        """The density bias of A20 at ``points`` (metres)."""
        return density_bias(points, self.config.density_bias, self.config.density_bias_radius)

    def background(
        self, objects: Objects, directions: Float[Tensor, "objects rays 3"]
    ) -> Float[Tensor, "objects rays 3"]:
        """The environment map's colour behind each ray (A10); black where the model has none."""
        if self.environment is None:
            return torch.zeros_like(directions)
        return self.environment(directions, objects.latent)
