"""A library of models as pairs of pictures and captions."""

from __future__ import annotations

import hashlib
import random
import re
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from backend.rendering.cameras import Cameras
from backend.rendering.lighting import Shading

from ..assets.library import LibraryCollection
from ..library.assets import LibraryAssets
from ..library.attributes import STRETCHES, TINTS
from ..prompts import PromptMix
from .source import RenderedViews

_RAYS = 2
"""Rays along a pixel's side: thin parts are seen, and edges are soft."""


class LibrarySource(RenderedViews):
    """A :class:`~.source.PairSource` of a library's models and their copies.

    Two objects are neighbours (:func:`~.sampling.neighbours`) where they are the same thing in
    another form (two swords), or one model in another color or proportion.
    """

    attribute_names = ("thing", "model", "tint", "stretch")

    def __init__(self, folder: Path, *, attributes: bool = True) -> None:
        """Raises ``TrainingError``: there is no library in the folder, or it is damaged."""
        self._collection = LibraryCollection(folder, attributes=attributes)
        prompts = self._collection.prompt_set("library")
        self.name = self._collection.name
        self.captions = list(prompts.prompts)
        self.trainable = torch.tensor(sorted(set(prompts.seen)))
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

    @cached_property
    def _assets(self) -> LibraryAssets:
        return self._collection.references(self.captions, torch.device("cpu"), compiled=False)

    @property
    def fingerprint(self) -> str:
        return self._digest

    @cached_property
    def _digest(self) -> str:
        digest = hashlib.sha256(self._collection.fingerprint(self.captions).encode())
        digest.update(str(_RAYS).encode())
        return digest.hexdigest()

    def paraphrase(self, index: int, chance: random.Random) -> str:
        return self._collection.paraphrase(self.captions[index], chance)

    def vocabulary_texts(self) -> list[str]:
        return [*self.captions, *self._collection.known_words(self.captions)]

    def render(
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
