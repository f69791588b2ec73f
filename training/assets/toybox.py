"""The toybox as reference assets: one toy a prompt, and what lies between a family's prompts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

import torch
from jaxtyping import Float
from torch import Tensor

from backend.prompts.attributes import Factors
from backend.recolored import Tint
from backend.rendering.cameras import Cameras
from backend.rendering.lighting import Shading

from ..prompts import (
    Chance,
    PromptMix,
    PromptSet,
    Spec,
    find_spec,
    known_words,
    paraphrase,
    prompt_set,
    spec_of,
    synonyms,
)
from ..toybox import AssetBatch, build, build_mix, near_surface_points, query, render, stack
from .protocol import Shown

_LOOKED_AT = 200
"""Toys whose shapes and colors a fingerprint looks at, of a set of any size: a toy takes 1 ms."""


@dataclass(frozen=True)
class ToyboxConfig:
    """The toys that this project makes itself; implements ``AssetsConfig``."""

    kind: str = field(default="toybox", init=False)

    def open(self) -> ToyboxCollection:
        """The collection of all toys."""
        return ToyboxCollection()


class ToyboxCollection:
    """Prompts of the toybox; implements ``AssetCollection``."""

    name = "toybox"
    licence = "GPL-3.0-or-later"

    def prompt_set(self, name: str) -> PromptSet:
        return prompt_set(name)

    def has(self, prompt: str) -> bool:
        return find_spec(prompt) is not None

    def references(
        self, prompts: Sequence[str], device: torch.device, *, compiled: bool
    ) -> ToyboxAssets:
        return ToyboxAssets([spec_of(prompt) for prompt in prompts], device, compiled=compiled)

    def paraphrase(self, prompt: str, chance: Chance) -> str:
        return paraphrase(spec_of(prompt), chance)

    def known_words(self, prompts: Sequence[str]) -> Sequence[str]:
        return known_words(prompts)

    def synonyms(self, prompts: Sequence[str]) -> dict[str, str]:
        return synonyms(prompts)

    def shown(self, prompts: Sequence[str]) -> list[Shown]:
        """Every toy is an asset of its own."""
        return [Shown(asset, prompt) for asset, prompt in enumerate(prompts)]

    def copies(self, prompt: str) -> Mapping[str, Shown]:
        """Nothing: a toy's colors and proportions are its subject's."""
        del prompt
        return {}

    def captions(self, prompts: Sequence[str]) -> dict[str, str]:
        """Nothing: what a toy wears and holds is learnt, and so are other words for it."""
        del prompts
        return {}

    @property
    def tints(self) -> Mapping[str, Tint]:
        return {}

    @property
    def stretches(self) -> Mapping[str, Factors]:
        return {}

    def proportions(
        self, prompts: Sequence[str], count: int, chance: Random
    ) -> list[tuple[str, Factors]]:
        """Nothing: no word stretches a toy."""
        del prompts, count, chance
        return []

    def sizes(self, prompts: Sequence[str]) -> dict[str, float]:
        """No sizes: a toy may be as large as one likes."""
        del prompts
        return {}

    def kinds(self, prompts: Sequence[str]) -> dict[str, str]:
        """No categories: a toy's subject is one."""
        del prompts
        return {}

    def fingerprint(self, prompts: Sequence[str]) -> str:
        """A hash of the toys' specifications, and of some of the toys themselves."""
        said = [str(find_spec(prompt)) for prompt in prompts]
        specs = [spec for prompt in prompts if (spec := find_spec(prompt)) is not None]
        some = [build(spec) for spec in specs[:: max(len(specs) // _LOOKED_AT, 1)]]
        looks = stack(some).fingerprint if some else ""
        return hashlib.sha256("\n".join([self.name, *said, looks]).encode()).hexdigest()

    def provenance(self, prompts: Sequence[str]) -> Mapping[str, object]:
        return {}


class ToyboxAssets:
    """The toys of some specifications; implements ``ReferenceAssets``."""

    pictures_between = True

    def __init__(self, specs: Sequence[Spec], device: torch.device, *, compiled: bool) -> None:
        self._specs = tuple(specs)
        self._table: AssetBatch = stack([build(spec) for spec in specs]).to(device)
        self._compiled = compiled

    def unstretched(self) -> ToyboxAssets:
        """These: no word stretches a toy."""
        return self

    def assets_at(self, mix: PromptMix) -> ToyboxBatch:
        """The toy of each mix: a prompt's own, or the family's between its prompts.

        Toys in between are built anew each time, about a millisecond each.

        Raises:
            TrainingError: a mix is of toys that are not of one family.
        """
        leading = torch.tensor(mix.leading, device=self._table.device)
        between = mix.between
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


@dataclass(frozen=True)
class ToyboxBatch:
    """Toys side by side; implements ``ReferenceBatch``."""

    table: AssetBatch
    compiled: bool

    def pictures(
        self,
        cameras: Cameras,
        size: int,
        *,
        shading: Shading = "albedo",
        lights: Float[Tensor, "assets 3"] | None = None,
    ) -> tuple[Float[Tensor, "assets size size 3"], Float[Tensor, "assets size size"]]:
        device = self.table.device
        renders = render(
            self.table,
            cameras.to(device),
            size,
            lights=None if lights is None else lights.to(device),
            shading=shading,
            background=torch.zeros(len(self.table), 3, device=device),
            compiled=self.compiled,
        )
        return renders.rgb, renders.alpha

    def near_points(
        self, count: int, sigma: float, generator: torch.Generator
    ) -> Float[Tensor, "assets count 3"]:
        return near_surface_points(self.table, count, sigma, generator, compiled=self.compiled)

    def query(
        self, points: Float[Tensor, "assets points 3"]
    ) -> tuple[Float[Tensor, "assets points"], Float[Tensor, "assets points 3"]]:
        return query(self.table, points, compiled=self.compiled)
