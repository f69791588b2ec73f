"""What a picture is said to show: the prompt, sometimes in other words, and the view."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.text.encoder import TextEncoder

from ..prompts import paraphrase, spec_of
from ..prompts.views import VIEW_WORDS, view_prompt
from .config import DataConfig

_KEPT = 8192
"""Captions whose tokens are kept, about 16 kB each."""


class Captions:
    """Captions of some prompts' pictures."""

    def __init__(self, prompts: Sequence[str], config: DataConfig) -> None:
        self._prompts = list(prompts)
        self._specs = [spec_of(prompt) for prompt in prompts]
        self._config = config

    def draw(
        self,
        objects: Int[Tensor, " pictures"],
        views: Int[Tensor, " pictures"],
        generator: torch.Generator,
    ) -> list[str]:
        """One caption a picture; ``""`` for those that are dropped.

        ``objects`` index the prompts, ``views`` the scheme's word groups.
        """
        config = self._config
        dropped, viewless, other = torch.rand(3, len(objects), generator=generator)
        said = []
        for place, (index, view) in enumerate(zip(objects.tolist(), views.tolist(), strict=True)):
            if dropped[place] < config.dropout:
                said.append("")
                continue
            text = self._prompts[index]
            if other[place] < config.paraphrase:
                text = paraphrase(self._specs[index], generator)
            if viewless[place] >= config.without_view:
                text = view_prompt(text, VIEW_WORDS[config.views][view])
            said.append(text)
        return said

    def full(self, objects: Int[Tensor, " pictures"], views: Int[Tensor, " pictures"]) -> list[str]:
        """The prompts themselves with their view words."""
        names = VIEW_WORDS[self._config.views]
        rows = zip(objects.tolist(), views.tolist(), strict=True)
        return [view_prompt(self._prompts[index], names[view]) for index, view in rows]


class Tokens:
    """A text encoder that remembers what it was asked last."""

    def __init__(self, encoder: TextEncoder) -> None:
        self._encoder = encoder
        self._kept: OrderedDict[str, Float[Tensor, "tokens width"]] = OrderedDict()

    def __call__(self, captions: Sequence[str]) -> Float[Tensor, "captions tokens width"]:
        new = [text for text in dict.fromkeys(captions) if text not in self._kept]
        if new:
            self._kept.update(zip(new, self._encoder.encode(new), strict=True))
        found = []
        for text in captions:
            self._kept.move_to_end(text)
            found.append(self._kept[text])
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return torch.stack(found)
