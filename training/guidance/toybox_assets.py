"""The toybox as reference assets: one toy a prompt, all in one table."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from backend.rendering.cameras import Cameras
from backend.rendering.lighting import Shading, headlight

from ..prompts import CharacterSpec
from ..toybox import AssetBatch, build, near_surface_points, query, render, stack


class ToyboxAssets:
    """Reference assets of toybox prompts; implements ``ReferenceAssets``."""

    def __init__(
        self, specs: Sequence[CharacterSpec], device: torch.device, *, compiled: bool
    ) -> None:
        self._table: AssetBatch = stack([build(spec) for spec in specs]).to(device)
        self._compiled = compiled

    def _pick(self, assets: Sequence[int]) -> AssetBatch:
        return self._table[torch.as_tensor(list(assets), device=self._table.device)]

    def pictures(
        self, assets: list[int], cameras: Cameras, size: int
    ) -> tuple[Float[Tensor, "views size size 3"], Float[Tensor, "views size size"]]:
        black = torch.zeros(len(assets), 3, device=self._table.device)
        renders = render(
            self._pick(assets),
            cameras,
            size,
            shading="albedo",
            background=black,
            compiled=self._compiled,
        )
        return renders.rgb, renders.alpha

    def lit(
        self, asset: int, cameras: Cameras, size: int, shading: Shading = "full"
    ) -> Float[Tensor, "views size size 3"]:
        """Pictures of one toy over white, lit like our own pictures."""
        cameras = cameras.to(self._table.device)
        white = torch.ones(len(cameras), 3, device=self._table.device)
        return render(
            self._pick([asset] * len(cameras)),
            cameras,
            size,
            lights=headlight(cameras),
            shading=shading,
            background=white,
            compiled=self._compiled,
        ).rgb

    def near_points(
        self, assets: list[int], count: int, sigma: float, generator: torch.Generator
    ) -> Float[Tensor, "assets count 3"]:
        return near_surface_points(
            self._pick(assets), count, sigma, generator, compiled=self._compiled
        )

    def query(
        self, assets: list[int], points: Float[Tensor, "assets points 3"]
    ) -> tuple[Float[Tensor, "assets points"], Float[Tensor, "assets points 3"]]:
        return query(self._pick(assets), points, compiled=self._compiled)
