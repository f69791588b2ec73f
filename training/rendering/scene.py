"""A step's objects, and what is drawn at random to look at them: cameras, lights, shadings."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.model.att3d import ATT3D, Objects
from backend.rendering.cameras import Cameras
from backend.rendering.lighting import Shading

from ..prompts import PromptMix

SHADINGS: tuple[Shading, ...] = ("full", "textureless", "albedo")


@dataclass(frozen=True)
class Step:
    """One step's objects, and what they were asked to be."""

    model: ATT3D
    objects: Objects
    mix: PromptMix
    index: int
    """Number of the step."""
    steps: int
    """Steps of the whole run: schedules go by ``index / steps``."""
    generator: torch.Generator
    """Seeded by run and step: the only source of randomness of the step."""
    conditions: dict[str, Float[Tensor, " objects"]] = field(default_factory=dict)
    """Values that the run amortizes over (A31), one an object, such as ``guidance_weight``."""

    @property
    def prompts(self) -> list[int]:
        """Index of each object's leading prompt in the prompt set."""
        return self.mix.leading

    @property
    def done(self) -> float:
        """Share of the run that is over."""
        return self.index / max(self.steps, 1)


@dataclass(frozen=True)
class TrainingViews:
    """One view of each of a step's objects."""

    images: Float[Tensor, "objects size size 3"]
    """Composited, sRGB, in [0, 1]."""
    alpha: Float[Tensor, "objects size size"]
    cameras: Cameras
    """Kept on the CPU, where a guidance chooses words by them."""
    lights: Float[Tensor, "objects 3"]
    """Positions of the point lights, metres; every picture has one, lit or not."""
    shadings: list[Shading]
    regularizers: dict[str, Float[Tensor, ""]]
    """Weighted and ready to be added to a loss."""


@dataclass(frozen=True)
class Scene:
    """What is drawn at random for one picture an object."""

    cameras: Cameras
    lights: Float[Tensor, "objects 3"]
    shadings: list[Shading]
    solid: Bool[Tensor, " objects"]
    """Whether the background is ``color`` rather than the environment map."""
    color: Float[Tensor, "objects 3"]
    amount: Float[Tensor, " objects"] | None = None
    """How much of a picture's color (textureless) or light (albedo) is taken away; None: all."""


class Lighting:
    """Each object's light, and how far its shading is from full light on full color.

    A step's conditions ``textureless`` and ``albedo``, from 0 to 1, replace the shading's own (A31:
    amortizing over augmentations).
    """

    def __init__(
        self,
        scene: Scene,
        position: Float[Tensor, "objects 3"],
        conditions: dict[str, Float[Tensor, " objects"]] | None = None,
    ) -> None:
        given = conditions or {}
        self.position = position
        device = position.device
        amount = torch.ones(len(scene.shadings)) if scene.amount is None else scene.amount

        def of(shading: Shading) -> Float[Tensor, " objects"]:
            if shading in given:
                return given[shading].to(position).clamp(0.0, 1.0)
            chosen = torch.tensor([s == shading for s in scene.shadings])
            return torch.where(chosen, amount, 0.0).to(device, non_blocking=True)

        self.white = of("textureless")
        """Share of white in each object's color."""
        self.even = of("albedo")
        """Share of even light of strength one in each object's light."""
        self.lit = self.even < 1.0

    def shade(
        self,
        color: Float[Tensor, "points 3"],
        light: Float[Tensor, " points"],
        owner: Int[Tensor, " points"],
        opaque: Float[Tensor, "points 1"] | None = None,
    ) -> Float[Tensor, "points 3"]:
        """Colors, premultiplied by ``opaque`` (None: one), in the ``light`` that falls on them."""
        most = torch.ones_like(color[:, :1]) if opaque is None else opaque
        base = torch.lerp(color, most.expand_as(color), self.white[owner][:, None])
        lit = torch.lerp(light, torch.ones_like(light), self.even[owner])[:, None]
        return torch.minimum(base * lit, most).clamp_min(0.0)
