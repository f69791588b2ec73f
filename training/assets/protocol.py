"""What training asks of reference assets, whatever kind they are.

Three levels. An :class:`AssetsConfig` is the few settings by which a run's configuration names its
assets. Opened, it is an :class:`AssetCollection`: captions, other words for them, and contents that
can be told apart. For the prompts of a run it gives :class:`ReferenceAssets`: pictures, points and
colors to compare with.

A new kind of assets is one file beside this one, and one line in ``training/assets/__init__.py``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from backend.prompts.attributes import Factors
from backend.recolored import Tint
from backend.rendering.cameras import Cameras
from backend.rendering.lighting import Shading, headlight

from ..prompts import Chance, PromptMix, PromptSet


@dataclass(frozen=True)
class Shown:
    """What a prompt shows: an asset, and words that change any asset in the same way."""

    asset: int
    plain: str
    """The prompt without these words."""
    paint: str = ""
    """The one that changes colors, or nothing for an asset in its own."""
    stretch: str = ""
    """The one that changes proportions, or nothing."""

    @property
    def as_it_is(self) -> bool:
        """Whether no word changes the asset."""
        return not self.paint and not self.stretch

    @property
    def unstretched(self) -> Shown:
        """The same in the asset's own proportions."""
        return dataclasses.replace(self, stretch="")


@runtime_checkable
class ReferenceBatch(Protocol):
    """Assets side by side, one for each object of a step or each view of a picture."""

    def pictures(
        self,
        cameras: Cameras,
        size: int,
        *,
        shading: Shading = "albedo",
        lights: Float[Tensor, "assets 3"] | None = None,
    ) -> tuple[Float[Tensor, "assets size size 3"], Float[Tensor, "assets size size"]]:
        """Color (sRGB in [0, 1]) premultiplied by alpha, and alpha: one view an asset.

        ``lights`` are point lights in metres, by default each camera's headlight; ``albedo`` needs
        none.
        """
        ...

    def near_points(
        self, count: int, sigma: float, generator: torch.Generator
    ) -> Float[Tensor, "assets count 3"]:
        """Points about ``sigma`` metres from each asset's surface; with 0, points on it."""
        ...

    def query(
        self, points: Float[Tensor, "assets points 3"]
    ) -> tuple[Float[Tensor, "assets points"], Float[Tensor, "assets points 3"]]:
        """Signed distance (negative inside, metres) and the nearest surface's albedo at points of
        each asset."""
        ...


@runtime_checkable
class ReferenceAssets(Protocol):
    """The assets of some prompts, in their order."""

    pictures_between: bool
    """Whether what lies between prompts has pictures, not just points."""

    def assets_at(self, mix: PromptMix) -> ReferenceBatch:
        """The asset of each mix: its prompt's own, or the one truly between its prompts.

        Raises:
            TrainingError: there is nothing between some of the prompts.
        """
        ...

    def unstretched(self) -> ReferenceAssets:
        """The same in the assets' own proportions, whatever the prompts' words ask for."""
        ...


@runtime_checkable
class AssetCollection(Protocol):
    """Captioned assets, before any of them is built."""

    @property
    def name(self) -> str:
        """What a person calls them, such as ``toybox``."""
        ...

    @property
    def licence(self) -> str:
        """The licence of what is trained on them (an SPDX expression)."""
        ...

    def prompt_set(self, name: str) -> PromptSet:
        """Captions with their split into seen and unseen ones: a set of the collection by its
        name, or a file of prompts.

        Raises:
            TrainingError: there is no such set, or the file cannot be used.
        """
        ...

    def has(self, prompt: str) -> bool:
        """Whether there is an asset for a prompt."""
        ...

    def references(
        self, prompts: Sequence[str], device: torch.device, *, compiled: bool
    ) -> ReferenceAssets:
        """The assets of some prompts, in their order.

        ``compiled`` allows torch.compile for their rendering.

        Raises:
            TrainingError: a prompt has no asset, or an asset cannot be read.
        """
        ...

    def paraphrase(self, prompt: str, chance: Chance) -> str:
        """The prompt in other words; the same ones for the same state of ``chance``."""
        ...

    def known_words(self, prompts: Sequence[str]) -> Sequence[str]:
        """Every word of the prompts and of their paraphrases, sorted."""
        ...

    def synonyms(self, prompts: Sequence[str]) -> dict[str, str]:
        """Words of the paraphrases to the word that the prompts use: ``hog`` to ``pig``."""
        ...

    def shown(self, prompts: Sequence[str]) -> list[Shown]:
        """What each of the prompts shows."""
        ...

    def copies(self, prompt: str) -> Mapping[str, Shown]:
        """What all copies of a prompt's asset show, by their captions; none of a copy."""
        ...

    def captions(self, prompts: Sequence[str]) -> dict[str, str]:
        """Captions of assets as they are, each with that prompt of ``prompts`` which is the asset;
        none that could mean two of them."""
        ...

    @property
    def tints(self) -> Mapping[str, Tint]:
        """Words that give any asset other colors, and nothing else."""
        ...

    @property
    def stretches(self) -> Mapping[str, Factors]:
        """Words that stretch any asset, and by how much."""
        ...

    def proportions(
        self, prompts: Sequence[str], count: int, chance: Random
    ) -> list[tuple[str, Factors]]:
        """What each of the prompts' assets is called, and about ``count`` ways to ask for it in
        other proportions, colors and words, with how these stretch it; none that is held back, or
        that means another asset. Nothing where no word stretches."""
        ...

    def sizes(self, prompts: Sequence[str]) -> dict[str, float]:
        """Real sizes by prompt: the largest side in metres, of those prompts that have one."""
        ...

    def kinds(self, prompts: Sequence[str]) -> dict[str, str]:
        """Categories by prompt, of those that have one: what a person browses by."""
        ...

    def fingerprint(self, prompts: Sequence[str]) -> str:
        """A hash of what the prompts' assets are: it changes when a person edits them, and not
        with the place that they are read from."""
        ...

    def provenance(self, prompts: Sequence[str]) -> Mapping[str, object]:
        """Where the prompts' assets are from, as JSON-ready values, for the checkpoint's recipe;
        empty for those that this project makes itself."""
        ...


@runtime_checkable
class AssetsConfig(Protocol):
    """A kind of assets as a configuration names it: a frozen dataclass of settings."""

    kind: str
    """The kind's name in ``KINDS``."""

    def open(self) -> AssetCollection:
        """The collection that these settings name.

        Raises:
            TrainingError: there is no such collection, or it cannot be read.
        """
        ...


def references_of(
    collection: AssetCollection, prompts: Sequence[str], device: torch.device, *, compiled: bool
) -> ReferenceAssets | None:
    """The assets of some prompts, or None if the collection does not have all of them."""
    if not all(collection.has(prompt) for prompt in prompts):
        return None
    return collection.references(prompts, device, compiled=compiled)


def lit_on_white(
    assets: ReferenceAssets, asset: int, cameras: Cameras, size: int, shading: Shading = "full"
) -> Float[Tensor, "views size size 3"]:
    """Pictures of one prompt's asset over white, lit like our own pictures."""
    batch = assets.assets_at(PromptMix.plain([asset] * len(cameras)))
    color, alpha = batch.pictures(cameras, size, shading=shading, lights=headlight(cameras))
    return color + (1.0 - alpha)[..., None]
