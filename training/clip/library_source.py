"""A library of models as pairs of pictures and captions."""

from __future__ import annotations

import hashlib
import random
import re
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from backend.rendering.cameras import CameraConfig, Cameras, orbit, sample_cameras
from backend.rendering.lighting import LightConfig, Shading, headlight, sample_lights

from ..assets.library import LibraryCollection
from ..library.attributes import STRETCHES, TINTS
from ..prompts import PromptMix

CAMERAS = CameraConfig(distance=(2.8, 3.3), focal=(1.2, 1.4), elevation=(-10.0, 50.0))
"""Around what R-precision looks from (A34): the whole model, large."""
LIGHTS = LightConfig(distance=(2.0, 3.0), angle=(0.0, 60.0))
_RAYS = 2
"""Rays along a pixel's side: thin parts are seen, and edges are soft."""


class LibrarySource:
    """A :class:`~.source.PairSource` of a library's models and their copies.

    Two objects are neighbours (:func:`~.sampling.neighbours`) where they are the same thing in
    another form (two swords), or one model in another colour or proportion.
    """

    attribute_names = ("thing", "model", "tint", "stretch")

    def __init__(self, folder: Path, *, attributes: bool = True) -> None:
        """Raises ``TrainingError``: there is no library in the folder, or it is damaged."""
        self._collection = LibraryCollection(folder, attributes=attributes)
        prompts = self._collection.prompt_set("library")
        self.name = self._collection.name
        self.captions = list(prompts.prompts)
        self.trainable = torch.tensor(sorted(set(prompts.seen)))
        self._assets = self._collection.references(
            self.captions, torch.device("cpu"), compiled=False
        )
        digest = hashlib.sha256(self._collection.fingerprint(self.captions).encode())
        digest.update(str(_RAYS).encode())
        self.fingerprint = digest.hexdigest()
        instances = [self._collection.instance(prompt) for prompt in self.captions]
        things: dict[str, int] = {}
        names = [head_noun(self._collection.index.entries[i.model].prompt) for i in instances]
        self.attributes = torch.tensor(
            [
                (
                    things.setdefault(name, len(things)),
                    instance.model,
                    ("", *TINTS).index(instance.look.tint),
                    ("", *STRETCHES).index(instance.look.stretch),
                )
                for name, instance in zip(names, instances, strict=True)
            ]
        )

    def paraphrase(self, index: int, chance: random.Random) -> str:
        return self._collection.paraphrase(self.captions[index], chance)

    def vocabulary_texts(self) -> list[str]:
        return [*self.captions, *self._collection.known_words(self.captions)]

    @torch.no_grad()
    def random_views(
        self, indices: Int[Tensor, " views"], size: int, generator: torch.Generator
    ) -> Float[Tensor, "views 4 size size"]:
        cameras = sample_cameras(len(indices), CAMERAS, generator)
        lights = sample_lights(cameras, LIGHTS, generator)
        lit = torch.rand(1, generator=generator).item() < 0.75
        return self._render(indices, cameras, lights, size, "full" if lit else "albedo")

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
        batch = self._assets.assets_at(PromptMix.plain(indices.tolist()))
        color, alpha = batch.pictures(cameras, _RAYS * size, shading=shading, lights=lights)
        rgba = torch.cat([color * alpha[..., None], alpha[..., None]], dim=-1)
        return functional.avg_pool2d(rgba.permute(0, 3, 1, 2), _RAYS)


def head_noun(caption: str) -> str:
    """The thing that a caption is of.

    >>> head_noun("a small table with a candle, variant 2")
    'table'
    """
    phrase = re.split(r",| (?:with|without|in|on|of|from|at|after|before|between) ", caption)[0]
    return phrase.split()[-1].lower() if phrase.split() else caption
