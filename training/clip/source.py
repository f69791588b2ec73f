"""What contrastive training needs to know of a world: its captions, attributes and pictures."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor


@runtime_checkable
class PairSource(Protocol):
    """A finite set of captioned objects, the same in the same order every time."""

    @property
    def name(self) -> str:
        """What a reader of the finished file calls it."""
        ...

    @property
    def captions(self) -> list[str]:
        """The template caption of every object: the queries of retrieval (A34)."""
        ...

    @property
    def attributes(self) -> Int[Tensor, "objects attributes"]:
        """What the objects differ in, as small integers."""
        ...

    @property
    def attribute_names(self) -> Sequence[str]: ...

    @property
    def fingerprint(self) -> str:
        """Changes when the objects look different: pictures on disk are then rendered anew."""
        ...

    @property
    def trainable(self) -> Int[Tensor, " seen"]:
        """Objects that conditioning may learn from; the others stay unseen (A32)."""
        ...

    def paraphrase(self, index: int, chance: random.Random) -> str:
        """Another way to say the caption of an object."""
        ...

    def vocabulary_texts(self) -> Sequence[str]:
        """Texts that together hold every word any caption or paraphrase may use."""
        ...

    def random_views(
        self, indices: Int[Tensor, " views"], size: int, generator: torch.Generator
    ) -> Float[Tensor, "views 4 size size"]:
        """Colour premultiplied by alpha, and alpha, in [0, 1]; random cameras and lights."""
        ...

    def fixed_views(
        self, indices: Int[Tensor, " objects"], size: int
    ) -> Float[Tensor, "objects 4 4 size size"]:
        """Front, left, back and right at elevation 15, lit: the pictures that A34 measures on."""
        ...
