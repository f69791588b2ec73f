"""One prompt's object: a field of pre-density and color, independent of text from here on.

Points are in metres, inside the ball of radius ``bound`` around the origin. The same field is read
at points and on regular grids (separable). ``backend.inference.field`` is the same in numpy.
"""

from __future__ import annotations

from functools import cached_property

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from .att3d import ATT3D, Objects
from .occupancy import Occupancy

CHUNK = 1 << 17
"""Points evaluated at once: enough to keep every core busy, little enough to stay in the cache."""
NEGLIGIBLE = 1e-3
"""Density, a metre, that pictures do without: a ray of 2 m loses at most .002 of its alpha."""
LOOKS = (64, 128)
"""Least and most vertices an axis at which a field is searched for matter; in between, as many as
its finest level has."""


class Field:
    """An object as the model describes it. All methods run without autograd."""

    def __init__(
        self,
        model: ATT3D,
        latent: Float[Tensor, " v"],
        offset: Float[Tensor, " size"] | None = None,
        proportions: Float[Tensor, "3"] | None = None,
    ) -> None:
        """``offset`` is added to the object's grid (A25); the object is stretched by
        ``proportions``."""
        self._model = model
        self._proportions = proportions
        with torch.inference_mode():
            self._objects: Objects = model.objects_of_latent(latent[None])
            if offset is not None:
                self._objects = Objects(self._objects.latent, self._objects.values + offset)
            self._mlp = model.fused.mlp if model.fused else model.decoder(latent)
            # Hash levels stay tables: as volumes they would be hundreds of megabytes.
            self._volumes = [
                model.grid.volume(self._objects.values[0], level)
                .permute(3, 2, 1, 0)[None]
                .contiguous(memory_format=torch.channels_last_3d)
                for level in range(len(model.config.grid.resolutions))
            ]

    @property
    def bound(self) -> float:
        """Radius of the bounding ball, metres."""
        return self._model.config.bound

    @property
    def level(self) -> float:
        """Pre-density on the surface."""
        return self._model.config.surface_level

    @property
    def density_scale(self) -> float:
        """Factor on the MLP's density output."""
        return self._model.config.density_scale

    @property
    def device(self) -> torch.device:
        return self._objects.values.device

    @property
    def latent(self) -> Float[Tensor, " v"]:
        return self._objects.latent[0]

    @torch.inference_mode()
    def sample(
        self, points: Float[Tensor, "points 3"]
    ) -> tuple[Float[Tensor, " points"], Float[Tensor, "points 3"]]:
        """Pre-density and sRGB color at ``points``."""
        densities, colors = [], []
        for part in self.unstretched(points).split(CHUNK):
            density, color = self._mlp(self._features(part))
            densities.append(density + self._model.bias(part))
            colors.append(color)
        if not densities:
            return points.new_zeros(0), points.new_zeros(0, 3)
        return torch.cat(densities), torch.cat(colors)

    @torch.inference_mode()
    def occupied(self, points: Float[Tensor, "points 3"]) -> Bool[Tensor, " points"]:
        """Whether there may be more than ``NEGLIGIBLE`` density at ``points``."""
        owner = torch.zeros(len(points), dtype=torch.long, device=points.device)
        return self._occupancy(self.unstretched(points), owner)

    @cached_property
    def _occupancy(self) -> Occupancy:
        least, most = LOOKS
        finest = min(max(least, *self._model.config.grid.levels), most)
        return Occupancy(self._model, self._objects, negligible=NEGLIGIBLE, resolution=finest)

    @torch.inference_mode()
    def pre_density(self, points: Float[Tensor, "points 3"]) -> Float[Tensor, " points"]:
        """Pre-density at ``points``."""
        points = self.unstretched(points)
        parts = [self._pre_density(part) for part in points.split(CHUNK)]
        return torch.cat(parts) if parts else points.new_zeros(0)

    def color(self, points: Float[Tensor, "points 3"]) -> Float[Tensor, "points 3"]:
        """sRGB color at ``points``, in [0, 1]."""
        return self.sample(points)[1]

    @torch.inference_mode()
    def gradient(self, points: Float[Tensor, "points 3"], h: float) -> Float[Tensor, "points 3"]:
        """Central differences of the pre-density with step ``h`` metres.

        A trilinear field's own gradient jumps at every cell; a step of about a cell smooths it.
        """
        steps = torch.eye(3, device=points.device, dtype=points.dtype) * h
        around = torch.cat([points[:, None] + steps, points[:, None] - steps], dim=1)
        values = self.pre_density(around.reshape(-1, 3)).view(-1, 2, 3)
        return (values[:, 0] - values[:, 1]) / (2 * h)

    def dense(self, resolution: int) -> Float[Tensor, "resolution resolution resolution"]:
        """Pre-density on ``linspace(-bound, bound, resolution)`` per axis, indexed [x, y, z]."""
        line = torch.linspace(-self.bound, self.bound, resolution, device=self.device)
        return self.lattice(line, line, line)

    @torch.inference_mode()
    def lattice(
        self, x: Float[Tensor, " nx"], y: Float[Tensor, " ny"], z: Float[Tensor, " nz"]
    ) -> Float[Tensor, "nx ny nz"]:
        """Pre-density at every point of the axis-aligned grid ``x * y * z``."""
        if self._proportions is not None:
            x, y, z = (
                self.unstretched(line[:, None].expand(-1, 3))[:, axis]
                for axis, line in enumerate((x, y, z))
            )
        parts = []
        for part in x.split(max(1, CHUNK // (len(y) * len(z)))):
            lines = (part, y, z)
            features = self._model.grid.dense(
                self._objects.values[0], *(line / self.bound for line in lines)
            )
            points = torch.stack(torch.meshgrid(*lines, indexing="ij"), dim=-1)
            parts.append(self._mlp.pre_density(features) + self._model.bias(points))
        return torch.cat(parts)

    def stretched(self, points: Float[Tensor, "points 3"]) -> Float[Tensor, "points 3"]:
        """Points of the object in its own proportions, as they are in those asked for."""
        if self._proportions is None:
            return points
        return (points - self._feet(points)) * self._proportions + self._feet(points)

    def unstretched(self, points: Float[Tensor, "points 3"]) -> Float[Tensor, "points 3"]:
        """Where the object in its own proportions has what is at ``points``."""
        if self._proportions is None:
            return points
        return (points - self._feet(points)) / self._proportions + self._feet(points)

    def _feet(self, like: Tensor) -> Float[Tensor, "3"]:
        """The point that objects are stretched about."""
        return like.new_tensor([0.0, 0.0, -self._model.config.ground])

    def _pre_density(self, points: Float[Tensor, "points 3"]) -> Float[Tensor, " points"]:
        return self._mlp.pre_density(self._features(points)) + self._model.bias(points)

    def _features(self, points: Float[Tensor, "points 3"]) -> Float[Tensor, "points channels"]:
        """What ``FeatureGrid.read`` gives, but faster: that reads many objects at once and
        can be trained through, torch's own kernel on whole volumes only reads."""
        if self._model.fused:
            owner = torch.zeros(len(points), dtype=torch.long, device=points.device)
            places = points / self.bound
            return self._model.fused.grid.read_owned(self._objects.values, places, owner)
        # The kernel uses one thread an object: show it the same object once a thread.
        count, threads = len(points), torch.get_num_threads()
        place = nn.functional.pad(points / self.bound, (0, 0, 0, -count % threads))
        place = place.view(threads, 1, 1, len(place) // threads, 3)
        levels = [
            nn.functional.grid_sample(
                volume.expand(threads, -1, -1, -1, -1),
                place,
                mode="bilinear",
                padding_mode="border",
                align_corners=True,
            )[:, :, 0, 0]
            for volume in self._volumes
        ]
        features = torch.cat(levels, dim=1).transpose(1, 2).flatten(0, 1)[:count]
        if not self._model.config.grid.hashed:
            return features
        owner = torch.zeros(count, dtype=torch.long, device=points.device)
        hashed = self._model.grid.read_owned(
            self._objects.values, points / self.bound, owner, slice(len(self._volumes), None)
        )
        return torch.cat([features, hashed], dim=1)
