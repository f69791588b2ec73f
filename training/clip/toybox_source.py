"""The toybox as pairs of pictures and captions."""

from __future__ import annotations

import random

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.rendering.cameras import CameraConfig, Cameras, orbit, sample_cameras
from backend.rendering.lighting import LightConfig, Shading, headlight, sample_lights

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
from ..toybox import build, render, stack

CAMERAS = CameraConfig(distance=(2.8, 3.3), focal=(1.2, 1.4), elevation=(-10.0, 50.0))
"""Around what R-precision looks from (A34): the whole toy, large."""
LIGHTS = LightConfig(distance=(2.0, 3.0), angle=(0.0, 60.0))


class ToyboxSource:
    """A :class:`~.source.PairSource` of a prompt set's toys."""

    name = "toybox"
    attribute_names = ("animal", "activity", "theme", "hat")

    def __init__(self, prompts: PromptSet, *, compiled: bool = True) -> None:
        self._specs = [character_of(prompt) for prompt in prompts.prompts]
        self._assets = stack([build(spec) for spec in self._specs])
        self._compiled = compiled
        self.fingerprint = self._assets.fingerprint
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

    def paraphrase(self, index: int, chance: random.Random) -> str:
        return paraphrase(self._specs[index], chance)

    def vocabulary_texts(self) -> list[str]:
        return [*self.captions, *known_words()]

    @torch.no_grad()
    def random_views(
        self, indices: Int[Tensor, " views"], size: int, generator: torch.Generator
    ) -> Float[Tensor, "views 4 size size"]:
        cameras = sample_cameras(len(indices), CAMERAS, generator)
        lights = sample_lights(cameras, LIGHTS, generator)
        draw = torch.rand(1, generator=generator).item()
        return self._render(indices, cameras, lights, size, _shading(draw))

    @torch.no_grad()
    def fixed_views(
        self, indices: Int[Tensor, " objects"], size: int
    ) -> Float[Tensor, "objects 4 4 size size"]:
        cameras = orbit(4)[torch.arange(4).repeat(len(indices))]
        each = indices.repeat_interleave(4)
        views = self._render(each, cameras, headlight(cameras), size, "full")
        return views.unflatten(0, (len(indices), 4))

    def _render(
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


def _shading(draw: float) -> Shading:
    """Mostly lit or albedo, seldom textureless (A15), for ``draw`` uniform in [0, 1)."""
    if draw < 0.72:
        return "full"
    return "albedo" if draw < 0.95 else "textureless"
