"""What contrastive training needs to know of a world: its captions, attributes and pictures."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.rendering.cameras import CameraConfig, Cameras, orbit, sample_cameras
from backend.rendering.lighting import LightConfig, Shading, headlight, sample_lights

CAMERAS = CameraConfig(distance=(2.8, 3.3), focal=(1.2, 1.4), elevation=(-10.0, 50.0))
"""Around what R-precision looks from (A34): the whole object, large."""
LIGHTS = LightConfig(distance=(2.0, 3.0), angle=(0.0, 60.0))


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
        """Color premultiplied by alpha, and alpha, in [0, 1]; random cameras and lights."""
        ...

    def fixed_views(
        self, indices: Int[Tensor, " objects"], size: int
    ) -> Float[Tensor, "objects 4 4 size size"]:
        """Front, left, back and right at elevation 15, lit: the pictures that A34 measures on."""
        ...


class RenderedViews(ABC):
    """The views of a :class:`PairSource` whose objects can be rendered."""

    @abstractmethod
    def render(
        self,
        indices: Int[Tensor, " views"],
        cameras: Cameras,
        lights: Float[Tensor, "views 3"],
        size: int,
        shading: Shading,
    ) -> Float[Tensor, "views 4 size size"]:
        """Color premultiplied by alpha, and alpha, of an object a view."""

    @torch.no_grad()
    def random_views(
        self, indices: Int[Tensor, " views"], size: int, generator: torch.Generator
    ) -> Float[Tensor, "views 4 size size"]:
        cameras = sample_cameras(len(indices), CAMERAS, generator)
        lights = sample_lights(cameras, LIGHTS, generator)
        draw = torch.rand(1, generator=generator).item()
        return self.render(indices, cameras, lights, size, _shading(draw))

    @torch.no_grad()
    def fixed_views(
        self, indices: Int[Tensor, " objects"], size: int
    ) -> Float[Tensor, "objects 4 4 size size"]:
        cameras = orbit(4)[torch.arange(4).repeat(len(indices))]
        each = indices.repeat_interleave(4)
        views = self.render(each, cameras, headlight(cameras), size, "full")
        return views.unflatten(0, (len(indices), 4))


def _shading(draw: float) -> Shading:
    """Mostly lit or albedo, seldom textureless (A15), for ``draw`` uniform in [0, 1)."""
    if draw < 0.72:
        return "full"
    return "albedo" if draw < 0.95 else "textureless"
