"""The toybox as reference assets: one toy a prompt, and what lies between a family's prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from backend.protocol.errors import TrainingError
from backend.rendering.cameras import Cameras
from backend.rendering.lighting import Shading, headlight

from ..guidance import PromptMix
from ..prompts import Spec, spec_of
from ..toybox import AssetBatch, build, build_mix, near_surface_points, query, render, stack

SURE = 1.0 - 1e-6
"""A prompt with this share or more is alone in its mix."""


@dataclass(frozen=True)
class ToyboxBatch:
    """Toys side by side; implements ``ReferenceBatch``."""

    table: AssetBatch
    compiled: bool

    def pictures(
        self, cameras: Cameras, size: int
    ) -> tuple[Float[Tensor, "assets size size 3"], Float[Tensor, "assets size size"]]:
        black = torch.zeros(len(self.table), 3, device=self.table.device)
        renders = render(
            self.table, cameras, size, shading="albedo", background=black, compiled=self.compiled
        )
        return renders.rgb, renders.alpha

    def lit(
        self, cameras: Cameras, size: int, shading: Shading = "full"
    ) -> Float[Tensor, "assets size size 3"]:
        """Pictures over white, lit like our own pictures: one view an asset."""
        cameras = cameras.to(self.table.device)
        white = torch.ones(len(self.table), 3, device=self.table.device)
        return render(
            self.table,
            cameras,
            size,
            lights=headlight(cameras),
            shading=shading,
            background=white,
            compiled=self.compiled,
        ).rgb

    def near_points(
        self, count: int, sigma: float, generator: torch.Generator
    ) -> Float[Tensor, "assets count 3"]:
        return near_surface_points(self.table, count, sigma, generator, compiled=self.compiled)

    def query(
        self, points: Float[Tensor, "assets points 3"]
    ) -> tuple[Float[Tensor, "assets points"], Float[Tensor, "assets points 3"]]:
        return query(self.table, points, compiled=self.compiled)


class ToyboxAssets:
    """Reference assets of toybox prompts; implements ``ReferenceAssets``."""

    def __init__(self, specs: Sequence[Spec], device: torch.device, *, compiled: bool) -> None:
        self._specs = tuple(specs)
        self._table: AssetBatch = stack([build(spec) for spec in specs]).to(device)
        self._compiled = compiled

    def assets_at(self, mix: PromptMix) -> ToyboxBatch:
        """The toy of each mix: a prompt's own, or the family's between its prompts.

        Toys in between are built anew each time, about a millisecond each.

        Raises TrainingError for a mix of toys that are not of one family.
        """
        leading = torch.tensor(mix.leading, device=self._table.device)
        between = (mix.shares.amax(1) < SURE).nonzero()[:, 0].tolist()
        if not between:
            return ToyboxBatch(self._table[leading], self._compiled)
        built = stack(
            [
                build_mix(
                    [self._specs[prompt] for prompt in mix.prompts[row].tolist()],
                    mix.shares[row].tolist(),
                )
                for row in between
            ]
        ).to(self._table.device)
        # Rows of one table after those of the other, picked in the order of the mixes.
        rows = leading.clone()
        rows[between] = len(self._table) + torch.arange(len(between), device=rows.device)
        return ToyboxBatch(self._table.joined(built)[rows], self._compiled)

    def pictures(
        self, mix: PromptMix, cameras: Cameras, size: int
    ) -> tuple[Float[Tensor, "views size size 3"], Float[Tensor, "views size size"]]:
        """Albedo premultiplied by alpha, and alpha, over black: one view a mix."""
        return self.assets_at(mix).pictures(cameras, size)

    def lit(
        self, asset: int, cameras: Cameras, size: int, shading: Shading = "full"
    ) -> Float[Tensor, "views size size 3"]:
        """Pictures of one prompt's toy over white, lit like our own pictures."""
        return self.assets_at(PromptMix.plain([asset] * len(cameras))).lit(cameras, size, shading)


def reference_assets(
    prompts: Sequence[str], device: torch.device, *, compiled: bool
) -> ToyboxAssets | None:
    """The toys of some prompts, or None if the toybox does not have all of them."""
    try:
        specs = [spec_of(prompt) for prompt in prompts]
    except TrainingError:
        return None
    return ToyboxAssets(specs, device, compiled=compiled)
