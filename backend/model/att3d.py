"""The whole model: text embeddings in, a batch of objects out (Algorithm 1's network)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ..protocol.errors import TrainingError
from .attention import AttentionMapping
from .config import ModelConfig
from .decoder import EnvironmentMap, RadianceMLP, density_bias
from .fused import FusedKernels
from .grid import FeatureGrid
from .mapping import MappingNetwork, normalised_conditions
from .proportions import Proportions
from .spectral import add_spectral_norm


@dataclass(frozen=True)
class Objects:
    """What the mapping network says of a batch of prompts."""

    latent: Float[Tensor, "objects v"]
    """v; with attention the v of every level."""
    values: Float[Tensor, "objects size"]
    """Each object's grid; with concatenation the same for all."""

    def __len__(self) -> int:
        return len(self.latent)


class ATT3D(nn.Module):
    """Mapping network, feature grid, MLP and environment map of one checkpoint.

    Everything here is of objects as their grids have them. Where the model has proportions, whoever
    shows an object stretches it by them: :class:`~backend.model.field.Field`.
    """

    offset: Tensor

    def __init__(self, config: ModelConfig) -> None:
        """Raises ``TrainingError`` for a configuration that contradicts itself."""
        if config.problem:
            raise TrainingError(f"the model's configuration is not valid: {config.problem}")
        super().__init__()
        self.config = config
        self.grid = FeatureGrid(config.grid)
        kind = AttentionMapping if config.mapping == "attention" else MappingNetwork
        self.mapping: MappingNetwork | AttentionMapping = kind(config, self.grid)
        self.mlp = RadianceMLP(
            self.grid.channels,
            config.hidden,
            config.density_scale,
            conditions=config.latent if config.mapping == "concatenation" else 0,
        )
        self.environment = (
            EnvironmentMap(config.latents, pi=config.environment_pi) if config.environment else None
        )
        if config.spectral_norm_decoder:
            add_spectral_norm(self.mlp)
        if config.spectral_norm_decoder or config.environment_spectral_norm:
            if self.environment is not None:
                add_spectral_norm(self.environment)
        self.proportions = (
            Proportions(config.tokens * config.width, config.proportions)
            if config.proportions
            else None
        )
        if config.offset:
            self.register_buffer("offset", torch.zeros(self.grid.size))
        self.fused: FusedKernels | None = None
        """What computes grid and MLP in place of torch, on a GPU."""

    def latent(
        self,
        embedding: Float[Tensor, "prompts tokens width"],
        conditions: dict[str, Float[Tensor, " prompts"]] | None = None,
        shift: Float[Tensor, "prompts v"] | None = None,
    ) -> Float[Tensor, "prompts v"]:
        """The latents v of some text embeddings.

        ``conditions`` are values of what the model amortizes over beside the text (A31), one a
        prompt; those not given have their defaults. ``shift`` is added to v before its SiLU.

        Raises:
            ValueError: a condition that the model does not have.
        """
        known = self.config.conditions
        extra = normalised_conditions(known, conditions, len(embedding), embedding.device)
        return self.mapping.latent(embedding, extra, shift)

    def objects(
        self,
        embedding: Float[Tensor, "prompts tokens width"],
        conditions: dict[str, Float[Tensor, " prompts"]] | None = None,
        shift: Float[Tensor, "prompts v"] | None = None,
    ) -> Objects:
        """The objects of some text embeddings (A4); see :meth:`latent`."""
        return self.objects_of_latent(self.latent(embedding, conditions, shift))

    def objects_of_latent(self, latent: Float[Tensor, "objects v"]) -> Objects:
        """The objects of some latents v."""
        values = self.mapping.grid(latent)
        return Objects(latent, values + self.offset if self.config.offset else values)

    def sample(
        self, objects: Objects, points: Float[Tensor, "objects points 3"]
    ) -> tuple[Float[Tensor, "objects points"], Float[Tensor, "objects points 3"]]:
        """Pre-density and color of each object at its own points (metres)."""
        mlp = self.fused.mlp if self.fused else self.mlp
        pre_density, color = mlp(*self._features(objects, points))
        return pre_density + self.bias(points), color

    def pre_density(
        self, objects: Objects, points: Float[Tensor, "objects points 3"]
    ) -> Float[Tensor, "objects points"]:
        """The pre-density of :meth:`sample` alone."""
        mlp = self.fused.mlp if self.fused else self.mlp
        return mlp.pre_density(*self._features(objects, points)) + self.bias(points)

    def sample_owned(
        self,
        objects: Objects,
        points: Float[Tensor, "points 3"],
        owner: Int[Tensor, " points"],
    ) -> tuple[Float[Tensor, " points"], Float[Tensor, "points 3"]]:
        """:meth:`sample` of any number of points an object: point p belongs to ``owner[p]``."""
        mlp = self.fused.mlp if self.fused else self.mlp
        pre_density, color = mlp(*self._mlp_inputs(objects, points, owner))
        return pre_density + self.bias(points), color

    def pre_density_owned(
        self,
        objects: Objects,
        points: Float[Tensor, "points 3"],
        owner: Int[Tensor, " points"],
    ) -> Float[Tensor, " points"]:
        """The pre-density of :meth:`sample_owned` alone."""
        mlp = self.fused.mlp if self.fused else self.mlp
        return mlp.pre_density(*self._mlp_inputs(objects, points, owner)) + self.bias(points)

    def decoder(self, latent: Float[Tensor, " v"]) -> RadianceMLP:
        """The MLP of one object's grid features."""
        return self.mlp.folded(latent) if self.mlp.conditions else self.mlp

    def bias(self, points: Float[Tensor, "*shape 3"]) -> Float[Tensor, "*shape"]:
        """The density bias of A20 at ``points`` (metres)."""
        return density_bias(points, self.config.density_bias, self.config.density_bias_radius)

    def background(
        self, objects: Objects, directions: Float[Tensor, "objects rays 3"]
    ) -> Float[Tensor, "objects rays 3"]:
        """The environment map's color behind each ray (A10); black where the model has none."""
        if self.environment is None:
            return torch.zeros_like(directions)
        return self.environment(directions, objects.latent)

    def _features(
        self, objects: Objects, points: Float[Tensor, "objects points 3"]
    ) -> tuple[
        Float[Tensor, "objects points channels"], Float[Tensor, "objects points hidden"] | None
    ]:
        """What the MLP reads where every object has as many points."""
        grid = self.fused.grid if self.fused else self.grid
        features = grid.read(objects.values, points / self.config.bound)
        if not self.mlp.conditions:
            return features, None
        shift = self.mlp.shift(objects.latent)[:, None]
        return features, shift.expand(-1, points.shape[1], -1)

    def _mlp_inputs(
        self,
        objects: Objects,
        points: Float[Tensor, "points 3"],
        owner: Int[Tensor, " points"],
    ) -> tuple[Float[Tensor, "points channels"], Float[Tensor, "points hidden"] | None]:
        places = points / self.config.bound
        if self.fused:
            return self.fused.grid.read_owned(objects.values, places, owner), None
        if not self.mlp.conditions:
            return self.grid.read_owned(objects.values, places, owner), None
        # One grid for all objects, whose rows ``expand`` repeats without copying them.
        features = self.grid.read_owned(objects.values[:1], places, torch.zeros_like(owner))
        return features, self.mlp.shift(objects.latent)[owner]


class OutputOffset(nn.Module):
    """What fine-tuning trains, while the mapping network and the text stay as they are.

    Starts at zero: the first object is the amortized one. ``save_checkpoint(..., offset=)`` writes
    a checkpoint whose every object has it added, which the backend loads like any other.
    """

    values: Float[Tensor, " size"]

    def __init__(self, model: ATT3D) -> None:
        super().__init__()
        device = next(model.parameters()).device
        self.values = nn.Parameter(torch.zeros(model.grid.size, device=device))

    def forward(self, objects: Objects) -> Objects:
        """``objects`` with the offset; gradients reach the offset only."""
        return Objects(objects.latent.detach(), objects.values.detach() + self.values)
