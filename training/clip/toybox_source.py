"""The toybox as pairs of pictures and captions."""

from __future__ import annotations

import random
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.rendering.cameras import Cameras
from backend.rendering.lighting import Shading

from ..prompts import (
    ACTIVITIES,
    ANIMALS,
    HATS,
    THEMES,
    PromptSet,
    character_of,
    known_words,
    paraphrase,
)
from ..toybox import AssetBatch, build, render, stack
from .source import RenderedViews


class ToyboxSource(RenderedViews):
    """A :class:`~.source.PairSource` of a prompt set's toys."""

    name = "toybox"
    attribute_names = ("animal", "activity", "theme", "hat")

    def __init__(self, prompts: PromptSet, *, compiled: bool = True) -> None:
        self._specs = [character_of(prompt) for prompt in prompts.prompts]
        self._compiled = compiled
        self.captions = list(prompts.prompts)
        self.trainable = torch.tensor(list(prompts.seen))
        self.attributes = torch.tensor(
            [
                (
                    ANIMALS.index(spec.animal),
                    (None, *ACTIVITIES).index(spec.activity),
                    (None, *THEMES).index(spec.theme),
                    (None, *HATS).index(spec.hat),
                )
                for spec in self._specs
            ]
        )

    @cached_property
    def _assets(self) -> AssetBatch:
        return stack([build(spec) for spec in self._specs])

    @property
    def fingerprint(self) -> str:
        return self._assets.fingerprint

    def paraphrase(self, index: int, chance: random.Random) -> str:
        return paraphrase(self._specs[index], chance)

    def vocabulary_texts(self) -> list[str]:
        return [*self.captions, *known_words()]

    def render(
        self,
        indices: Int[Tensor, " views"],
        cameras: Cameras,
        lights: Float[Tensor, "views 3"],
        size: int,
        shading: Shading,
    ) -> Float[Tensor, "views 4 size size"]:
        pictures = render(
            self._assets[indices],
            cameras,
            size,
            lights=lights,
            shading=shading,
            background=torch.zeros(len(indices), 3),
            compiled=self._compiled,
        )
        rgba = torch.cat([pictures.rgb, pictures.alpha[..., None]], dim=-1)
        return rgba.permute(0, 3, 1, 2)
