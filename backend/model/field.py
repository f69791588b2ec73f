"""One prompt's object: a field of pre-density and colour, independent of text from here on.

Points are in metres, inside the ball of radius ``bound`` around the origin. The same field is read
at points, on a whole regular grid (separable) and on a grid near the surface only.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from .att3d import ATT3D, Objects

CHUNK = 1 << 17
"""Points evaluated at once: enough to keep every core busy, little enough to stay in the cache."""


class Field:
    """An object as the model describes it. All methods run without autograd."""

    def __init__(
        self,
        model: ATT3D,
        latent: Float[Tensor, " v"],
        offset: Float[Tensor, " size"] | None = None,
    ) -> None:
        """``offset`` is added to the object's grid (A25)."""
        self._model = model
        with torch.inference_mode():
            self._objects: Objects = model.objects_of_latent(latent[None])
            if offset is not None:
                self._objects = Objects(self._objects.latent, self._objects.values + offset)
            self._mlp = model.decoder(latent)
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
    def device(self) -> torch.device:
        return self._objects.values.device

    @property
    def latent(self) -> Float[Tensor, " v"]:
        return self._objects.latent[0]

    @torch.inference_mode()
    def sample(
        self, points: Float[Tensor, "points 3"]
    ) -> tuple[Float[Tensor, " points"], Float[Tensor, "points 3"]]:
        """Pre-density and sRGB colour at ``points``."""
        densities, colors = [], []
        for part in points.split(CHUNK):
            density, color = self._mlp(self._features(part))
            densities.append(density + self._model.bias(part))
            colors.append(color)
        if not densities:
            return points.new_zeros(0), points.new_zeros(0, 3)
        return torch.cat(densities), torch.cat(colors)

    @torch.inference_mode()
    def pre_density(self, points: Float[Tensor, "points 3"]) -> Float[Tensor, " points"]:
        """Pre-density at ``points``."""
        parts = [self._pre_density(part) for part in points.split(CHUNK)]
        return torch.cat(parts) if parts else points.new_zeros(0)

    def color(self, points: Float[Tensor, "points 3"]) -> Float[Tensor, "points 3"]:
        """sRGB colour at ``points``, in [0, 1]."""
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

    @torch.inference_mode()
    def dense(self, resolution: int) -> Float[Tensor, "resolution resolution resolution"]:
        """Pre-density on ``linspace(-bound, bound, resolution)`` per axis, indexed [x, y, z]."""
        line = self._line(resolution)
        slab = max(1, CHUNK // resolution**2)
        parts = []
        for x in line.split(slab):
            features = self._model.grid.dense(
                self._objects.values[0], x / self.bound, line / self.bound, line / self.bound
            )
            points = torch.stack(torch.meshgrid(x, line, line, indexing="ij"), dim=-1)
            parts.append(self._mlp.pre_density(features) + self._model.bias(points))
        return torch.cat(parts)

    @torch.inference_mode()
    def near_surface(
        self, resolution: int, coarse: int, margin: float
    ) -> Float[Tensor, "resolution resolution resolution"]:
        """:meth:`dense` where the surface can be, and a cheap stand-in on the right side elsewhere.

        Cells of a coarse grid whose corners all lie more than ``margin`` (in pre-density before the
        model's ``density_scale``) on one
        side of the level, as do those of their neighbours, are filled by interpolation of the
        coarse values; only the others are read. Equal to ``dense(resolution)`` as a surface as
        long as the pre-density changes by less than ``margin`` within a coarse cell.
        """
        if coarse >= resolution:
            return self.dense(resolution)
        low = self.dense(coarse)
        scale = self._model.config.density_scale
        active = _cells_near_level(low, self.level, margin * scale)
        filled = nn.functional.interpolate(
            low[None, None], size=(resolution,) * 3, mode="trilinear", align_corners=True
        )[0, 0]
        place = torch.arange(resolution, device=low.device) * ((coarse - 1) / (resolution - 1))
        cell = place.floor().long().clamp_max(coarse - 2)
        chosen = active[cell][:, cell][:, :, cell]
        index = chosen.nonzero()
        line = self._line(resolution)
        filled[chosen] = self.pre_density(line[index])
        return filled

    def _pre_density(self, points: Float[Tensor, "points 3"]) -> Float[Tensor, " points"]:
        return self._mlp.pre_density(self._features(points)) + self._model.bias(points)

    def _features(self, points: Float[Tensor, "points 3"]) -> Float[Tensor, "points channels"]:
        """What ``FeatureGrid.read`` gives, but faster: that reads many objects at once and
        can be trained through, torch's own kernel on whole volumes only reads."""
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

    def _line(self, resolution: int) -> Float[Tensor, " resolution"]:
        return torch.linspace(-self.bound, self.bound, resolution, device=self.device)


def _cells_near_level(
    values: Float[Tensor, "n n n"], level: float, margin: float
) -> Bool[Tensor, "n-1 n-1 n-1"]:
    """Cells that may hold the level, grown by one cell on every side."""
    volume = values[None, None]
    highest = nn.functional.max_pool3d(volume, 2, stride=1)
    lowest = -nn.functional.max_pool3d(-volume, 2, stride=1)
    near = (highest > level - margin) & (lowest < level + margin)
    grown = nn.functional.max_pool3d(near.float(), 3, stride=1, padding=1)
    return grown[0, 0] > 0
